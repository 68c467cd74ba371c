"""The highest telecommand counter that was accepted, kept as marks: many increments an erase, and a torn mark is never taken for one.

A mark is 8 bytes: the number, little-endian, and its complement. Programming and erasing move bits one way each, so a mark that either
cut short no longer matches its complement. 32 marks a page, 512 a sector, two sectors.
"""

from micropython import const

from tcs.frame_kernel import fill_page

_SECTOR_A = const(4)
_SECTOR_B = const(5)
_PAGE_SIZE = const(256)
_MARK_SIZE = const(8)
_MARKS = const(512)
_MARKS_PER_PAGE = const(32)
_TRIES = const(3)
_BLANK = b"\xff" * 256


class CounterLog:
    """.value: highest number marked, 0 when none. Allocation-free after start-up."""

    def __init__(self, board):
        self._board = board
        self._page = bytearray(_PAGE_SIZE)
        self.value = 0
        self._sector = _SECTOR_A
        self._used = 0  # marks of the active sector that are no longer blank
        self._other_used = 0
        self._is_other_worn = False
        self._load()

    def advance(self, value):
        """Mark a higher number. False, and it is not to be used, when it could not be written."""
        for _ in range(_TRIES):
            if self._used >= _MARKS and not self._switch():
                return False
            mark = self._used
            self._used += 1
            if self._write(mark, value):
                self.value = value
                return True
        return False

    def tidy(self):
        """Erase the other sector when the active one is half full. True when it did."""
        if self._other_used == 0 or self._is_other_worn or self._used < _MARKS // 2:
            return False
        other = self._other()
        self._board.nor_erase(other)
        # A worn sector is tried once a boot: erasing it again every second would only wear it further.
        self._other_used = self._count(other)
        self._is_other_worn = self._other_used > 0
        return True

    def _other(self):
        return _SECTOR_A + _SECTOR_B - self._sector

    def _switch(self):
        # Not only when blank: a first mark that was torn there must not shut the ground out until the next erase.
        if self._other_used >= _MARKS:
            return False
        self._sector = self._other()
        used = self._used
        self._used = self._other_used
        self._other_used = used
        return True

    def _write(self, mark, value):
        page = self._page
        number = mark // _MARKS_PER_PAGE
        at = mark % _MARKS_PER_PAGE * _MARK_SIZE
        fill_page(page, 0, page, 0, 0)
        index = 0
        while index < 4:
            page[at + index] = (value >> (8 * index)) & 0xFF
            page[at + 4 + index] = ~(value >> (8 * index)) & 0xFF
            index += 1
        self._board.nor_program(self._sector, number, page)
        self._board.nor_read(self._sector, number, page)
        return self._read(at) == value

    def _read(self, at):
        """Number of the mark at this offset of the page; -1 when it is none."""
        page = self._page
        value = 0
        index = 0
        while index < 4:
            byte = page[at + index]
            if byte ^ page[at + 4 + index] != 0xFF or (index == 3 and byte > 0x3F):
                return -1
            value |= byte << (8 * index)
            index += 1
        return value

    def _load(self):
        used_a = self._count(_SECTOR_A)
        value_a = self.value
        used_b = self._count(_SECTOR_B)
        if self.value > value_a:
            self._sector = _SECTOR_B
            self._used = used_b
            self._other_used = used_a
        else:
            self._used = used_a
            self._other_used = used_b

    def _count(self, sector):
        """Marks up to the last one that is not blank; raises .value to the highest found."""
        page = self._page
        used = 0
        number = 0
        while number < _MARKS // _MARKS_PER_PAGE:
            self._board.nor_read(sector, number, page)
            if page != _BLANK:
                mark = 0
                while mark < _MARKS_PER_PAGE:
                    at = mark * _MARK_SIZE
                    value = self._read(at)
                    if value > self.value:
                        self.value = value
                    if value >= 0 or not self._is_blank(at):
                        used = number * _MARKS_PER_PAGE + mark + 1
                    mark += 1
            number += 1
        return used

    def _is_blank(self, at):
        end = at + _MARK_SIZE
        while at < end:
            if self._page[at] != 0xFF:
                return False
            at += 1
        return True
