"""Temperatures kernel: the temperatures that the inventory rests on, by their sensors, and by how much they may mislead it.

Works on the inventory's state. Viper knows no other module's constants: what this takes of inventory_kernel stands here once more, and a
test compares it. Restricted integer subset (docs/kernels.md); milli-degC, uL. Allocation-free.
"""

import micropython
from micropython import const

UNKNOWN = const(-0x3FFFFFFF - 1)  # -2^30; viper takes no larger literal

# inventory_kernel
T_GAS = const(0)
T_SUPPLY = const(1)
T_RETURN = const(2)
T_RAD1 = const(3)
SLOTS = const(6)
LINES = const(62)
I_STARTED = const(8)
I_DUE = const(9)
I_TEMP_MC = const(10)
I_LOW_Q8 = const(16)
I_BEST_MC = const(22)
I_SUBSTITUTE_MC = const(28)
I_SEEN = const(34)
I_GONE = const(40)
I_SLOPE_UL_K = const(46)
I_SMOOTH_Q8 = const(52)
I_RATE_Q8 = const(58)
I_UNREST_UL = const(64)
I_PROFILE_Q20 = const(65)
I_STOPS = const(66)
I_NEAR = const(67)
I_HELD = const(68)
I_NEAR_MC = const(76)
I_COARSE = const(82)
I_WARM = const(83)
I_EXCLUDED = const(98)
C_LEAD_TICKS = const(10)
C_LEAD_GAIN = const(16)
C_SMOOTH_TICKS = const(17)
C_RATE_PERIODS = const(18)
C_UNREST_TICKS = const(19)
C_UNREST_MAX_UL = const(20)
C_PROFILE_Q20 = const(21)
C_DUE_TICKS = const(23)
C_SUCTION_TICKS = const(24)
PROFILE_Q20 = const(1048576)

RADIATORS = const(56)  # mask of their slots
ALL = const(63)
LEAD_NOISE_MC = const(4)  # three deviations of a lead, before its gain
WARM_SUCTIONS = const(6)  # until what passes the compensator is known, and a restart's slugs have passed
PART_FLOWING = const(31)  # of slope / 16 in uL/K times mK: 62.5 would be what a lead corrects by
PART_STILL = const(125)
STILL = const(36)  # 10 s of what a temperature's change compensates, by its lead, of slope / 16
STILL_MISSING = const(10)  # times that when a radiator's is missing: how it differs from the others changes by a quarter of what they do
RETURN_SMOOTHS = const(3)  # smoothing times that a temperature that is back is watched for


