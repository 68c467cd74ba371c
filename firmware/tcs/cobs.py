"""Consistent Overhead Byte Stuffing (Cheshire and Baker 1999), in place."""

_ZERO = b"\x00"


def overhead(length):
    """Most bytes that stuffing adds to `length` bytes, the first code byte included."""
    return 1 + length // 254


def encode_in_place(buffer, start, end):
    """Stuff buffer[start + 1:end]; buffer[start] is free for the first code byte. Returns the new end.

    The caller leaves room for overhead() behind `end`. Writes no delimiter. Allocation-free.
    """
    code_at = start
    while True:
        zero_at = buffer.find(_ZERO, code_at + 1, end)
        if zero_at < 0:
            zero_at = end
        if zero_at - code_at <= 254 or (zero_at == end and zero_at - code_at == 255):
            buffer[code_at] = zero_at - code_at
            if zero_at == end:
                return end
            code_at = zero_at
        else:
            # 254 bytes without a zero: a full block ends without one, so the rest moves up for another code byte.
            at = end
            stop = code_at + 255
            while at > stop:
                buffer[at] = buffer[at - 1]
                at -= 1
            end += 1
            buffer[code_at] = 255
            code_at = stop
