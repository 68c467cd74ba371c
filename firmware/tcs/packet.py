"""CCSDS space packets with the PUS-C telemetry header (CCSDS 133.0-B, ECSS-E-ST-70-41C), built in place. Allocation-free.

Layout: 6 bytes primary header, 13 bytes secondary header, source data, 2 bytes packet error control.
"""

from struct import pack_into

from micropython import const

from tcs.crc import crc16

APID = 0x0A5
SOURCE_DATA_AT = 19  # of the packet's first byte
ERROR_CONTROL_SIZE = 2

_PACKET_ID = const(0x08A5)  # version 0, telemetry, with a secondary header, the APID
_UNSEGMENTED = const(0xC000)
_PUS_C = const(0x20)  # PUS version 2 in the high nibble; time reference status 0
_DESTINATION = const(0)


def open_telemetry(buffer, at, service, subtype, counter, tick, tick_ms):
    """Write the headers of a report at buffer[at]; returns where its source data go. tick_ms divides 1000.

    The time is CUC 4+2 of the tick count since the clock started; its two halves stay within 30 bits for any tick below 2^30.
    """
    ticks_per_s = 1000 // tick_ms
    fine = (tick % ticks_per_s) * tick_ms * 65536 // 1000
    pack_into(">HHH", buffer, at, _PACKET_ID, _UNSEGMENTED, 0)
    pack_into(">BBBHHIH", buffer, at + 6, _PUS_C, service, subtype, counter, _DESTINATION, tick // ticks_per_s, fine)
    return at + 19


def close(buffer, at, end, sequence):
    """Complete the packet buffer[at:end] with sequence count, length and error control; returns its new end."""
    pack_into(">HH", buffer, at + 2, _UNSEGMENTED | (sequence & 0x3FFF), end + 2 - at - 6 - 1)
    pack_into(">H", buffer, end, crc16(buffer, at, end))
    return end + 2
