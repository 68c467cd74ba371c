"""Leak-rate kernels: likelihood fit of a ramp over a ring of samples, integer square root, orifice law.

Restricted integer subset (docs/kernels.md). Allocation-free. In the loops a division is a call of fifty cycles: by powers of two they
shift, and what is left of one is multiplied out.
"""

from array import array

import micropython
from micropython import const

RING = const(256)
RAMP_MAX = const(128)
BASELINE = const(64)
BASELINE_BITS = const(6)
CLIP_UL = const(8000000)
ONSET_MAX = const(192)  # samples of a ramp that fit_onset looks back on
ONSET_LEVEL = const(32)  # and at least as many before it
ONSET_UNITS = const(28000)  # two sums of ONSET_MAX^2 / 2 of them stay within 30 bits

# out of fit_ramp and fit_onset
R_SAMPLES = const(0)  # how many samples ago the ramp began
R_SLOPE_Q4 = const(1)  # uL a sample
R_LEVEL_UL = const(2)  # before it
R_SIZE = const(3)


@micropython.native
def fit_ramp(ring: ptr32, newest: int, first: int, last: int, allow_q4: int, norm: ptr32, out: ptr32) -> int:
    """Fit "level, then a ramp down that began m samples ago" for m = first..last; the best m by likelihood stands in `out`.

    ring: the last RING samples (uL), `newest` the index of the last one; the level is the mean of the BASELINE samples before the ramp, so
    that what drifts has had little time to. allow_q4: a slope (uL a sample) that is none of the fit's business; norm[m]: 16 sqrt(sum of
    squares of the ramp), enlarged by what the level's own error adds (see ramp_norm). Returns the matched filter's output in uL: a normal
    deviate times a sample's noise.
    """
    # Keep the sums within 30 bits: samples count from the newest, and a ramp's moment is at most last^2 / 2 times the largest.
    zero = ring[newest]
    i = newest - last - BASELINE + 1
    if i < 0:
        i += RING
    x = ring[i] - zero
    if x > CLIP_UL:
        x = CLIP_UL
    elif x < -CLIP_UL:
        x = -CLIP_UL
    if x < 0:
        x = 0 - x
    shift = 0
    while x > 90000:
        x >>= 1
        shift += 1
    limit = 100000 << shift
    # No more than the squares' sum leaves room for: a slope that no loop has.
    allowed = allow_q4 >> shift
    x = 0x3FFFFFFF // (last * (last + 1) // 2 * (2 * last + 1) // 3)
    if allowed > x:
        allowed = x
    # The samples of the first level: the BASELINE before the newest.
    level = 0
    i = newest - BASELINE
    if i < 0:
        i += RING
    old = i
    m = 0
    while m < BASELINE:
        x = ring[i] - zero
        if x > limit:
            x = limit
        elif x < 0 - limit:
            x = 0 - limit
        level += x >> shift
        i += 1
        if i == RING:
            i = 0
        m += 1
    best = 0
    best_m = first
    best_moment = 0
    best_level = 0
    total = 0
    moment = 0
    squares = 0
    triangle = 0
    m = 1
    i = newest
    while m <= last:
        x = ring[i] - zero
        if x > limit:
            x = limit
        elif x < 0 - limit:
            x = 0 - limit
        x = x >> shift
        if m > 1:
            # This sample leaves the level for the ramp; an older one comes in.
            level -= x
            old -= 1
            if old < 0:
                old += RING
            drop = ring[old] - zero
            if drop > limit:
                drop = limit
            elif drop < 0 - limit:
                drop = 0 - limit
            level += drop >> shift
        total += x
        moment += total
        squares += m * m
        triangle += m
        if m >= first:
            drop = (level >> BASELINE_BITS) * triangle + ((level & (BASELINE - 1)) * triangle >> BASELINE_BITS) - moment
            x = drop - (allowed * squares >> 4)
            unit = norm[m]
            quotient = x // unit
            x = quotient * 16 + (x - quotient * unit) * 16 // unit
            if x > best:
                best = x
                best_m = m
                best_moment = drop // squares * 16 + drop % squares * 16 // squares
                best_level = level // BASELINE
        i -= 1
        if i < 0:
            i += RING
        m += 1
    out[R_SAMPLES] = best_m
    if best_moment > (0x1FFFFFFF >> shift):
        best_moment = 0x1FFFFFFF >> shift
    out[R_SLOPE_Q4] = best_moment << shift
    out[R_LEVEL_UL] = (best_level << shift) + zero
    if best > (0x1FFFFFFF >> shift):
        best = 0x1FFFFFFF >> shift
    return best << shift


@micropython.native
def fit_onset(ring: ptr32, newest: int, count: int, first: int, last: int, out: ptr32) -> int:
    """Least squares of "level, then a ramp down that began m samples ago", both free, over `count` samples up to `newest`.

    m = first..last: at most ONSET_MAX, and ONSET_LEVEL less than count. What stands before the ramp is all level, so the slope is unbiased
    whatever the noise did to raise an alarm. Returns the best fit's deviate times a sample's noise (uL); level, slope and m stand in `out`.
    """
    zero = ring[newest]
    i = newest - last
    if i < 0:
        i += RING
    x = ring[i] - zero
    if x < 0:
        x = 0 - x
    i = newest - count + 1
    if i < 0:
        i += RING
    y = ring[i] - zero
    if y < 0:
        y = 0 - y
    if x < y:
        x = y
    if x > CLIP_UL:
        x = CLIP_UL
    shift = 0
    while x > ONSET_UNITS - 4000:
        x >>= 1
        shift += 1
    limit = ONSET_UNITS << shift
    mean = 0
    m = 0
    while m < count:
        x = ring[i] - zero
        if x > limit:
            x = limit
        elif x < 0 - limit:
            x = 0 - limit
        mean += x >> shift
        i += 1
        if i == RING:
            i = 0
        m += 1
    mean = mean // count
    best = 0
    best_y = 0
    out[R_SAMPLES] = first
    total = 0
    moment = 0
    squares = 0
    triangle = 0
    root = 32
    m = 1
    i = newest
    while m <= last:
        x = ring[i] - zero
        if x > limit:
            x = limit
        elif x < 0 - limit:
            x = 0 - limit
        total += x >> shift
        moment += total
        squares += m * m
        triangle += m
        # 32 sqrt(sum of squares of the ramp about its mean), by Newton's steps from the ramp one sample shorter
        if m < 32:
            x = squares * 1024 - triangle * triangle * 1024 // count
        else:
            x = (squares - triangle * triangle // count) * 1024
        root = (root + x // root) >> 1
        if m < 64:
            root = (root + x // root) >> 1
        if m >= first:
            y = triangle * mean - moment
            if y > 0:
                x = y // root
                x = x * 32 + (y - x * root) * 32 // root
                if x > best:
                    best = x
                    best_y = y
                    out[R_SAMPLES] = m
        i -= 1
        if i < 0:
            i += RING
        m += 1
    m = out[R_SAMPLES]
    triangle = m * (m + 1) // 2
    if m < 32:
        x = triangle * (2 * m + 1) // 3 * 16 - triangle * triangle * 16 // count
        y = best_y // x * 256 + best_y % x * 256 // x
    else:
        x = triangle * (2 * m + 1) // 3 - triangle * triangle // count
        y = best_y // x * 16 + best_y % x * 16 // x
    out[R_SLOPE_Q4] = y << shift
    out[R_LEVEL_UL] = zero + ((mean + (y * (triangle * 16 // count) >> 8)) << shift)
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
