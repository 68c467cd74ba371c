"""Pressure kernels: the vote on the compensator pressure, and its independent reference from pump discharge and radiators.

Restricted integer subset (docs/kernels.md). Pressures in Pa, offsets and filters in Pa with 8 fractional bits. Allocation-free.
"""

import micropython
from micropython import const

UNKNOWN = const(-0x3FFFFFFF - 1)  # -2^30; viper takes no larger literal

# vote state; x3: one a sensor
V_PRESSURE = const(0)  # Pa, or UNKNOWN
V_MEMBERS = const(1)  # mask of the sensors that the vote rests on
V_COUNT = const(2)  # how many they are
V_EXCLUDED = const(3)  # mask of the sensors voted out
V_DISAGREE = const(4)  # two are left and contradict each other
V_LEARNED = const(5)  # samples that the offsets rest on
V_PAIR_Q8 = const(6)
V_VALUE = const(7)  # x3: offset-corrected values of this tick
V_OFFSET_Q8 = const(10)  # x3: each sensor against the vote
V_FAST_Q8 = const(13)  # x3: deviation from the other two over 1 s
V_SLOW_Q8 = const(16)  # x3: the same over 13 s
V_QUIET = const(19)  # x3: ticks that an excluded sensor has agreed
V_SPREAD_Q8 = const(22)  # mean absolute deviation of the sensors in the vote: quick to rise, slow to fall
V_RECENT = const(23)  # x3: ticks for which a sensor still counts as having been in the vote
V_CHOSEN = const(26)  # ticks for which one of two that contradict each other counts as having been chosen
V_SIZE = const(27)

# vote configuration
VC_OUTLIER_PA = const(0)
VC_FAST_PA = const(1)
VC_SLOW_PA = const(2)
VC_PAIR_PA = const(3)
VC_RETURN_TICKS = const(4)
VC_OFFSET_MAX_PA = const(5)
VC_RECENT_TICKS = const(6)
VC_SIZE = const(7)

LEARN_TICKS = const(64)
CLIP_PA = const(1000000)

# reference state and inputs; x4: p_pump, p_rad1, p_rad2, p_rad3
R_PRESSURE = const(0)  # Pa, or UNKNOWN
R_COUNT = const(1)
R_LEARNED = const(2)  # x4
R_OFFSET_Q8 = const(6)  # x4: head of each above the compensator
R_VALUE = const(10)  # x4: in; UNKNOWN where failed or isolated
R_SIZE = const(14)


