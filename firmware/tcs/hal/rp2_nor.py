"""The sixteen raw sectors of flash: behind the file system of the release image, or inside the file system of another MicroPython.

There each sector is a file of one whole block. littlefs keeps such a file in a block of its own, writes nothing else into it and never
moves it while the file is left alone; so the block can be erased and programmed as it lies. Which blocks those are stands in /nor/map.
"""

import os
from array import array

import rp2

from tcs.crc import crc16

SECTOR_SIZE = 4096
SECTORS = 16
FOLDER = "/nor"
_MAP = FOLDER + "/map"
_IOCTL_BLOCKS = 4
_IOCTL_ERASE = 6


def open_nor(pins):
    """(flash, block number of each sector), or None where the sectors have no place yet: make_nor() makes one."""
    if _is_behind_file_system(pins):
        first = pins.NOR_OFFSET // SECTOR_SIZE
        return rp2.Flash(), array("H", range(first, first + SECTORS))
    blocks = array("H", bytes(2 * SECTORS))
    check = array("H", (0,))
    try:
        with open(_MAP, "rb") as file:
            if file.readinto(blocks) != 2 * SECTORS or file.readinto(check) != 2:
                return None
    except OSError:
        return None
    return (rp2.Flash(), blocks) if crc16(bytes(blocks), 0, 2 * SECTORS) == check[0] else None


def make_nor(pins):
    """open_nor(), after finding the sectors a place where they have none. Takes a second or two then, and is whole or not at all."""
    found = open_nor(pins)
    if found is not None:
        return found
    try:
        os.mkdir(FOLDER)
    except OSError:
        pass
    flash = rp2.Flash()
    page = bytearray(256)
    page[16:24] = os.urandom(8)  # what a power cut has left of an earlier try does not pass for this one
    for sector in range(SECTORS):
        name = "%s/%02d" % (FOLDER, sector)
        # Removed first, or a file that is there already would keep its old block until the new one is written.
        try:
            os.remove(name)
        except OSError:
            pass
        _mark(page, sector)
        with open(name, "wb") as file:
            for _ in range(SECTOR_SIZE // len(page)):
                file.write(page)
    blocks = _find(flash, page)
    for block in blocks:
        flash.ioctl(_IOCTL_ERASE, block)
    with open(_MAP + ".new", "wb") as file:
        file.write(blocks)
        file.write(array("H", (crc16(bytes(blocks), 0, 2 * SECTORS),)))
    os.rename(_MAP + ".new", _MAP)
    return flash, blocks


class Memory:
    """The sectors without a board around them, for the tools. See tcs.hal."""

    def __init__(self, flash, blocks):
        self._flash = flash
        self._blocks = blocks

    def nor_read(self, sector, page, buffer):
        """Read a page."""
        self._flash.readblocks(self._blocks[sector], buffer, page * 256)

    def nor_program(self, sector, page, buffer):
        """Clear bits of a page."""
        self._flash.writeblocks(self._blocks[sector], buffer, page * 256)

    def nor_erase(self, sector):
        """Set every bit of a sector."""
        self._flash.ioctl(_IOCTL_ERASE, self._blocks[sector])


def _is_behind_file_system(pins):
    return os.statvfs("/")[1] * os.statvfs("/")[2] <= pins.NOR_OFFSET


def _mark(page, sector):
    for i in range(24, len(page)):
        page[i] = (i * 7 + sector * 31 + 5) & 0xFF
    page[:16] = b"isoloop sector%02d" % sector


def _find(flash, page):
    """Block of each sector's file: the one on the device that holds its mark from end to end."""
    blocks = array("H", bytes(2 * SECTORS))
    found = 0
    seen = bytearray(len(page))
    for block in range(flash.ioctl(_IOCTL_BLOCKS, 0)):
        flash.readblocks(block, seen, 0)
        if seen[:14] != page[:14] or seen[16:24] != page[16:24]:
            continue
        sector = int(seen[14:16])
        _mark(page, sector)
        whole = True
        for at in range(0, SECTOR_SIZE, len(page)):
            flash.readblocks(block, seen, at)
            whole = whole and seen == page
        if whole:
            found |= 1 << sector
            blocks[sector] = block
    if found != (1 << SECTORS) - 1:
        raise OSError("a sector's file did not get a block of its own")
    return blocks
