"""Records in non-volatile sectors: two slots a kind, the newest valid one wins. Used at boot, where allocating is allowed.

A record: magic u16, kind u8, version u8, sequence u32, length u16, reserved u16, dictionary hash u16, CRC-16 u16 over these 14 bytes
and the payload; then the payload. Little-endian. A slot is one sector.
"""

from struct import unpack_from

from micropython import const

from tcs.crc import crc16

PAGE_SIZE = 256
SECTOR_SIZE = 4096

KIND_PARAMETERS = 1
KIND_CALIBRATION = 2

_MAGIC = const(0x4C49)
_VERSION = const(1)
_HEADER_SIZE = const(16)
_CALIBRATION_ROW_SIZE = const(10)


class Store:
    """Reads records through board.nor_read(sector, page, buffer)."""

    def __init__(self, board):
        self._board = board
        self._page = bytearray(PAGE_SIZE)

    def newest(self, kind, sector_a, sector_b):
        """(slot, sequence, payload) of the newest valid record of `kind`; slot 0 is sector_a, 1 is sector_b; None when there is none."""
        best = None
        for slot, sector in ((0, sector_a), (1, sector_b)):
            record = self._read(kind, sector)
            if record is not None and (best is None or record[0] > best[1]):
                best = (slot, record[0], record[1])
        return best

    def load_calibration(self, sector_a, sector_b, kinds, lows, highs):
        """Fill the three arrays, one entry a channel, from the newest calibration; False and untouched when there is none."""
        record = self.newest(KIND_CALIBRATION, sector_a, sector_b)
        if record is None or len(record[2]) != _CALIBRATION_ROW_SIZE * len(kinds):
            return False
        for channel in range(len(kinds)):
            kind, _, low, high = unpack_from("<BBii", record[2], _CALIBRATION_ROW_SIZE * channel)
            kinds[channel] = kind
            lows[channel] = low
            highs[channel] = high
        return True

    def _read(self, kind, sector):
        page = self._page
        self._board.nor_read(sector, 0, page)
        magic, found, version, sequence, length, _, _, crc = unpack_from("<HBBIHHHH", page, 0)
        if magic != _MAGIC or found != kind or version != _VERSION or length > SECTOR_SIZE - _HEADER_SIZE:
            return None
        data = bytearray(_HEADER_SIZE + length)
        at = 0
        while at < len(data):
            self._board.nor_read(sector, at // PAGE_SIZE, page)
            count = min(PAGE_SIZE, len(data) - at)
            data[at : at + count] = page[:count]
            at += count
        payload = data[_HEADER_SIZE:]
        if crc16(payload, 0, length, crc16(data, 0, 14)) != crc:
            return None
        return sequence, payload
