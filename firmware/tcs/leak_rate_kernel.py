"""Leak-rate kernels: likelihood fit of a ramp over a ring of samples, integer square root, orifice law.

Restricted integer subset (docs/kernels.md). Allocation-free.
"""

from array import array

import micropython
from micropython import const

RING = const(256)
RAMP_MAX = const(128)
BASELINE = const(64)
CLIP_UL = const(8000000)

# out of fit_ramp
R_SAMPLES = const(0)  # how many samples ago the ramp began
R_SLOPE_Q4 = const(1)  # uL a sample
R_LEVEL_UL = const(2)  # before it
R_SIZE = const(3)


@micropython.native
def fit_ramp(ring: ptr32, newest: int, first: int, last: int, allow_q4: int, norm: ptr32, out: ptr32) -> int:
    """Fit "level, then a ramp down that began m samples ago" for m = first..last; the best m by likelihood stands in `out`.

    ring: the last RING samples (uL), `newest` the index of the last one; the level is the mean of BASELINE samples older than `last`.
    allow_q4: a slope (uL a sample) that is none of the fit's business; norm[m]: 16 sqrt(sum of squares of the ramp), enlarged by what the
    level's own error adds (see ramp_norm). Returns the matched filter's output in uL: a normal deviate times a sample's noise.
    """
    i = newest - last - BASELINE + 1
    if i < 0:
        i += RING
    zero = ring[newest]
    level = 0
    j = 0
    while j < BASELINE:
        x = ring[i] - zero
        if x > CLIP_UL:
            x = CLIP_UL
        elif x < -CLIP_UL:
            x = -CLIP_UL
        level += x
        i += 1
        if i == RING:
            i = 0
        j += 1
    level = level // BASELINE
    # Keep the sums within 30 bits: the ramp's moment is at most last^2 / 2 times the drop.
    shift = 0
    x = level
    if x < 0:
        x = 0 - x
    while x > 100000:
        x >>= 1
        shift += 1
    limit = 100000 << shift
    best = 0
    best_m = first
    best_moment = 0
    total = 0
    moment = 0
    squares = 0
    m = 1
    i = newest
    while m <= last:
        x = level - (ring[i] - zero)
        if x > limit:
            x = limit
        elif x < 0 - limit:
            x = 0 - limit
        total += x >> shift
        moment += total
        squares += m * m
        if m >= first:
            x = moment - (allow_q4 >> shift) * squares // 16
            x = x // norm[m] * 16 + x % norm[m] * 16 // norm[m]
            if x > best:
                best = x
                best_m = m
                best_moment = moment // squares * 16 + moment % squares * 16 // squares
        i -= 1
        if i < 0:
            i += RING
        m += 1
    out[R_SAMPLES] = best_m
    if best_moment > (0x1FFFFFFF >> shift):
        best_moment = 0x1FFFFFFF >> shift
    out[R_SLOPE_Q4] = best_moment << shift
    out[R_LEVEL_UL] = level + zero
    if best > (0x1FFFFFFF >> shift):
        best = 0x1FFFFFFF >> shift
    return best << shift


def ramp_norm(level_error):
    """norm[m] of fit_ramp for m = 0..RAMP_MAX: 16 sqrt(S), S the sum of squares of 1..m.

    With level_error 16 sqrt(S + T^2 / BASELINE), T the sum: right for a deviate, where the level is no better known than its samples allow.
    """
    norm = array("i", [16] * (RAMP_MAX + 1))
    squares = 0
    total = 0
    for m in range(1, RAMP_MAX + 1):
        squares += m * m
        total += m
        norm[m] = isqrt(min((squares + (total * total // BASELINE if level_error else 0)) * 256, 0x3FFFFFFF))
    return norm


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
