"""Firmware images, built from pinned sources and cached.

    unix32     MicroPython's unix port as a 32-bit program with single floats: 31-bit small ints, as on the board.
               It freezes nothing of ours: run the firmware tree with MICROPYPATH=firmware.
    unix64cov  the unix port with `sys.settrace`, for line coverage of the firmware under MicroPython
    pico       the release UF2 for the RP2040, `firmware/` frozen in
    mpy-cross  the compiler that belongs to them (bytecode version and all)

`find()` never builds, `refresh()` only freezes changed firmware anew, `build()` makes what is missing or stale; see docs/images.md.
"""

from __future__ import annotations

from isoloop.images.builder import IMAGES, build, find, info, refresh
from isoloop.images.errors import ImageError
from isoloop.images.store import ImageInfo

__all__ = ["IMAGES", "ImageError", "ImageInfo", "build", "find", "info", "refresh"]