@micropython.native
def vote(a: int, b: int, c: int, reference: int, adapt: int, st: ptr32, cfg: ptr32) -> int:
    """Three compensator pressures (Pa or UNKNOWN) to one; `reference` is the independent estimate (Pa or UNKNOWN).

    Three: their mean, an outlier of one tick left out, a persistent one voted out. Two: their mean while they agree, else the one that the
    reference supports, else UNKNOWN. One: that one. None: UNKNOWN. adapt = 0 freezes the offsets (while something is suspected).
    """
    st[V_VALUE] = a
    st[V_VALUE + 1] = b
    st[V_VALUE + 2] = c
    usable = 0
    n = 0
    i = 0
    while i < 3:
        if st[V_VALUE + i] != UNKNOWN:
            st[V_VALUE + i] -= st[V_OFFSET_Q8 + i] >> 8
            usable |= 1 << i
            n += 1
        if (st[V_MEMBERS] >> i) & 1:
            st[V_RECENT + i] = cfg[VC_RECENT_TICKS]
        elif st[V_RECENT + i] > 0:
            st[V_RECENT + i] -= 1
        i += 1

    excluded = st[V_EXCLUDED]
    if n == 3:
        total = st[V_VALUE] + st[V_VALUE + 1] + st[V_VALUE + 2]
        worst = -1
        worst_q8 = 0
        i = 0
        while i < 3:
            x = st[V_VALUE + i]
            dev = x - ((total - x) >> 1)
            if dev > CLIP_PA:
                dev = CLIP_PA
            elif dev < -CLIP_PA:
                dev = -CLIP_PA
            fast = st[V_FAST_Q8 + i]
            fast += ((dev << 8) - fast) >> 3
            st[V_FAST_Q8 + i] = fast
            slow = st[V_SLOW_Q8 + i]
            slow += ((dev << 8) - slow) >> 7
            st[V_SLOW_Q8 + i] = slow
            if fast < 0:
                fast = 0 - fast
            if slow < 0:
                slow = 0 - slow
            if fast > cfg[VC_FAST_PA] << 8 or slow > cfg[VC_SLOW_PA] << 8:
                st[V_QUIET + i] = 0
                if fast + slow > worst_q8:
                    worst = i
                    worst_q8 = fast + slow
            elif (excluded >> i) & 1:
                st[V_QUIET + i] += 1
                if st[V_QUIET + i] >= cfg[VC_RETURN_TICKS]:
                    excluded = 0
            i += 1
        if worst >= 0 and st[V_LEARNED] >= LEARN_TICKS and excluded == 0:
            excluded = 1 << worst
            st[V_QUIET + worst] = 0
        st[V_EXCLUDED] = excluded
    if usable & excluded:
        usable &= 7 - excluded
        n -= 1

    st[V_DISAGREE] = 0
    if st[V_CHOSEN] > 0:
        st[V_CHOSEN] -= 1
    first = 0
    if usable & 1 == 0:
        first = 1
    second = 2
    if usable & 4 == 0:
        second = 1
    if n == 2:
        x = st[V_VALUE + first]
        y = st[V_VALUE + second]
        dev = y - x
        if dev > CLIP_PA:
            dev = CLIP_PA
        elif dev < -CLIP_PA:
            dev = -CLIP_PA
        fast = st[V_PAIR_Q8]
        fast += ((dev << 8) - fast) >> 3
        st[V_PAIR_Q8] = fast
        if fast < 0:
            fast = 0 - fast
        if fast > cfg[VC_PAIR_PA] << 8:
            st[V_DISAGREE] = 1
            if reference != UNKNOWN:
                x -= reference
                if x < 0:
                    x = 0 - x
                y -= reference
                if y < 0:
                    y = 0 - y
                # A choice stands until they agree or the other is clearly nearer: one that goes back and forth keeps what suits it.
                was = st[V_MEMBERS]
                if x + cfg[VC_PAIR_PA] < y or (was == 1 << first and x <= y + cfg[VC_PAIR_PA]):
                    usable = 1 << first
                    n = 1
                elif y + cfg[VC_PAIR_PA] < x or (was == 1 << second and y <= x + cfg[VC_PAIR_PA]):
                    usable = 1 << second
                    n = 1
                if n == 1:
                    st[V_DISAGREE] = 0
                    st[V_CHOSEN] = cfg[VC_RECENT_TICKS]
    else:
        st[V_PAIR_Q8] = 0

    if n == 0 or st[V_DISAGREE]:
        # Two that contradict each other are nobody's vote: an isolation may not rest on them.
        st[V_COUNT] = 0
        st[V_MEMBERS] = 0
        st[V_PRESSURE] = UNKNOWN
        return UNKNOWN

    middle = 0
    if n == 3:
        x = st[V_VALUE]
        y = st[V_VALUE + 1]
        z = st[V_VALUE + 2]
        middle = x
        if (x <= y and y <= z) or (z <= y and y <= x):
            middle = y
        elif (x <= z and z <= y) or (y <= z and z <= x):
            middle = z
    total = 0
    near = 0
    i = 0
    while i < 3:
        if (usable >> i) & 1:
            x = st[V_VALUE + i]
            dev = x - middle
            if dev < 0:
                dev = 0 - dev
            if n < 3 or dev <= cfg[VC_OUTLIER_PA] or st[V_LEARNED] < LEARN_TICKS:
                total += x
                near += 1
        i += 1
    pressure = total // near
    if n > 1:
        # Vibration shakes each sensor by itself: the spread shows it at once, and a leak does not change it.
        dev = 0
        i = 0
        while i < 3:
            if (usable >> i) & 1:
                x = st[V_VALUE + i] - pressure
                if x < 0:
                    x = 0 - x
                dev += x
            i += 1
        if dev > CLIP_PA:
            dev = CLIP_PA
        dev = (dev << 8) // n - st[V_SPREAD_Q8]
        if dev > 0:
            st[V_SPREAD_Q8] += dev >> 2
        else:
            st[V_SPREAD_Q8] += dev >> 5
    st[V_COUNT] = n
    st[V_MEMBERS] = usable
    st[V_PRESSURE] = pressure
    if near == 3 and (adapt or st[V_LEARNED] < LEARN_TICKS):
        shift = 12
        if st[V_LEARNED] < LEARN_TICKS:
            st[V_LEARNED] += 1
            shift = 4
        limit = cfg[VC_OFFSET_MAX_PA] << 8
        i = 0
        while i < 3:
            dev = st[V_VALUE + i] - pressure
            if dev > CLIP_PA:
                dev = CLIP_PA
            elif dev < -CLIP_PA:
                dev = -CLIP_PA
            dev = st[V_OFFSET_Q8 + i] + ((dev << 8) >> shift)
            if dev > limit:
                dev = limit
            elif dev < 0 - limit:
                dev = 0 - limit
            st[V_OFFSET_Q8 + i] = dev
            i += 1
        # They are against their own mean: what rounding leaves in common would walk away unseen, and take a slow leak with it.
        st[V_OFFSET_Q8 + 2] = 0 - st[V_OFFSET_Q8] - st[V_OFFSET_Q8 + 1]
    elif n == 2 and adapt:
        # Their difference goes on drifting without the third: shared, or it would be taken for noise.
        limit = cfg[VC_OFFSET_MAX_PA] << 8
        dev = st[V_VALUE + first] - pressure
        if dev > CLIP_PA:
            dev = CLIP_PA
        elif dev < -CLIP_PA:
            dev = -CLIP_PA
        dev = (dev << 8) >> 12
        x = st[V_OFFSET_Q8 + first] + dev
        y = st[V_OFFSET_Q8 + second] - dev
        if x <= limit and y <= limit and x >= 0 - limit and y >= 0 - limit:
            st[V_OFFSET_Q8 + first] = x
            st[V_OFFSET_Q8 + second] = y
    return pressure


