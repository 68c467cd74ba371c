"""Captures of the black box on their way down: which there are, and their pieces, one page of the record each. Allocation-free.

A capture begins a sector and fills it. A piece is sent only while the line waits for nothing else.
"""

from array import array

from micropython import const

from tcs.record_writer import MAGIC_HI, MAGIC_LO, PAGE_SIZE, PAGES
from tcs.store import KIND_BLACK_BOX
from tcs.tables import ST_REASON_NO_RECORD, ST_REASON_NONE

FIRST_SECTOR = 12
SECTORS = 4
_TRIGGER_AT = const(17)  # of the record: its header has 16 bytes
_TICK_AT = const(28)
_PIECES_A_TICK = const(4)
_PATIENCE_S = const(60)


class BoxDownlink:
    """.left: pieces that are still to be sent."""

    def __init__(self, board, answers, link):
        self.left = 0
        self._board = board
        self._answers = answers
        self._link = link
        self._page = bytearray(PAGE_SIZE)
        self._sequence = 0
        self._sector = 0
        self._next = 0
        self._idle_s = 0
        self._rows = array("i", bytes(4 * 4 * SECTORS))

    def report(self, tick):
        """Say which captures there are: number, dictionary hash, trigger, tick of the trigger."""
        rows = self._rows
        count = 0
        sector = FIRST_SECTOR
        while sector < FIRST_SECTOR + SECTORS:
            sequence = self._read_head(sector)
            if sequence:
                page = self._page
                at = 4 * count
                rows[at] = sequence
                rows[at + 1] = page[12] | page[13] << 8
                rows[at + 2] = page[_TRIGGER_AT]
                # Four bytes of which the highest has six bits: a tick is below 2^30.
                rows[at + 3] = page[_TICK_AT] | page[_TICK_AT + 1] << 8 | page[_TICK_AT + 2] << 16 | (page[_TICK_AT + 3] & 0x3F) << 24
                count += 1
            sector += 1
        self._answers.captures(rows, count, tick)

    def begin(self, sequence, first, count):
        """Send `count` pieces from the `first` on, counted from 1; what is beyond the last is left out. ST_REASON_*."""
        self.left = 0
        sector = FIRST_SECTOR
        while sector < FIRST_SECTOR + SECTORS:
            if self._read_head(sector) == sequence:
                self._sector = sector
                self._sequence = sequence
                self._next = first - 1
                self._idle_s = 0
                self.left = min(count, PAGES - self._next)
                return ST_REASON_NONE
            sector += 1
        return ST_REASON_NO_RECORD

    def step(self, tick):
        """Send what the line has room for."""
        sent = 0
        while self.left and sent < _PIECES_A_TICK and not self._link.is_busy():
            self._board.nor_read(self._sector, self._next, self._page)
            if not self._answers.piece(self._sequence, self._next + 1, PAGES, self._page, tick):
                return
            self._next += 1
            self.left -= 1
            self._idle_s = 0
            sent += 1

    def second(self):
        """Once a second: a line that carries no piece for a minute must not keep the sectors from being erased."""
        if self.left:
            self._idle_s += 1
            if self._idle_s >= _PATIENCE_S:
                self.left = 0

    def _read_head(self, sector):
        """Number of the capture that begins this sector, its first page read; 0 when none does."""
        page = self._page
        self._board.nor_read(sector, 0, page)
        if page[0] != MAGIC_LO or page[1] != MAGIC_HI or page[2] != KIND_BLACK_BOX or page[7] > 0x3F:
            return 0
        return page[4] | page[5] << 8 | page[6] << 16 | page[7] << 24
