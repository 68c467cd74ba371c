"""What is flashed starts here: choose the package that runs on this board, and start it.

On a board the package is frozen into the image, or lies in one of two folders that `isoloop flash` writes in turn; the file /slot names
the folder that counts and the image that it was made for, so that another image is never hidden by an older package.
"""

import sys


def choose_folder():
    """Put the folder that /slot names before everything else; without one the frozen package runs."""
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
        sys.path.insert(0, "/" + folder)


if sys.platform == "rp2":
    choose_folder()

import start  # noqa: E402 - from the folder just chosen

start.run()
