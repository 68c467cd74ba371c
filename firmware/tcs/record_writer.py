"""Writes one record page by page: the first page last, and its magic last of all, so that a record that was cut off never shows one.

Pages of a record that is still to be completed may be written ahead; it is no record before its magic either.
"""

from struct import pack_into

from micropython import const

from tcs.crc import crc16
from tcs.frame_kernel import fill_page
from tcs.tables import DICTIONARY_HASH

PAGE_SIZE = 256
PAGES = 16  # of a sector
SECTOR_SIZE = 4096
HEADER_SIZE = 16
VERSION = 1
MAGIC_LO = 0x49
MAGIC_HI = 0x4C

BUSY = 0
DONE = 1
FAILED = 2

_MAGIC = const(0x4C49)
_CRC_AT = const(14)


class RecordWriter:
    """begin(), then step() until it says DONE or FAILED; a step programs one page (the last one twice). Allocation-free.

    page, check: two buffers of a page that nothing else uses meanwhile.
    stream: where payloads come from that are no bytearray (seek, readinto; it ends where its payload does); None: there are none.
    """

    def __init__(self, board, page, check, stream=None):
        self._board = board
        self._page = page
        self._check = check
        self._stream = stream
        self._behind_header = memoryview(page)[HEADER_SIZE:]
        self._kind = 0
        self._sector = 0
        self._first = 0
        self._sequence = 0
        self._payload = page
        self._length = 0
        self._pages = 0
        self._next = 0
        self._crc = 0

    def begin(self, kind, sector, page, sequence, payload, length):
        """Record of payload[:length] (of the stream, if there is one) into erased pages. It must not change until the end."""
        self._kind = kind
        self._sector = sector
        self._first = page
        self._sequence = sequence
        self._payload = payload
        self._length = length
        self._pages = (HEADER_SIZE + length + PAGE_SIZE - 1) // PAGE_SIZE
        self._next = 1
        self._fill(0)
        self._crc = crc16(self._page, HEADER_SIZE, min(PAGE_SIZE, HEADER_SIZE + length), crc16(self._page, 0, _CRC_AT))

    def write_early(self, number, end=PAGE_SIZE):
        """Program this page ahead of step(), up to `end` alone: what stands there must not change any more. False when it did not take.

        The first page shows neither magic nor CRC yet.
        """
        self._fill(number)
        page = self._page
        if number == 0:
            page[0] = page[1] = page[_CRC_AT] = page[_CRC_AT + 1] = 0xFF
        fill_page(page, end, page, 0, 0)
        return self._program(number)

    def spoil(self):
        """Clear the first page, so that nobody ever takes what stands there for the beginning of a record."""
        page = self._page
        at = 0
        while at < PAGE_SIZE:
            page[at] = 0
            at += 1
        self._board.nor_program(self._sector, self._first, page)

    def step(self):
        """Write the next page."""
        number = self._next
        if number < self._pages:
            self._fill(number)
            self._crc = crc16(self._page, 0, min(PAGE_SIZE, HEADER_SIZE + self._length - number * PAGE_SIZE), self._crc)
            self._next += 1
            return BUSY if self._program(number) else FAILED
        if number > 1:
            self._fill(0)  # else it stands there still
        page = self._page
        pack_into("<H", page, _CRC_AT, self._crc)
        page[0] = page[1] = 0xFF
        if not self._program(0):
            return FAILED
        pack_into("<H", page, 0, _MAGIC)
        return DONE if self._program(0) else FAILED

    def _fill(self, number):
        """Bytes of this page of the record; its CRC is not there yet."""
        page = self._page
        at = 0
        source = number * PAGE_SIZE - HEADER_SIZE
        if number == 0:
            pack_into("<HBBIHHHH", page, 0, _MAGIC, self._kind, VERSION, self._sequence, self._length, 0xFFFF, DICTIONARY_HASH, 0)
            at = HEADER_SIZE
            source = 0
        if self._stream is None:
            fill_page(page, at, self._payload, source, self._length)
            return
        fill_page(page, at, page, 0, 0)
        self._stream.seek(source)
        self._stream.readinto(page if at == 0 else self._behind_header)

    def _program(self, number):
        """True when the page holds what it should; one that does already is left as it is."""
        at = self._first + number
        if self._stream is not None:  # else nothing is ever written ahead
            self._board.nor_read(self._sector, at, self._check)
            if self._check == self._page:
                return True
        self._board.nor_program(self._sector, at, self._page)
        self._board.nor_read(self._sector, at, self._check)
        return self._check == self._page
