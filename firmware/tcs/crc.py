"""CRC-16/CCITT-FALSE: polynomial 0x1021, initial value 0xFFFF, not reflected. The PUS packet error control."""

from array import array

from tcs import frame_kernel as kernel


def _make_table():
    table = array("H", bytes(512))
    for index in range(256):
        crc = index << 8
        for _ in range(8):
            crc = (crc << 1) ^ (0x1021 if crc & 0x8000 else 0)
            crc &= 0xFFFF
        table[index] = crc
    return table


TABLE = _make_table()


def crc16(buffer, start, end, crc=0xFFFF):
    """CRC of buffer[start:end], continuing from crc. Over data and their own CRC it is 0. Allocation-free."""
    return kernel.crc16(buffer, start, end, crc, TABLE)
