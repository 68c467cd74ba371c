"""Records in non-volatile sectors: the newest valid one of a kind wins, and a power cut at any byte leaves the one before it.

A record: magic u16, kind u8, version u8, sequence u32, length u16, reserved u16, dictionary hash u16, CRC-16 u16 over these 14 bytes
and the payload; then the payload. Little-endian. It begins a page and takes whole pages. A kind's sectors are filled page by page in a
ring; a sector is erased ahead, by tidy(), while another one holds newer records. Nothing but newest() allocates.
"""

from array import array
from struct import unpack_from

from micropython import const

from tcs.crc import crc16
from tcs.record_writer import BUSY, DONE, HEADER_SIZE, MAGIC_HI, MAGIC_LO, PAGE_SIZE, PAGES, VERSION, RecordWriter

KIND_PARAMETERS = 1
KIND_CALIBRATION = 2
KIND_SAFE_STATE = 3
KIND_BACKUP = 4  # parameters to fall back to
KIND_KEY = 5
KIND_BLACK_BOX = 6
KINDS = 7

# Sectors by kind. 4 and 5 are the counter's (counter_log).
_FIRST = (0, 0, 2, 6, 8, 10, 12)
_COUNT = (0, 2, 2, 2, 2, 2, 4)
_ROOM = (0, 8, 8, 8, 8, 8, 16)  # erased pages that must be ready, so also the longest record
ROUND = sum(_COUNT) + KINDS  # calls of tidy() in which every kind has had its turn
_BLANK = b"\xff" * 256
_TRIES = const(3)
_UNKNOWN = const(0xFF)  # of a run of pages
_NOTHING = const(0)  # what tidying a kind took
_LOOKED = const(1)
_ERASED = const(2)
_MAX_SEQUENCE = const(0x3FFFFFFF)
_CALIBRATION_ROW_SIZE = const(10)
CALIBRATION_OK = -1
CALIBRATION_NONE = -2
# Kinds of a channel's row: 0 absent, 1 pressure (Pa), 2 temperature (m degC), 3 supply, 4 flow (uL/s), in the cabin's slot.
_KINDS_OF_CHANNEL = ((0, 1),) * 7 + ((0, 1, 4),) + ((0, 2),) * 7 + ((0, 3),)
# What the kernels' integers carry (docs/kernels.md).
_LEASTS = {1: -100000, 2: -180000, 4: -2500000}
_MOSTS = {1: 4000000, 2: 180000, 4: 2500000}


