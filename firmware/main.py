"""What is flashed starts here: choose the package that runs on this board, and start it.

On a board the package is frozen into the image. What differs from it lies in one of two folders that `isoloop flash` fills in turn; the
file /slot names the folder that counts and the image that it was made for, so that another image is never covered by older modules.
"""

import sys


def choose_folder():
    """Put the modules of the folder that /slot names before the frozen ones; without one the frozen ones run."""
    try:
        from build_id import IMAGE_ID as image
    except ImportError:
        image = "none"
    sys.modules.pop("build_id", None)
    try:
        with open("/slot") as file:
            folder, made_for = file.read().split()
    except (OSError, ValueError):
        return
    if made_for == image and folder in ("a", "b"):
        try:
            cover("/" + folder)
        except ImportError:  # nothing of ours is frozen: the folder holds it all
            pass
        sys.path.insert(0, "/" + folder)


def cover(folder):
    """Import a module of a frozen package from the same place below `folder` where it has one.

    A package of MicroPython has one path: it is set before each import to where that module lies.
    """
    import builtins
    import os

    import boards
    import tcs
    import tcs.hal

    frozen = {"tcs": tcs.__path__, "tcs.hal": tcs.hal.__path__, "boards": boards.__path__}
    found = builtins.__import__

    def find(name, *rest):
        package, _, module = name.rpartition(".")
        if package in frozen and name not in sys.modules:
            place = folder + "/" + package.replace(".", "/")
            try:
                os.stat(place + "/" + module + ".mpy")
            except OSError:
                place = frozen[package]
            sys.modules[package].__path__ = place
        return found(name, *rest)

    builtins.__import__ = find


if sys.platform == "rp2":
    choose_folder()

import start  # noqa: E402 - of the folder just chosen

start.run()
