"""Detector kernels: a multi-rate bank of one-sided CUSUM tests on the compensated inventory.

Stage j watches block means of 1, 3, 9, 27 ... base samples. Its statistic is Page's CUSUM on the drop between neighbouring block means
less an allowance; the sum telescopes, so it is kept as (mean at the last zero) - (mean now) - allowance x time, which cannot drift and
remembers where the excursion began, channel by channel. From that memory standing_kernel says what each channel alone could explain.
Restricted integer subset (docs/kernels.md); uL, Pa, milli-degC. Allocation-free.
"""

import micropython
from micropython import const

UNKNOWN = const(-0x3FFFFFFF - 1)  # -2^30; viper takes no larger literal

# sample vector
W_INVENTORY = const(0)
W_PRESSURE = const(1)  # x3
W_TEMP = const(4)  # x6, slots of the inventory kernel
W_V_REF = const(10)  # counts with 6 fractional bits
W_REFERENCE = const(11)
W_NEAR = const(12)  # x3: gas, supply, return as their neighbours show them
W_CABIN = const(15)  # cabin pressure: it tells on the supply
WIDTH = const(16)

STAGES = const(8)
GATE_STAGES = const(4)  # of a level of the history: those that may ask for its ramp fit
PERMILLE_MAX = const(0xFFFE)
BLOCKS_MAX = const(1000000)

# detector state: globals, then one row a stage
D_BASE_COUNT = const(0)
D_BASE_SUM = const(1)  # x WIDTH
D_PERMILLE = const(17)  # x STAGES: each statistic of its threshold
D_SLOW_TOP = const(25)  # of the stages from FIRST_SLOW_STAGE on: the largest, and whose it is
D_SLOW_TOP_STAGE = const(26)
D_STIRRED = const(27)  # one of them completed a block in the base sample before
D_BASE_TICKS = const(28)  # base samples so far
D_EPOCH = const(29)  # counts changes that make the reference incomparable
D_NOISE_UL = const(30)  # noise of one base sample, as seen
D_NOISE_Q8 = const(31)  # steps of 0.9 s means, until COLOUR_KNOWN_TICKS
D_TOP = const(32)  # the stage with the largest statistic
D_TOP_PERMILLE = const(33)
D_LAST_BLOCK_UL = const(34)
D_COLOUR_EXCESS = const(35)  # square of the colour beyond white noise's, thousandths
D_SLOW_NOISE_UL = const(36)  # the same for means of a second and more
D_COLOUR_Q8 = const(37)  # steps of 2.7 s means as permille of a base sample's rating; white noise and the supply's wander: 750..910
D_COLOUR_STEPS = const(38)
D_COLOUR_BLOCK_UL = const(39)
D_UNREST_TOP_UL = const(40)  # the largest unrest since the references were last taken anew
D_RATED_UL = const(41)  # noise of one base sample by the sensors' rating
D_STAGE = const(42)
D_SAMPLE = const(59)  # the last base sample: it is the block mean of stage 0

# stage row
S_COUNT = const(0)
S_SUM = const(1)  # x WIDTH
S_MEAN = const(17)  # x WIDTH
S_REF = const(33)  # x WIDTH
S_BLOCKS = const(49)  # blocks since the reference
S_EXCESS_UL = const(50)
S_THRESHOLD_UL = const(51)
S_STARTED = const(52)
S_NEW = const(53)
S_EPOCH = const(54)
S_REF_EPOCH = const(55)
S_STRIDE = const(56)
D_SIZE = const(490)

# configuration: globals, then one row a stage
DC_BASE_TICKS = const(0)
DC_NOISE_PA = const(1)
DC_NOISE_MAX_PERMILLE = const(2)
DC_SENSITIVITY_UL_KPA = const(3)  # at the nominal gas volume
DC_STAGE = const(4)
SC_PARENT = const(0)  # -1: the base samples
SC_COUNT = const(1)
SC_ALLOW_UL = const(2)  # a block
SC_GAIN_PERMILLE = const(3)  # threshold per noise of a base sample
SC_FLOOR_UL = const(4)
SC_BLOCKS = const(5)  # base samples of a block
SC_STRIDE = const(6)
DC_SIZE = const(52)