class Store:
    """Records through board.nor_read, nor_program(sector, page, buffer) and nor_erase(sector).

    .failures counts pages that did not take what was programmed.
    """

    def __init__(self, board):
        self._board = board
        self._page = bytearray(PAGE_SIZE)
        self._check = bytearray(PAGE_SIZE)
        self._writer = RecordWriter(board, self._page, self._check)
        self._sequence = array("i", [-1] * KINDS)  # of the newest record; 0: there is none, -1: not looked for yet
        self._sector = array("i", [-1] * KINDS)
        self._at_page = array("i", [0] * KINDS)
        self._untidy = (1 << KINDS) - 2
        self._reach = bytearray([PAGES] * PAGES)  # by sector: longest run of pages that its last erase gave; short where it is worn
        self._found_page = 0
        self._blank = bytearray([_UNKNOWN] * PAGES)  # by sector: its longest run of erased pages, since nothing was written there
        self._tidied = 0  # kind that had its turn last
        self.failures = 0

    def look(self):
        """Find the newest record of every kind, and how many pages are erased, so that no cycle has to. For boot."""
        for kind in range(1, KINDS):
            if self._sequence[kind] < 0:
                self._find(kind)
            for sector in range(_FIRST[kind], _FIRST[kind] + _COUNT[kind]):
                self._blank[sector] = self._blank_pages(sector)

    def newest(self, kind):
        """(slot, sequence, payload) of the newest valid record of `kind`, slot counting its sectors from 0; None when there is none."""
        if self._sequence[kind] < 0:
            self._find(kind)
        if not self._sequence[kind]:
            return None
        sector = self._sector[kind]
        page = self._at_page[kind]
        self._board.nor_read(sector, page, self._page)
        length = self._page[8] | self._page[9] << 8
        data = bytearray(HEADER_SIZE + length)
        at = 0
        while at < len(data):
            self._board.nor_read(sector, page + at // PAGE_SIZE, self._page)
            count = min(PAGE_SIZE, len(data) - at)
            data[at : at + count] = self._page[:count]
            at += count
        return sector - _FIRST[kind], self._sequence[kind], data[HEADER_SIZE:]

    def save(self, kind, payload, length):
        """Write payload[:length] as the newest record. False when no erased pages take it: the one before stands. Allocation-free."""
        writer = self._writer
        page = -1
        sector = -1
        for _ in range(_TRIES):
            sector = self.place(kind, length, sector, page + 1)
            if sector < 0:
                return False
            page = self._found_page
            writer.begin(kind, sector, page, self._sequence[kind] + 1, payload, length)
            state = writer.step()
            while state == BUSY:
                state = writer.step()
            if state == DONE:
                self.wrote(kind, sector, page)
                return True
            self.failures += 1
        return False

    def place(self, kind, length, sector=-1, page=0):
        """Sector with room for a record, its page in found_page(); -1 when there is none. Looks from (sector, page) on."""
        pages = (HEADER_SIZE + length + PAGE_SIZE - 1) // PAGE_SIZE
        if pages > _ROOM[kind]:
            return -1
        if self._sequence[kind] < 0:
            self._find(kind)
        if self._sequence[kind] >= _MAX_SEQUENCE:
            return -1
        rounds = _COUNT[kind]
        if sector < 0:
            sector = _FIRST[kind]
            if self._sector[kind] >= 0:
                # What is erased stands behind the newest record; only at last what is before it.
                sector = self._sector[kind]
                page = self._at_page[kind] + 1
                rounds += 1
        for _ in range(rounds):
            run = 0
            while page < PAGES:
                self._board.nor_read(sector, page, self._check)
                run = run + 1 if self._check == _BLANK else 0
                page += 1
                if run == pages:
                    self._found_page = page - pages
                    self._blank[sector] = _UNKNOWN
                    return sector
            sector = self._after(kind, sector)
            page = 0
        return -1

    def found_page(self):
        """Page that place() found."""
        return self._found_page

    def next_sequence(self, kind):
        """Sequence number for the record after the newest."""
        return self._sequence[kind] + 1

    def wrote(self, kind, sector, page):
        """A record of the next sequence stands there now."""
        self._blank[sector] = _UNKNOWN
        self._sequence[kind] += 1
        self._sector[kind] = sector
        self._at_page[kind] = page
        self._untidy |= 1 << kind

    def leave(self, kind, sector):
        """A page of this sector did not take its content: leave the sector alone until the next boot."""
        self.failures += 1
        self._reach[sector] = PAGES - 1
        self._blank[sector] = _UNKNOWN
        self._untidy |= 1 << kind

    def tidy(self):
        """Look at one sector, or erase one, so that the next records find room. True when it erased: that took 45 ms, at worst 400.

        The kinds take turns.
        """
        kind = self._tidied
        for _ in range(KINDS - 1):
            kind = kind % (KINDS - 1) + 1
            if (self._untidy >> kind) & 1:
                self._tidied = kind
                done = self._tidy_kind(kind)
                if done != _NOTHING:
                    return done == _ERASED
        return False

    def load_calibration(self, kinds, lows, highs):
        """Fill the three arrays, one entry a channel, from the newest calibration.

        The channel whose row makes no sense; CALIBRATION_OK, or CALIBRATION_NONE when there is no record. In both of the others the
        arrays are untouched: the board file's spans stand.
        """
        record = self.newest(KIND_CALIBRATION)
        if record is None:
            return CALIBRATION_NONE
        channels = len(kinds)
        rows = record[2]
        if len(rows) != _CALIBRATION_ROW_SIZE * channels:
            return 0
        for channel in range(channels):
            kind, _, low, high = unpack_from("<BBii", rows, _CALIBRATION_ROW_SIZE * channel)
            if kind not in _KINDS_OF_CHANNEL[channel] or kind in _LEASTS and not _LEASTS[kind] <= low < high <= _MOSTS[kind]:
                return channel
        for channel in range(channels):
            kinds[channel], _, lows[channel], highs[channel] = unpack_from("<BBii", rows, _CALIBRATION_ROW_SIZE * channel)
        return CALIBRATION_OK

    def _tidy_kind(self, kind):
        if self._sequence[kind] < 0:
            self._find(kind)
        active = self._sector[kind]
        done = _NOTHING
        candidate = -1
        # As much as the best of those that may be erased gives; one with worn pages does where none is better.
        wanted = 0
        for sector in range(_FIRST[kind], _FIRST[kind] + _COUNT[kind]):
            if sector != active and self._reach[sector] > wanted:
                wanted = self._reach[sector]
        # What takes a whole sector has no use for one with a worn page.
        wanted = min(_ROOM[kind], wanted) if _ROOM[kind] < PAGES or wanted == PAGES else 0
        # The one that is written to comes last: each record makes it unknown again.
        sector = active if active >= 0 else _FIRST[kind] + _COUNT[kind] - 1
        for _ in range(_COUNT[kind]):
            sector = self._after(kind, sector)
            if 0 < wanted <= self._reach[sector]:
                if self._blank[sector] == _UNKNOWN:
                    if done == _LOOKED:
                        return done
                    self._blank[sector] = self._blank_pages(sector)
                    done = _LOOKED
                if self._blank[sector] >= wanted:
                    candidate = -1
                    break
                if candidate < 0 and sector != active:
                    candidate = sector
        if candidate < 0:
            self._untidy &= ~(1 << kind)
            return done
        self._board.nor_erase(candidate)
        self._reach[candidate] = self._blank[candidate] = self._blank_pages(candidate)
        return _ERASED

    def _blank_pages(self, sector):
        """Longest run of erased pages."""
        best = 0
        run = 0
        for page in range(PAGES):
            self._board.nor_read(sector, page, self._check)
            run = run + 1 if self._check == _BLANK else 0
            if run > best:
                best = run
        return best

    @staticmethod
    def _after(kind, sector):
        sector += 1
        return _FIRST[kind] if sector == _FIRST[kind] + _COUNT[kind] else sector

    def _find(self, kind):
        self._sequence[kind] = 0
        self._sector[kind] = -1
        for sector in range(_FIRST[kind], _FIRST[kind] + _COUNT[kind]):
            page = 0
            while page < PAGES:
                pages = self._valid_pages(kind, sector, page)
                if pages:
                    header = self._page
                    sequence = header[4] | header[5] << 8 | header[6] << 16 | header[7] << 24
                    if sequence > self._sequence[kind]:
                        self._sequence[kind] = sequence
                        self._sector[kind] = sector
                        self._at_page[kind] = page
                page += pages or 1

    def _valid_pages(self, kind, sector, page):
        """Pages of the valid record that begins here, its header in _page; 0 when none does."""
        header = self._page
        self._board.nor_read(sector, page, header)
        if header[0] != MAGIC_LO or header[1] != MAGIC_HI or header[2] != kind or header[3] != VERSION or header[7] > 0x3F:
            return 0
        length = header[8] | header[9] << 8
        pages = (HEADER_SIZE + length + PAGE_SIZE - 1) // PAGE_SIZE
        if page + pages > PAGES:
            return 0
        crc = crc16(header, HEADER_SIZE, min(PAGE_SIZE, HEADER_SIZE + length), crc16(header, 0, 14))
        left = HEADER_SIZE + length - PAGE_SIZE
        at = page + 1
        while left > 0:
            self._board.nor_read(sector, at, self._check)
            crc = crc16(self._check, 0, min(PAGE_SIZE, left), crc)
            left -= PAGE_SIZE
            at += 1
        return pages if crc == header[14] | header[15] << 8 else 0
