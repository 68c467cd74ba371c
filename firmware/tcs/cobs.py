"""Consistent Overhead Byte Stuffing (Cheshire and Baker 1999), in place."""

from tcs.frame_kernel import stuff


def overhead(length):
    """Most bytes that stuffing adds to `length` bytes, the first code byte included."""
    return 1 + length // 254


def encode_in_place(buffer, start, end):
    """Stuff buffer[start + 1:end]; buffer[start] is free for the first code byte. Returns the new end.

    The caller leaves room for overhead() behind `end`. Writes no delimiter. Allocation-free.
    """
    return stuff(buffer, start, end)
