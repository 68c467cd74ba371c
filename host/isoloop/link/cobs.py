"""Consistent Overhead Byte Stuffing (Cheshire and Baker 1999): frames without a zero byte in them."""

from __future__ import annotations


class CobsError(ValueError):
    """Not a COBS block: its codes point outside it, or it holds a zero."""


def encode(data: bytes) -> bytes:
    """Stuff `data`; no delimiter is added."""
    out = bytearray()
    groups = data.split(b"\x00")
    for number, group in enumerate(groups, start=1):
        # A full block ends without a zero, so one that a zero follows needs an empty group behind it. The last group has none.
        longest = 254 if number == len(groups) else 253
        while len(group) > longest:
            out += b"\xff" + group[:254]
            group = group[254:]
        out.append(len(group) + 1)
        out += group
    return bytes(out)


def decode(block: bytes) -> bytes:
    """Undo encode(). The delimiter is not part of `block`.

    Raises:
        CobsError: the block is empty, holds a zero, or its codes run past its end.
    """
    size = len(block)
    if not size or 0 in block:
        raise CobsError("empty, or a zero inside")
    out = bytearray(block)
    at = 0
    full_blocks = []
    while at < size:
        code = out[at]
        out[at] = 0
        if code == 0xFF:
            full_blocks.append(at + 255)
        at += code
    if at != size:
        raise CobsError("a code points past the end")
    # A full block ends without a zero: the code byte behind it stands for nothing.
    for extra in reversed(full_blocks):
        if extra < size:
            del out[extra]
    return bytes(out[1:])
