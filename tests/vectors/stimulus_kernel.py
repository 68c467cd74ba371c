"""Stimulus of the vectors: sixteen channels of counts, plausible to impossible. Compiled like the kernels that it exercises.

Restricted integer subset (docs/kernels.md); every interpreter draws the same numbers from it.
"""
# ruff: noqa: F821 (ptr16 and ptr32 are known to viper alone)

import micropython
from micropython import const

CHANNELS = const(16)

# modes
WALK = const(0)  # level, slope and triangular noise
FROZEN = const(1)
UNIFORM = const(2)
EXTREMES = const(3)  # a list of the counts that thresholds and ends stand at, in turn
SPIKES = const(4)  # a walk, one tick in 64 at an end
FLIPPED = const(5)  # a walk with one bit flipped
SILENT = const(6)  # no new sample
MODES = const(7)

# state: the generator, then a row a channel
RANDOM = const(0)
ROW = const(2)
STRIDE = const(5)
MODE = const(0)
LEVEL_Q10 = const(1)
SLOPE_Q10 = const(2)  # a tick
NOISE_COUNTS = const(3)
EXTRA = const(4)  # mask of the flipped bit, or place in the list
SIZE = const(82)

COUNT_MAX = const(65535)
# Multiply with carry in base 2^15: every step within 30 bits, period 31926 * 2^14 - 1.
FACTOR = const(31926)
DIGIT = const(0x7FFF)


@micropython.native
def draw(st: ptr32) -> int:
    """Next of the generator, 0..32767."""
    x = st[RANDOM]
    x = FACTOR * (x & DIGIT) + (x >> 15)
    st[RANDOM] = x
    return x & DIGIT


@micropython.native
def stimulate(counts: ptr16, extremes: ptr32, extreme_count: int, st: ptr32) -> int:
    """One tick's counts. Returns the mask of channels with a new sample."""
    fresh = 0xFFFF
    x = st[RANDOM]
    i = 0
    while i < CHANNELS:
        row = ROW + i * STRIDE
        mode = st[row + MODE]
        x = FACTOR * (x & DIGIT) + (x >> 15)
        r = x & DIGIT
        level = st[row + LEVEL_Q10] + st[row + SLOPE_Q10]
        if mode != FROZEN:
            if level < 0:
                level = 0
            elif level > COUNT_MAX << 10:
                level = COUNT_MAX << 10
            st[row + LEVEL_Q10] = level
        value = level >> 10
        if mode == UNIFORM:
            value = (r << 1) | ((x >> 15) & 1)
        elif mode == EXTREMES:
            j = st[row + EXTRA]
            value = extremes[j]
            j += 1
            if j >= extreme_count:
                j = 0
            st[row + EXTRA] = j
        elif mode != FROZEN:
            value += ((r & 127) + ((r >> 7) & 127) - 127) * st[row + NOISE_COUNTS] >> 6
            if mode == SPIKES:
                if r >> 9 == 0:
                    value = COUNT_MAX * (r & 1)
            elif mode == FLIPPED:
                value = value ^ st[row + EXTRA]
            elif mode == SILENT:
                fresh &= 0xFFFF - (1 << i)
        if value < 0:
            value = 0
        elif value > COUNT_MAX:
            value = COUNT_MAX
        counts[i] = value
        i += 1
    st[RANDOM] = x
    return fresh