@micropython.native
def reference(pressure: int, votes: int, adapt: int, restart: int, st: ptr32) -> int:
    """The compensator pressure as pump discharge and radiators show it, each less its learned head; Pa or UNKNOWN.

    Heads are learned only while two or more compensator sensors agree and adapt is set; restart = 1 forgets them (pump or valves changed).
    """
    total = 0
    n = 0
    i = 0
    while i < 4:
        if restart:
            st[R_LEARNED + i] = 0
        x = st[R_VALUE + i]
        if x == UNKNOWN:
            st[R_LEARNED + i] = 0
        else:
            if votes >= 2 and pressure != UNKNOWN and (adapt or st[R_LEARNED + i] < LEARN_TICKS):
                dev = x - pressure
                if dev > CLIP_PA:
                    dev = CLIP_PA
                elif dev < -CLIP_PA:
                    dev = -CLIP_PA
                dev = dev << 8
                if st[R_LEARNED + i] == 0:
                    st[R_OFFSET_Q8 + i] = dev
                    st[R_LEARNED + i] = 1
                elif st[R_LEARNED + i] < LEARN_TICKS:
                    st[R_LEARNED + i] += 1
                    st[R_OFFSET_Q8 + i] += (dev - st[R_OFFSET_Q8 + i]) >> 4
                else:
                    st[R_OFFSET_Q8 + i] += (dev - st[R_OFFSET_Q8 + i]) >> 8
            if st[R_LEARNED + i] >= LEARN_TICKS:
                total += x - (st[R_OFFSET_Q8 + i] >> 8)
                n += 1
        i += 1
    st[R_COUNT] = n
    if n < 2:
        st[R_PRESSURE] = UNKNOWN
        return UNKNOWN
    total = total // n
    st[R_PRESSURE] = total
    return total


@micropython.native
def recent(st: ptr32) -> int:
    """Mask of the compensator's sensors that are in the vote or were lately: what they did may still stand in the pressure's past."""
    mask = st[V_MEMBERS]
    i = 0
    while i < 3:
        if st[V_RECENT + i]:
            mask |= 1 << i
        i += 1
    return mask
