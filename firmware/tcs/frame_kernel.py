"""Frame kernels: error control and byte stuffing of the link, byte loops that a board spends a millisecond on as bytecode.

Restricted integer subset (docs/kernels.md). Allocation-free.
"""

import micropython


@micropython.native
def crc16(data: ptr8, at: int, end: int, crc: int, table: ptr16) -> int:
    """CRC of data[at:end], continuing from crc; table: of the polynomial, by byte."""
    while at < end:
        crc = ((crc << 8) & 0xFFFF) ^ table[(crc >> 8) ^ data[at]]
        at += 1
    return crc


@micropython.native
def fill_page(page: ptr8, at: int, source: ptr8, source_at: int, source_end: int) -> int:
    """Bytes of source into a page of 256 from `at` on, 0xFF behind its end. Returns the page's size."""
    while at < 256:
        if source_at < source_end:
            page[at] = source[source_at]
            source_at += 1
        else:
            page[at] = 255
        at += 1
    return at


@micropython.native
def copy(to: ptr8, at: int, source: ptr8, source_at: int, source_end: int) -> int:
    """Bytes of source into `to` from `at` on. Returns the end of what was written."""
    while source_at < source_end:
        to[at] = source[source_at]
        at += 1
        source_at += 1
    return at


@micropython.native
def stuff(data: ptr8, start: int, end: int) -> int:
    """Consistent Overhead Byte Stuffing (Cheshire and Baker 1999) of data[start + 1:end] in place; returns the new end.

    data[start] is free for the first code byte; behind `end` there is room for another one in 254 bytes. Writes no delimiter.
    """
    code_at = start
    while True:
        stop = code_at + 255  # a full block: 254 bytes without a zero
        last = end
        if stop < end:
            last = stop
        at = code_at + 1
        while at < last and data[at]:
            at += 1
        if at == end:
            data[code_at] = end - code_at
            return end
        data[code_at] = at - code_at
        if at == stop:
            # A full block ends without a zero: the rest moves up for another code byte.
            last = end
            while last > stop:
                data[last] = data[last - 1]
                last -= 1
            end += 1
        code_at = at


@micropython.native
def unstuff(data: ptr8, at: int, stop: int, out: ptr8) -> int:
    """Undo the stuffing of the block data[at:stop] of at most 254 bytes into `out`. The length of what was in it; 0 when it is none."""
    length = 0
    while True:
        code_end = at + data[at]
        at += 1
        if code_end > stop:
            return 0
        while at < code_end:
            out[length] = data[at]
            length += 1
            at += 1
        if at == stop:
            return length
        # A block of this size has no code 255, so a zero stood here.
        out[length] = 0
        length += 1


@micropython.native
def put_header(out: ptr8, at: int, kind: int, counter: int, coarse_s: int, fine: int) -> int:
    """Headers of a telemetry packet (tcs.packet) but its sequence count and length; returns where its source data go.

    kind: service << 8 | subtype.
    """
    out[at] = 8  # version 0, telemetry, with a secondary header; the APID behind it
    out[at + 1] = 165
    out[at + 6] = 32  # PUS version 2 in the high nibble; time reference status 0
    out[at + 7] = kind >> 8
    out[at + 8] = kind & 255
    out[at + 9] = (counter >> 8) & 255
    out[at + 10] = counter & 255
    out[at + 11] = 0  # destination
    out[at + 12] = 0
    out[at + 13] = (coarse_s >> 24) & 255
    out[at + 14] = (coarse_s >> 16) & 255
    out[at + 15] = (coarse_s >> 8) & 255
    out[at + 16] = coarse_s & 255
    out[at + 17] = (fine >> 8) & 255
    out[at + 18] = fine & 255
    return at + 19


@micropython.native
def put_values(values: ptr32, first: int, count: int, out: ptr8, at: int) -> int:
    """`count` values from `first` on, 32 bits each, big-endian at out[at:]; returns the offset behind them."""
    last = first + count
    while first < last:
        x = values[first]
        out[at] = (x >> 24) & 255
        out[at + 1] = (x >> 16) & 255
        out[at + 2] = (x >> 8) & 255
        out[at + 3] = x & 255
        at += 4
        first += 1
    return at


@micropython.native
def put_record(values: ptr32, widths: ptr8, count: int, out: ptr8) -> int:
    """`count` values little-endian from out[0] on, each of its width in bytes, 1, 2 or 4; returns the offset behind them."""
    at = 0
    i = 0
    while i < count:
        x = values[i]
        left = widths[i]
        while left > 0:
            out[at] = x & 255
            x >>= 8
            at += 1
            left -= 1
        i += 1
    return at


@micropython.native
def seal(out: ptr8, at: int, end: int, sequence: int, table: ptr16) -> int:
    """Complete the packet out[at:end] with sequence count, length and error control; returns its new end. table: as crc16()'s."""
    out[at + 2] = 192 | ((sequence >> 8) & 63)  # unsegmented
    out[at + 3] = sequence & 255
    length = end - at - 5  # behind the primary header, the error control with it, less one
    out[at + 4] = (length >> 8) & 255
    out[at + 5] = length & 255
    crc = 65535
    if (end - at) & 1:
        crc = 65280 ^ table[255 ^ out[at]]
        at += 1
    while at < end:
        crc = ((crc << 8) & 65535) ^ table[(crc >> 8) ^ out[at]]
        crc = ((crc << 8) & 65535) ^ table[(crc >> 8) ^ out[at + 1]]
        at += 2
    out[end] = crc >> 8
    out[end + 1] = crc & 255
    return end + 2


@micropython.native
def pack(values: ptr32, kinds: ptr8, count: int, out: ptr8, at: int) -> int:
    """Write `count` values big-endian at out[at:], saturating; returns the offset behind them.

    kinds, a byte a value: 1, 2 or 4 bytes wide; + 16: what does not fit is unknown, all ones or, signed, the least; + 32: signed.
    """
    i = 0
    while i < count:
        x = values[i]
        kind = kinds[i]
        i += 1
        if kind == 4:
            out[at] = (x >> 24) & 255
            out[at + 1] = (x >> 16) & 255
            out[at + 2] = (x >> 8) & 255
            out[at + 3] = x & 255
            at += 4
        elif kind == 1 and x & 255 == x:
            out[at] = x
            at += 1
        elif kind == 2 and x & 65535 == x:
            out[at] = x >> 8
            out[at + 1] = x & 255
            at += 2
        else:
            low = 0
            high = 255
            if kind & 2:
                high = 65535
            if kind & 32:
                high = high >> 1
                low = 0 - high - 1
            if x < low:
                x = low
                if kind & 48 == 16:
                    x = high
            elif x > high:
                x = high
                if kind & 48 == 48:
                    x = low
            if kind & 2:
                out[at] = (x >> 8) & 255
                at += 1
            out[at] = x & 255
            at += 1
    return at
