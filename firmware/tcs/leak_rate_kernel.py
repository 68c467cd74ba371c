"""Leak-rate kernels: slope over a ring of base samples, integer square root, orifice law.

Restricted integer subset (docs/kernels.md). Allocation-free.
"""

import micropython
from micropython import const

RING = const(256)


@micropython.native
def thirds(ring: ptr32, newest: int, n: int) -> int:
    """Mean of the first third less mean of the last third of the newest n samples (uL), n 3..256; `newest` is the index of the last one.

    Divided by two thirds of the window it is the slope with 8/9 of the efficiency of least squares, and its sums stay small.
    """
    third = n // 3
    first = newest - n + 1
    if first < 0:
        first += RING
    last = newest - third + 1
    if last < 0:
        last += RING
    base = ring[newest]
    early = 0
    late = 0
    i = 0
    while i < third:
        x = ring[first] - base
        if x > 4000000:
            x = 4000000
        elif x < -4000000:
            x = -4000000
        early += x
        late += ring[last] - base
        first += 1
        if first == RING:
            first = 0
        last += 1
        if last == RING:
            last = 0
        i += 1
    return (early - late) // third


@micropython.native
def isqrt(x: int) -> int:
    """Largest integer whose square is at most x, 0..2^30."""
    if x <= 0:
        return 0
    bit = 1 << 28
    while bit > x:
        bit >>= 2
    root = 0
    while bit:
        if x >= root + bit:
            x -= root + bit
            root = (root >> 1) + bit
        else:
            root >>= 1
        bit >>= 2
    return root


@micropython.native
def hole_um(rate_ul_s: int, pressure_pa: int, density_kg_m3: int) -> int:
    """Diameter of the orifice (um) that passes rate_ul_s of liquid at a pressure difference: q = 0.62 A sqrt(2 dp / rho)."""
    if rate_ul_s <= 0 or pressure_pa <= 0:
        return 0
    # v^2 in 0.01 m2/s2, then v in mm/s; the orifice law's root stands in isqrt above, written out since kernels do not call kernels.
    x = pressure_pa // 10 * 2000 // density_kg_m3
    scale = 1
    if x < 100000:
        x = x * 10000
    else:
        scale = 100
    bit = 1 << 28
    while bit > x:
        bit >>= 2
    v = 0
    while bit:
        if x >= v + bit:
            x -= v + bit
            v = (v >> 1) + bit
        else:
            v >>= 1
        bit >>= 2
    v = v * scale
    if v < 1:
        v = 1
    # d^2 = 4 q / (0.62 pi v) = 2.0536 q / v
    if rate_ul_s < 5000:
        x = rate_ul_s * 205360 // v * 10
    elif rate_ul_s < 500000:
        x = rate_ul_s * 2054 // v * 1000
    else:
        x = rate_ul_s // 1000 * 2054 // (v // 100 + 1) * 10000
    if x > 1000000000:
        x = 1000000000
    bit = 1 << 28
    while bit > x:
        bit >>= 2
    root = 0
    while bit:
        if x >= root + bit:
            x -= root + bit
            root = (root >> 1) + bit
        else:
            root >>= 1
        bit >>= 2
    return root
