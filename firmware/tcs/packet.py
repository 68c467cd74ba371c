"""CCSDS space packets with the PUS-C telemetry header (CCSDS 133.0-B, ECSS-E-ST-70-41C), built in place. Allocation-free.

Layout: 6 bytes primary header, 13 bytes secondary header, source data, 2 bytes packet error control.
"""

from tcs.frame_kernel import put_header

APID = 0x0A5
SOURCE_DATA_AT = 19  # of the packet's first byte
ERROR_CONTROL_SIZE = 2


def open_telemetry(buffer, at, service, subtype, counter, tick, tick_ms):
    """Write the headers of a report at buffer[at]; returns where its source data go. Link.close() seals it. tick_ms divides 1000.

    The time is CUC 4+2 of the tick count since the clock started; its two halves stay within 30 bits for any tick below 2^30.
    """
    ticks_per_s = 1000 // tick_ms
    coarse_s = tick // ticks_per_s
    fine = (tick - coarse_s * ticks_per_s) * tick_ms * 65536 // 1000
    return put_header(buffer, at, service << 8 | subtype, counter, coarse_s, fine)
