"""The flash file system of a Pico under MicroPython, made on the host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from littlefs import LittleFS, UserContext

BLOCK_BYTES = 4096
BLOCK_COUNT = 336
"""1344 kB: what the image leaves of the RPI_PICO board's 1408 kB of flash storage, the end of which are the firmware's raw sectors."""
FS_START = (2048 - 1408) * 1024
"""Offset of the file system in flash; the program must end below it."""
_PROGRAM_BYTES = 256
_DISK_VERSION = 0x0002_0000  # littlefs 2.0: every MicroPython reads it, the library's newer default not


def make_filesystem(files: Mapping[str, bytes]) -> bytes:
    """A littlefs image of these files, `BLOCK_BYTES * BLOCK_COUNT` long. Folders are made as needed."""
    context = UserContext(buffsize=BLOCK_BYTES * BLOCK_COUNT)
    system = LittleFS(
        context=context, block_size=BLOCK_BYTES, block_count=BLOCK_COUNT, prog_size=_PROGRAM_BYTES, disk_version=_DISK_VERSION
    )
    for name in sorted(files):
        path = PurePosixPath("/") / name
        if path.parent != PurePosixPath("/"):
            system.makedirs(str(path.parent), exist_ok=True)
        with system.open(str(path), "wb") as stream:
            stream.write(files[name])
    # The image is complete only after this.
    system.unmount()
    return bytes(context.buffer)