EXCESS_MAX_UL = const(1000000)
NOISE_CAP_UL = const(100000)
FIRST_SLOW_STAGE = const(2)
FIRST_DRIFT_STAGE = const(4)  # from here on the sensors' drift is most of the floor: uL by the sensitivity
SOFTEST = const(400)  # percent of the nominal sensitivity that it is followed to
ADAPT = const(1)
COARSE = const(2)
QUICK_UNREST_UL = const(5000)  # the two quickest stages need not mind less
COLOUR_STAGE = const(3)
COLOUR_STEPS = const(512)  # 23 min
COLOUR_FIRST_TICKS = const(300)
COLOUR_KNOWN_TICKS = const(1800)  # base samples until the steps tell coloured noise from white
COLOUR_MAX_PERMILLE = const(8000)
WHITE = const(900)  # square of 949 permille
BLANK_UL = const(20000)  # a transient so large that every reference is taken anew each time that it has halved


@micropython.native
def accumulate(sample: ptr32, st: ptr32, cfg: ptr32) -> int:
    """One tick's vector. Returns 1 when a base sample is complete (call `detect` then)."""
    n = st[D_BASE_COUNT] + 1
    base = cfg[DC_BASE_TICKS]
    if base == 1:
        i = 0
        while i < WIDTH:
            st[D_SAMPLE + i] = sample[i]
            i += 1
        st[D_BASE_TICKS] += 1
        return 1
    i = 0
    while i < WIDTH:
        st[D_BASE_SUM + i] += sample[i]
        i += 1
    if n < base:
        st[D_BASE_COUNT] = n
        return 0
    i = 0
    while i < WIDTH:
        st[D_SAMPLE + i] = st[D_BASE_SUM + i] // base
        st[D_BASE_SUM + i] = 0
        i += 1
    st[D_BASE_COUNT] = 0
    st[D_BASE_TICKS] += 1
    return 1