@micropython.native
def estimate(flowing: int, st: ptr32, cfg: ptr32) -> int:
    """One tick. flowing: 1 while the pump moves the coolant. Returns the mask of the slots whose own sensor counts.

    Each is smoothed and its sensor's lag taken out by a lead; a failed one follows its neighbours with the offset it had. I_UNREST_UL is
    what sudden changes may leave wrong in the inventory, I_PROFILE_Q20 how far the radiators' profile is built up. Without any sensor in
    a line there is nothing to follow, and both stand still.
    """
    i = 0
    known = 0
    unrest = 0
    still = 0
    part = PART_STILL
    if flowing:
        part = PART_FLOWING
    due = 0
    if st[I_DUE]:
        st[I_DUE] -= 1
    else:
        st[I_DUE] = cfg[C_DUE_TICKS]
        due = 1
    while i < SLOTS:
        t = st[I_TEMP_MC + i]
        n = st[I_GONE + i]
        if t != UNKNOWN:
            t = t << 8
            if n:
                # It comes back: smoothed for a while before it counts, or one noisy sample would be its level.
                if st[I_SEEN + i] == 0:
                    n = 1
                if n <= cfg[C_SMOOTH_TICKS] * RETURN_SMOOTHS and st[I_SEEN + i]:
                    st[I_SMOOTH_Q8 + i] += (t - st[I_SMOOTH_Q8 + i]) // cfg[C_SMOOTH_TICKS]
                else:
                    st[I_SMOOTH_Q8 + i] = t
                st[I_LOW_Q8 + i] = st[I_SMOOTH_Q8 + i]
                n -= 1
                st[I_GONE + i] = n
                if n == 0 and i == T_GAS:
                    # Another temperature is not another volume: the gas has not been compressed.
                    st[I_HELD] |= 1
            elif st[I_SEEN + i] == 0:
                st[I_SMOOTH_Q8 + i] = t
                st[I_LOW_Q8 + i] = t
        if t != UNKNOWN and n == 0:
            known |= 1 << i
            if st[I_SEEN + i] == 0:
                st[I_SEEN + i] = 1
            low = st[I_SMOOTH_Q8 + i]
            if st[I_HELD] & 2:
                # After a gap: the lead as it was, at the new level.
                st[I_LOW_Q8 + i] += t - low
                low = t
            t = low + (t - low) // cfg[C_SMOOTH_TICKS]
            st[I_SMOOTH_Q8 + i] = t
            low = st[I_LOW_Q8 + i]
            low += (t - low) // cfg[C_LEAD_TICKS]
            st[I_LOW_Q8 + i] = low
            t -= low
            st[I_BEST_MC + i] = ((t + low) >> 8) + (t >> 8) * cfg[C_LEAD_GAIN]
            if due:
                # A lead that changes within a minute (from the start, within what there is): the line is not what its sensor says.
                if st[I_SEEN + i] < cfg[C_RATE_PERIODS]:
                    st[I_SEEN + i] += 1
                low = st[I_RATE_Q8 + i]
                low += (t - low) // st[I_SEEN + i]
                st[I_RATE_Q8 + i] = low
                if flowing == 0:
                    # Where nothing moves a line's volume is not all at its sensor's temperature, the less the quicker that changes.
                    n = low >> 8
                    if n < 0:
                        n = 0 - n
                    if n > 20000:
                        n = 20000
                    still -= (st[I_SLOPE_UL_K + i] >> 4) * n // STILL
                t = (t - low) >> 8
                if t < 0:
                    t = 0 - t
                t -= LEAD_NOISE_MC
                if t > 0:
                    if t > 20000:
                        t = 20000
                    # What the lead itself corrects by, twice with flow: a line's middle is that much further from its sensor than the
                    # sensor lags. Half where nothing moves.
                    unrest -= (st[I_SLOPE_UL_K + i] >> 4) * t // part * cfg[C_LEAD_GAIN]
        i += 1
    if known & RADIATORS != RADIATORS:
        still = still * STILL_MISSING
    if unrest < still:
        unrest = still
    if unrest > cfg[C_UNREST_MAX_UL]:
        unrest = cfg[C_UNREST_MAX_UL]
    low = st[I_UNREST_UL]
    low -= low // cfg[C_UNREST_TICKS] + 1
    if unrest < low:
        unrest = low
    st[I_UNREST_UL] = unrest
    if known & LINES == 0:
        return known
    # The profile of the radiators builds up with the flow, and is frozen as an offset when the flow stops.
    profile = st[I_PROFILE_Q20]
    if flowing:
        if st[I_STARTED] == 0:
            profile = PROFILE_Q20
        elif profile == 0:
            # Slugs of other temperatures set off through lines that have one sensor in their middle: all that a line holds may be another.
            t = st[I_BEST_MC + T_RAD1] - st[I_BEST_MC + T_RETURN]
            if t < 0:
                t = 0 - t
            low = st[I_BEST_MC + T_RETURN] - st[I_BEST_MC + T_SUPPLY]
            if low < 0:
                low = 0 - low
            if t > 60000:
                t = 60000
            if low > 60000:
                low = 60000
            unrest -= (st[I_SLOPE_UL_K + T_RETURN] >> 4) * t // 62 + (st[I_SLOPE_UL_K + T_SUPPLY] >> 4) * low // 62
            if unrest > cfg[C_UNREST_MAX_UL]:
                unrest = cfg[C_UNREST_MAX_UL]
            st[I_UNREST_UL] = unrest
        if profile < PROFILE_Q20:
            if known & 7 != 7:
                # What no sensor sees of those slugs: as much as is ever allowed.
                st[I_UNREST_UL] = cfg[C_UNREST_MAX_UL]
            profile += cfg[C_PROFILE_Q20]
            if profile > PROFILE_Q20:
                profile = PROFILE_Q20
    elif profile > 0:
        profile = 0
        st[I_STOPS] = 1 - st[I_STOPS]
        # The radiators start to cool at once, their sensors' lag later: half a kelvin of theirs.
        i = T_RAD1
        while i < SLOTS:
            unrest -= st[I_SLOPE_UL_K + i] // 2
            i += 1
        if unrest > cfg[C_UNREST_MAX_UL]:
            unrest = cfg[C_UNREST_MAX_UL]
        st[I_UNREST_UL] = unrest
    st[I_PROFILE_Q20] = profile
    st[I_COARSE] = 0
    if flowing == 0:
        st[I_WARM] = 0
    elif st[I_WARM] < cfg[C_SUCTION_TICKS] * WARM_SUCTIONS:
        st[I_WARM] += 1
        st[I_COARSE] = 1
    if known != ALL or flowing == 0 or st[I_EXCLUDED]:
        st[I_COARSE] = 1
    if known != ALL:
        i = 0
        while i < SLOTS:
            if (known >> i) & 1 == 0:
                total = 0
                n = 0
                if i >= T_RAD1:
                    j = T_RAD1
                    while j < SLOTS:
                        if (known >> j) & 1:
                            total += st[I_BEST_MC + j]
                            n += 1
                        j += 1
                elif st[I_NEAR]:
                    total = st[I_NEAR_MC + i]
                    n = 1
                if n == 0:
                    j = T_SUPPLY
                    while j < SLOTS:
                        if (known >> j) & 1:
                            total += st[I_BEST_MC + j]
                            n += 1
                        j += 1
                t = total // n
                if st[I_GONE + i] == 0:
                    if i == T_GAS:
                        st[I_HELD] |= 1
                    st[I_SUBSTITUTE_MC + i] = 0
                    if st[I_SEEN + i]:
                        st[I_SUBSTITUTE_MC + i] = st[I_BEST_MC + i] - t
                if st[I_TEMP_MC + i] == UNKNOWN:
                    st[I_GONE + i] = cfg[C_SMOOTH_TICKS] * RETURN_SMOOTHS + 1
                st[I_BEST_MC + i] = t + st[I_SUBSTITUTE_MC + i]
            i += 1
    return known
