"""Cooling kernel: slopes of the shut segments' temperatures, and the volume that they take.

Restricted integer subset (docs/kernels.md); milli-degC, uL. Allocation-free.
"""

import micropython
from micropython import const

UNKNOWN = const(-0x3FFFFFFF - 1)

SEGMENTS = const(3)
SAMPLES = const(8)
SLOW_SAMPLES = const(32)
LIMIT_MK = const(1200)  # 300 mK/s over half of the ring

# layouts of others (tests/unit/test_fw_carry.py holds them to it)
I_BEST_MC = const(22)
T_RAD1 = const(3)
I_JUMP_TICKS = const(99)
IN_P_RAD_PA = const(1)
IN_TEMP_MC = const(5)
IN_COOLING_UL_S = const(8)
IN_EXPANSION_UL_K = const(11)

# words
NEWEST = const(0)
FILLED = const(1)
RATE_UK_S = const(2)
SLOW_UK_S = const(3)
SIZE = const(4)

# cfg
C_VOLUME_ML = const(0)  # x3
C_FIRST_MC = const(3)  # grid of the table
C_STEP_MC = const(4)
C_LAST = const(5)  # number of its last interval
C_PPM = const(6)  # density / density at 20 C - 1, ppm


@micropython.native
def slopes(inventory: ptr32, ring: ptr32, words: ptr32) -> int:
    """One sample of the segments' temperatures: the median of their slopes over the ring, K/s e-6, and the same smoothed."""
    newest = (words[NEWEST] + 1) % SAMPLES
    words[NEWEST] = newest
    oldest = (newest + 1) % SAMPLES
    low = 0
    high = 0
    middle = 0
    i = 0
    while i < SEGMENTS:
        now = inventory[I_BEST_MC + T_RAD1 + i]
        rise = now - ring[SEGMENTS * oldest + i]
        ring[SEGMENTS * newest + i] = now
        if rise > LIMIT_MK:
            rise = LIMIT_MK
        elif rise < 0 - LIMIT_MK:
            rise = 0 - LIMIT_MK
        # 2000 a half second stands for 1e6 a second: a million times the limit leaves 30 bits.
        rise = rise * 2000 // (SAMPLES - 1)
        if i == 0:
            low = rise
            high = rise
        elif i == 1:
            if rise < low:
                low = rise
            else:
                high = rise
        else:
            middle = rise
        i += 1
    if middle < low:
        middle = low
    elif middle > high:
        middle = high
    if words[FILLED] < SAMPLES:
        words[FILLED] += 1
        return 0
    words[RATE_UK_S] = middle
    if inventory[I_JUMP_TICKS] == 0:
        words[SLOW_UK_S] += (middle - words[SLOW_UK_S]) // SLOW_SAMPLES
    return 1


@micropython.native
def expansion(segment: int, temp_mc: int, cfg: ptr32) -> int:
    """Volume of a full segment's liquid a kelvin, uL."""
    i = 0
    if temp_mc > cfg[C_FIRST_MC]:
        i = (temp_mc - cfg[C_FIRST_MC]) // cfg[C_STEP_MC]
    if i > cfg[C_LAST]:
        i = cfg[C_LAST]
    i += C_PPM
    return cfg[C_VOLUME_ML + segment] * (cfg[i] - cfg[i + 1]) // cfg[C_STEP_MC]


@micropython.native
def takes(x: ptr32, odd: int, rate_uk_s: int, cfg: ptr32) -> int:
    """Temperatures of the localisation's inputs -> what cooling empties of each full segment, uL/s, and its expansion, uL/K.

    odd: mask of radiators whose pressure sensors are not to be believed.
    """
    rate = (0 - rate_uk_s) // 1000
    segment = 0
    while segment < SEGMENTS:
        i = 0
        if x[IN_TEMP_MC + segment] > cfg[C_FIRST_MC]:
            i = (x[IN_TEMP_MC + segment] - cfg[C_FIRST_MC]) // cfg[C_STEP_MC]
        if i > cfg[C_LAST]:
            i = cfg[C_LAST]
        i += C_PPM
        i = cfg[C_VOLUME_ML + segment] * (cfg[i] - cfg[i + 1]) // cfg[C_STEP_MC]
        x[IN_EXPANSION_UL_K + segment] = i
        x[IN_COOLING_UL_S + segment] = rate * i // 1000
        if (odd >> segment) & 1:
            x[IN_P_RAD_PA + segment] = UNKNOWN
        segment += 1
    return 0
