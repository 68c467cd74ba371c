"""CRC-16/CCITT-FALSE: polynomial 0x1021, initial value 0xFFFF, not reflected. The PUS packet error control."""

from __future__ import annotations

import binascii


def crc16_ccitt_false(data: bytes | bytearray | memoryview, crc: int = 0xFFFF) -> int:
    """CRC of `data`, continuing from `crc`. A packet followed by its own CRC gives 0."""
    return binascii.crc_hqx(data, crc)
