"""NOR flash that wears and loses power in the middle of what it does."""

from __future__ import annotations

from isoloop.targets import Nor

PAGE = 256
SECTOR = 4096


class PowerCut(Exception):
    """The supply went away."""


class FlakyNor:
    """The board's memory alone, as tcs.hal describes it.

    Attributes:
        nor: what it holds; outlives a cut.
        bytes_left: bytes that are still programmed or erased before power goes; None: it stays.
        stuck_ones, stuck_zeros: offset of a byte to the bits of it that can no longer be cleared or set.
        erases: sectors erased, in order; each takes 45 ms.
    """

    def __init__(self, nor: Nor | None = None, bytes_left: int | None = None) -> None:
        self.nor = nor or Nor()
        self.bytes_left = bytes_left
        self.stuck_ones: dict[int, int] = {}
        self.stuck_zeros: dict[int, int] = {}
        self.erases: list[int] = []
        self.moved = 0

    def nor_read(self, sector: int, page: int, buffer: bytearray) -> None:
        buffer[:] = self.nor.read(sector, page)

    def nor_program(self, sector: int, page: int, buffer: bytes) -> None:
        assert len(buffer) == PAGE
        at = sector * SECTOR + page * PAGE
        for index, byte in enumerate(buffer):
            self._spend()
            self.nor.data[at + index] &= byte | self.stuck_ones.get(at + index, 0)

    def nor_erase(self, sector: int) -> None:
        self.erases.append(sector)
        for at in range(sector * SECTOR, (sector + 1) * SECTOR):
            self._spend()
            self.nor.data[at] = 0xFF & ~self.stuck_zeros.get(at, 0)

    def _spend(self) -> None:
        if self.bytes_left is not None:
            if self.bytes_left <= 0:
                raise PowerCut
            self.bytes_left -= 1
        self.moved += 1