@micropython.native
def detect(sensitivity_ul_kpa: int, votes: int, noise_pa: int, unrest_ul: int, flags: int, st: ptr32, cfg: ptr32) -> int:
    """One base sample through the bank. Returns the largest statistic as permille of its threshold (0..100 000).

    noise_pa: what the sensors' spread says of their noise. Thresholds are gain x noise + floor: noise is what the voting sensors leave
    (uL), never less than their rating; the slower stages' follows what is coloured of it while ADAPT is set in flags, at most
    DC_NOISE_MAX_PERMILLE of it. COARSE in flags, compensation rests on less than all sensors with flow: the slowest stages allow three
    times the slope. unrest_ul: what a thermal transient may be wrong by, added to the thresholds; after more than BLANK_UL the bank
    starts afresh each time that it has halved: a reference from the midst of it is wrong by as much as it was then.
    """
    if votes < 1:
        votes = 1
    if noise_pa < cfg[DC_NOISE_PA]:
        noise_pa = cfg[DC_NOISE_PA]
    if noise_pa > cfg[DC_NOISE_PA] * 4:
        noise_pa = cfg[DC_NOISE_PA] * 4
    share = 1000
    if votes == 3:
        share = 577
    elif votes == 2:
        share = 707
    noise = (sensitivity_ul_kpa >> 3) * noise_pa // 125
    noise = noise // 1000 * share + noise % 1000 * share // 1000
    if noise > NOISE_CAP_UL:
        noise = NOISE_CAP_UL
    st[D_NOISE_UL] = noise
    rated = (sensitivity_ul_kpa >> 3) * cfg[DC_NOISE_PA] // 125
    rated = rated // 1000 * share + rated % 1000 * share // 1000
    if rated > NOISE_CAP_UL:
        rated = NOISE_CAP_UL
    st[D_RATED_UL] = rated
    slow_noise = noise
    if unrest_ul > st[D_UNREST_TOP_UL]:
        st[D_UNREST_TOP_UL] = unrest_ul
    elif st[D_UNREST_TOP_UL] > BLANK_UL and unrest_ul < st[D_UNREST_TOP_UL] >> 1:
        st[D_UNREST_TOP_UL] = unrest_ul
        j = 0
        while j < STAGES:
            st[D_STAGE + j * S_STRIDE + S_STARTED] = 0
            st[D_STAGE + j * S_STRIDE + S_COUNT] = 0
            j += 1

    j = 0
    while j < STAGES:
        if j == FIRST_SLOW_STAGE and st[D_STAGE + S_STRIDE + S_NEW] == 0:
            # All slower ones wait for a block of the stage before.
            if st[D_STIRRED]:
                st[D_STIRRED] = 0
                while j < STAGES:
                    st[D_STAGE + j * S_STRIDE + S_NEW] = 0
                    j += 1
            break
        if j == FIRST_SLOW_STAGE:
            if st[D_BASE_TICKS] >= COLOUR_KNOWN_TICKS:
                # Coloured noise: what the steps of 2.7 s means have beyond white noise counts 2.6 times in variance over longer times
                # (a correlation of 1 s).
                seen = st[D_COLOUR_Q8] >> 8
                if st[D_BASE_TICKS] < 9000:
                    seen -= seen >> 3  # less the standard error of few steps
                seen = seen * seen // 1000 - WHITE
                if seen < 0:
                    seen = 0
                st[D_COLOUR_EXCESS] = seen
                slow_noise = 64
                limit = 4096 + seen * 1065 // 100
                while slow_noise * slow_noise < limit and slow_noise < 256:
                    slow_noise += 2
                # The spread says what the sensors' own noise is, one by one; what is common to them goes by their rating.
                slow_noise = rated // 64 * slow_noise + rated % 64
                limit = rated // 100 * cfg[DC_NOISE_MAX_PERMILLE] // 10
                if slow_noise > limit:
                    slow_noise = limit
                if slow_noise < noise:
                    slow_noise = noise
            else:
                # Until then by the steps of 0.9 s means: white noise shows there with 0.80 of its rating; what is beyond 0.85 counts
                # thirteenfold. Less the standard error that the first minutes' few steps leave it.
                seen = st[D_NOISE_Q8] >> 8
                if st[D_BASE_TICKS] < 1200:
                    seen -= seen >> 3
                else:
                    seen -= seen >> 4
                if seen > noise - noise // 7:
                    limit = noise // 100 * cfg[DC_NOISE_MAX_PERMILLE] // 10
                    if seen > limit:
                        seen = limit
                    # root of n^2 + 13 (s^2 - 0.72 n^2), in units of n / 64
                    limit = seen * 64 // (noise + 1)
                    limit = limit * limit * 13 - 34240
                    slow_noise = 64
                    while slow_noise * slow_noise < limit and slow_noise < 256:
                        slow_noise += 4
                    slow_noise = noise // 64 * slow_noise + noise % 64
                    limit = noise // 100 * cfg[DC_NOISE_MAX_PERMILLE] // 10
                    if slow_noise > limit:
                        slow_noise = limit
            st[D_SLOW_NOISE_UL] = slow_noise
        s = D_STAGE + j * S_STRIDE
        c = DC_STAGE + j * SC_STRIDE
        st[s + S_NEW] = 0
        parent = cfg[c + SC_PARENT]
        source = D_SAMPLE
        ready = 1
        if parent >= 0:
            source = D_STAGE + parent * S_STRIDE + S_MEAN
            ready = st[D_STAGE + parent * S_STRIDE + S_NEW]
        if ready:
            count = cfg[c + SC_COUNT]
            n = st[s + S_COUNT]
            if n == 0:
                st[s + S_EPOCH] = st[D_EPOCH]
            if count == 1:
                n = 1  # stage 0: the sample is its mean
            else:
                i = s + S_SUM
                end = i + WIDTH
                if n == 0:
                    while i < end:
                        st[i] = st[source]
                        i += 1
                        source += 1
                else:
                    while i < end:
                        st[i] += st[source]
                        i += 1
                        source += 1
                n += 1
                if n == count:
                    i = s + S_SUM
                    source = s + S_MEAN
                    while i < end:
                        st[source] = st[i] // count
                        i += 1
                        source += 1
            if n < count:
                st[s + S_COUNT] = n
            else:
                st[s + S_COUNT] = 0
                st[s + S_NEW] = 1
                threshold = noise
                if j >= FIRST_SLOW_STAGE:
                    threshold = slow_noise
                elif j and st[D_SLOW_NOISE_UL] > noise and st[D_BASE_TICKS] >= COLOUR_KNOWN_TICKS:
                    # Means of 0.3 s see a quarter of what is coloured, once that is known.
                    threshold += (st[D_SLOW_NOISE_UL] - noise) >> 2
                if threshold > NOISE_CAP_UL:
                    threshold = NOISE_CAP_UL
                threshold = threshold // 10 * cfg[c + SC_GAIN_PERMILLE] // 100
                softness = 0
                if j >= FIRST_DRIFT_STAGE:
                    softness = (sensitivity_ul_kpa >> 3) * 100 // ((cfg[DC_SENSITIVITY_UL_KPA] >> 3) + 1)
                    if softness > SOFTEST:
                        softness = SOFTEST
                if softness > 100:
                    threshold += cfg[c + SC_FLOOR_UL] // 100 * softness
                else:
                    threshold += cfg[c + SC_FLOOR_UL]
                if j >= FIRST_SLOW_STAGE:
                    threshold += unrest_ul
                elif unrest_ul > QUICK_UNREST_UL:
                    threshold += unrest_ul - QUICK_UNREST_UL
                st[s + S_THRESHOLD_UL] = threshold
                excess = 0
                if st[s + S_STARTED]:
                    if flags & COARSE and j >= FIRST_DRIFT_STAGE:
                        st[s + S_REF] -= 2 * cfg[c + SC_ALLOW_UL]
                    blocks = st[s + S_BLOCKS] + 1
                    if blocks > 1000000:
                        blocks = 1000000
                    st[s + S_BLOCKS] = blocks
                    excess = st[s + S_REF] - st[s + S_MEAN]
                    allowed = EXCESS_MAX_UL
                    if blocks < 100000000 // (cfg[c + SC_ALLOW_UL] + 1):
                        allowed = cfg[c + SC_ALLOW_UL] * blocks
                    if excess > EXCESS_MAX_UL:
                        excess = EXCESS_MAX_UL
                    excess -= allowed
                if excess <= 0:
                    excess = 0
                    st[s + S_STARTED] = 1
                    st[s + S_BLOCKS] = 0
                    i = 0
                    while i < WIDTH:
                        st[s + S_REF + i] = st[s + S_MEAN + i]
                        i += 1
                    st[s + S_REF_EPOCH] = st[s + S_EPOCH]
                    if st[s + S_EPOCH] != st[D_EPOCH]:
                        st[s + S_REF_EPOCH] = -1
                st[s + S_EXCESS_UL] = excess
                if j == 2 and flags & ADAPT and st[D_BASE_TICKS] < COLOUR_KNOWN_TICKS:
                    # Slow noise of the first minutes: mean absolute step between 1 s means; x 0.886 is their rms, x sqrt(10) a base
                    # sample's, if white.
                    step = st[s + S_MEAN] - st[D_LAST_BLOCK_UL]
                    if step < 0:
                        step = 0 - step
                    if step > 100000:
                        step = 100000
                    step = (step * 280 // 100 << 8) - st[D_NOISE_Q8]
                    if st[D_BASE_TICKS] < 300:
                        st[D_NOISE_Q8] += step >> 4
                    elif st[D_BASE_TICKS] < 1200:
                        st[D_NOISE_Q8] += step >> 6
                    else:
                        st[D_NOISE_Q8] += step >> 9
                if j == COLOUR_STAGE:
                    if flags & ADAPT and st[D_BASE_TICKS] >= COLOUR_FIRST_TICKS:
                        # The same for means of 2.7 s, against the rating at the gas's volume of the moment: x sqrt(27).
                        step = st[s + S_MEAN] - st[D_COLOUR_BLOCK_UL]
                        if step < 0:
                            step = 0 - step
                        if step > 100000:
                            step = 100000
                        step = step * 4604 // (rated + 1)
                        if step > COLOUR_MAX_PERMILLE:
                            step = COLOUR_MAX_PERMILLE
                        if st[D_COLOUR_STEPS] < COLOUR_STEPS:
                            st[D_COLOUR_STEPS] += 1
                        st[D_COLOUR_Q8] += ((step << 8) - st[D_COLOUR_Q8]) // st[D_COLOUR_STEPS]
                    st[D_COLOUR_BLOCK_UL] = st[s + S_MEAN]
                if j == 2:
                    st[D_LAST_BLOCK_UL] = st[s + S_MEAN]
                threshold = st[s + S_THRESHOLD_UL]
                st[D_PERMILLE + j] = 0
                if threshold > 0:
                    st[D_PERMILLE + j] = excess * 1000 // threshold
                if j >= FIRST_SLOW_STAGE:
                    st[D_STIRRED] = 1
        j += 1
    if j == STAGES and st[D_STIRRED]:
        top = 0
        top_stage = 0
        j = FIRST_SLOW_STAGE
        while j < STAGES:
            if st[D_PERMILLE + j] > top:
                top = st[D_PERMILLE + j]
                top_stage = j
            j += 1
        st[D_SLOW_TOP] = top
        st[D_SLOW_TOP_STAGE] = top_stage
    top = st[D_PERMILLE]
    top_stage = 0
    if st[D_PERMILLE + 1] > top:
        top = st[D_PERMILLE + 1]
        top_stage = 1
    if st[D_SLOW_TOP] > top:
        top = st[D_SLOW_TOP]
        top_stage = st[D_SLOW_TOP_STAGE]
    if top > 100000:
        top = 100000
    st[D_TOP] = top_stage
    st[D_TOP_PERMILLE] = top
    return top


@micropython.native
def widen(samples: int, st: ptr32, cfg: ptr32) -> int:
    """A gap of so many base samples: they count in every stage's reference, as they would have."""
    stage = 0
    while stage < STAGES:
        at = D_STAGE + stage * S_STRIDE + S_BLOCKS
        x = st[at] + samples // cfg[DC_STAGE + stage * SC_STRIDE + SC_BLOCKS]
        if x > BLOCKS_MAX:
            x = BLOCKS_MAX
        st[at] = x
        stage += 1
    return 0


@micropython.native
def calling(first: int, unrest_ul: int, st: ptr32) -> int:
    """The next stage from `first` on that is beyond its threshold, and would be with what has become unrest since; STAGES without any.

    A slow stage's threshold may be minutes old: what has begun since counts too.
    """
    while first < STAGES:
        if st[D_PERMILLE + first] >= 1000:
            at = D_STAGE + first * S_STRIDE
            x = st[at + S_THRESHOLD_UL]
            if x < unrest_ul:
                x = unrest_ul
            if x > 0 and st[at + S_EXCESS_UL] >= x:
                return first
        first += 1
    return STAGES


@micropython.native
def corroborated(at: int, st: ptr32) -> int:
    """1 when pump discharge and radiators, corrected for head, show at least half of the compensator's drop since the stage's reference."""
    if st[at + S_REF_EPOCH] != st[D_EPOCH] or st[D_SAMPLE + W_REFERENCE] <= 0:
        return 0
    own = 0
    i = 0
    while i < 3:
        drop = st[at + S_REF + W_PRESSURE + i] - st[at + S_MEAN + W_PRESSURE + i]
        if drop > own:
            own = drop
        i += 1
    if own > 0 and (st[at + S_REF + W_REFERENCE] - st[at + S_MEAN + W_REFERENCE]) * 2 >= own:
        return 1
    return 0


@micropython.native
def asking(level: int, gate_permille: int, st: ptr32) -> int:
    """The stage that asks for the ramp fit of a level: the largest of its four beyond the gate, the last of equals; -1 without any."""
    stage = -1
    i = 2 * level
    last = i + GATE_STAGES
    while i < last:
        x = st[D_PERMILLE + i]
        if x > PERMILLE_MAX:
            x = PERMILLE_MAX
        if x >= gate_permille:
            gate_permille = x
            stage = i
        i += 1
    return stage
