"""Non-volatile memory as the firmware sees it: raw NOR sectors that the host keeps behind the bridge."""

from __future__ import annotations

PAGE_SIZE = 256
PAGES_PER_SECTOR = 16
SECTOR_SIZE = PAGE_SIZE * PAGES_PER_SECTOR
SECTORS = 16
ERASE_MS = 45
"""Typical time that a sector erase stops the RP2040 for."""


class NorError(ValueError):
    """The firmware asked for what the part cannot do."""


class Nor:
    """Sixteen sectors of sixteen pages. Erased bits are ones; programming only clears bits."""

    def __init__(self, image: bytes | None = None) -> None:
        size = SECTORS * SECTOR_SIZE
        if image is not None and len(image) != size:
            raise ValueError(f"an image has {size} bytes, not {len(image)}")
        self.data = bytearray(image if image is not None else b"\xff" * size)
        self.erase_counts = [0] * SECTORS

    def read(self, sector: int, page: int) -> bytes:
        """One page."""
        at = self._offset(sector, page)
        return bytes(self.data[at : at + PAGE_SIZE])

    def program(self, sector: int, page: int, content: bytes) -> None:
        """Clear the bits of a page that are clear in `content`, a whole page."""
        at = self._offset(sector, page)
        if len(content) != PAGE_SIZE:
            raise NorError(f"a page has {PAGE_SIZE} bytes, not {len(content)}")
        old = int.from_bytes(self.data[at : at + PAGE_SIZE], "little")
        self.data[at : at + PAGE_SIZE] = (old & int.from_bytes(content, "little")).to_bytes(PAGE_SIZE, "little")

    def erase(self, sector: int) -> None:
        """Set every bit of a sector."""
        at = self._offset(sector, 0)
        self.data[at : at + SECTOR_SIZE] = b"\xff" * SECTOR_SIZE
        self.erase_counts[sector] += 1

    def write_record(self, sector: int, record: bytes) -> None:
        """Put a record at the start of an erased sector, as a programmer does before the first boot."""
        if len(record) > SECTOR_SIZE:
            raise ValueError(f"a sector has {SECTOR_SIZE} bytes, not {len(record)}")
        at = self._offset(sector, 0)
        self.data[at : at + SECTOR_SIZE] = record.ljust(SECTOR_SIZE, b"\xff")

    @staticmethod
    def _offset(sector: int, page: int) -> int:
        if not (0 <= sector < SECTORS and 0 <= page < PAGES_PER_SECTOR):
            raise NorError(f"there is no page {page} in a sector {sector}")
        return sector * SECTOR_SIZE + page * PAGE_SIZE
