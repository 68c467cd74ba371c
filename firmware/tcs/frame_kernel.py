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
    """Consistent Overhead Byte Stuffing of data[start + 1:end] in place; data[start] is free for a code byte. Returns the new end."""
    code_at = start
    while True:
        stop = code_at + 255  # a full block: 254 bytes without a zero
        at = code_at + 1
        while at < end and at < stop and data[at]:
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
