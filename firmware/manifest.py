# What an image freezes: the flight package, the board files and main.py, in an order that no file system decides.
# For a build of your own: make -C ports/rp2 BOARD=RPI_PICO FROZEN_MANIFEST=<this file>
# `package` and `module` are given by MicroPython's manifest reader.
# ruff: noqa: F821
import os


def _sources(folder):
    """Python files below `folder`, relative to it, sorted."""
    found = []
    for place, _folders, names in os.walk(folder):
        found += [os.path.relpath(os.path.join(place, name), folder) for name in names if name.endswith(".py")]
    return sorted(found)


for _folder in ("tcs", "boards"):
    if os.path.isdir(_folder):
        package(_folder, files=_sources(_folder))
for _file in ("main.py", "start.py", "module_hashes.py"):
    if os.path.isfile(_file):
        module(_file)
