"""Flow watch kernels: flow samples -> steps of about a second -> normal range -> test for a sustained loss.

Restricted integer subset: while-loops over arrays, every intermediate within +/-2^30, allocation-free. The same file runs as bytecode,
compiles with viper on a board and with numba on the host. docs/flow_watch.md has the model, the bounds and the margins.
"""
# ruff: noqa: F821 (ptr32 is known to viper alone)

import micropython
from micropython import const

UNKNOWN = const(-0x3FFFFFFF - 1)  # -2^30 spelt so that a 32-bit viper takes it for a small integer
TICK_MASK = const(0x3FFFFFFF)

# Verdicts; the class hands them on unchanged.
OK = const(0)
SUSPECT = const(1)
LOSS = const(2)
STALE = const(3)

# cfg: what the parameters say, in the kernel's units.
CFG_STEP_TICKS = const(0)  # a step closes with the first sample after this long
CFG_TICK_MS = const(1)
CFG_STALE_TICKS = const(2)
CFG_BLOCK_TICKS = const(3)  # a twentieth of the settling time
CFG_BLOCK_S = const(4)
CFG_LOSS_PERMILLE = const(5)
CFG_GROSS_PERMILLE = const(6)
CFG_HOLD_MS = const(7)
CFG_SPREAD_MAX_PERMILLE = const(8)
CFG_NOISE_MIN_PERMILLE = const(9)
CFG_NOISE_MAX_PERMILLE = const(10)
CFG_DRIFT_PERMILLE_H = const(11)
CFG_FALL_MAX_PERMILLE = const(12)
CFG_FLOW_MIN_UL_S = const(13)
CFG_EVIDENCE_MAX_TICKS = const(14)  # the most that one sample may speak for
CFG_SIZE = const(15)
EVIDENCE_MAX_MS = const(5000)

# state
ST_SUM = const(0)  # samples since the last step
ST_COUNT = const(1)
ST_STARTED = const(2)
ST_SEEN_TICK = const(3)  # last sample
ST_STEP_TICK = const(4)  # last step
ST_STEP_UL_S = const(5)
ST_STEP_MS = const(6)
ST_BLOCK_TICK = const(7)
ST_BLOCK_SUM = const(8)
ST_BLOCK_COUNT = const(9)
ST_BLOCK_DIFF_SUM = const(10)
ST_BLOCK_SUSPECT = const(11)  # something was suspected during this block: it teaches nothing
ST_BLOCKS = const(12)  # 0..BLOCKS while settling, BLOCKS once settled
ST_BASELINE_UL_S = const(13)
ST_FLOOR_UL_S = const(14)  # lowest normal level
ST_NOISE_UL_S = const(15)
ST_PEAK_UL_S = const(16)  # highest baseline held so far
ST_SHIFT_REST = const(17)  # baseline shift still owed, in 1/3600 uL/s
ST_STATISTIC_MS = const(18)
ST_VERDICT = const(19)
ST_BLOCK_MIN = const(20)
ST_BLOCK_MAX = const(21)
ST_SILENT = const(22)  # no sample for the stale time
ST_LEVELS = const(23)  # block levels while settling, ascending
ST_DIFFS = const(43)  # mean absolute differences of neighbouring steps, ascending
ST_SIZE = const(63)

BLOCKS = const(20)
EARLY_BLOCKS = const(5)  # from here on a gross loss is called, settled or not
STEPS_MIN = const(4)  # a block with fewer steps goes on; the longest block, 60 s, has 67 of 0.9 s: its sums stay within 2^30
FLOW_MAX_UL_S = const(10000000)  # 90 samples of 10 ms in a step stay within 2^30


@micropython.native
def take_sample(st: ptr32, cfg: ptr32, flow_ul_s: int, now_tick: int) -> int:
    """One sample; flow_ul_s UNKNOWN when there is none this tick. Returns 1 when a step closed, else 0."""
    if flow_ul_s == UNKNOWN:
        if not st[ST_SILENT] and (not st[ST_STARTED] or (now_tick - st[ST_SEEN_TICK]) & TICK_MASK > cfg[CFG_STALE_TICKS]):
            st[ST_SILENT] = 1
            if st[ST_VERDICT] != LOSS:
                st[ST_VERDICT] = STALE
        return 0
    if flow_ul_s > FLOW_MAX_UL_S:
        flow_ul_s = FLOW_MAX_UL_S
    elif flow_ul_s < 0 - FLOW_MAX_UL_S:
        flow_ul_s = 0 - FLOW_MAX_UL_S
    st[ST_SEEN_TICK] = now_tick
    st[ST_SILENT] = 0
    if st[ST_VERDICT] == STALE:
        st[ST_VERDICT] = OK
    st[ST_SUM] += flow_ul_s
    st[ST_COUNT] += 1
    elapsed = (now_tick - st[ST_STEP_TICK]) & TICK_MASK
    if st[ST_STARTED] and elapsed < cfg[CFG_STEP_TICKS]:
        return 0
    if not st[ST_STARTED]:
        st[ST_STARTED] = 1
        st[ST_BLOCK_TICK] = now_tick
        st[ST_STEP_UL_S] = flow_ul_s
        elapsed = cfg[CFG_STEP_TICKS]
    # A step speaks for the time since the one before it, but a gap is no evidence.
    if elapsed > cfg[CFG_EVIDENCE_MAX_TICKS]:
        elapsed = cfg[CFG_EVIDENCE_MAX_TICKS]
    mean = st[ST_SUM] // st[ST_COUNT]
    diff = mean - st[ST_STEP_UL_S]
    if diff < 0:
        diff = 0 - diff
    if diff > FLOW_MAX_UL_S:
        diff = FLOW_MAX_UL_S
    if st[ST_BLOCK_COUNT] == 0 or mean < st[ST_BLOCK_MIN]:
        st[ST_BLOCK_MIN] = mean
    if st[ST_BLOCK_COUNT] == 0 or mean > st[ST_BLOCK_MAX]:
        st[ST_BLOCK_MAX] = mean
    st[ST_BLOCK_SUM] += mean
    st[ST_BLOCK_DIFF_SUM] += diff
    st[ST_BLOCK_COUNT] += 1
    st[ST_STEP_UL_S] = mean
    st[ST_STEP_MS] = elapsed * cfg[CFG_TICK_MS]
    st[ST_STEP_TICK] = now_tick
    st[ST_SUM] = 0
    st[ST_COUNT] = 0
    return 1


@micropython.native
def close_block(st: ptr32, cfg: ptr32, now_tick: int) -> int:
    """Learn from the block of steps when it is complete: settle first, then follow slowly. Returns 1 when it settled just now."""
    count = st[ST_BLOCK_COUNT]
    if count < STEPS_MIN or (now_tick - st[ST_BLOCK_TICK]) & TICK_MASK < cfg[CFG_BLOCK_TICKS]:
        return 0
    # Trimmed of its lowest and highest step: one spike must not move a level.
    level = (st[ST_BLOCK_SUM] - st[ST_BLOCK_MIN] - st[ST_BLOCK_MAX]) // (count - 2)
    diff = st[ST_BLOCK_DIFF_SUM] // count
    suspect = st[ST_BLOCK_SUSPECT]
    st[ST_BLOCK_TICK] = now_tick
    st[ST_BLOCK_SUM] = 0
    st[ST_BLOCK_DIFF_SUM] = 0
    st[ST_BLOCK_COUNT] = 0
    st[ST_BLOCK_SUSPECT] = 0
    if suspect or st[ST_VERDICT] == LOSS:
        return 0
    n = st[ST_BLOCKS]
    if n < BLOCKS:
        # Insertion into two ascending lists.
        i = n
        while i > 0 and st[ST_LEVELS + i - 1] > level:
            st[ST_LEVELS + i] = st[ST_LEVELS + i - 1]
            i -= 1
        st[ST_LEVELS + i] = level
        i = n
        while i > 0 and st[ST_DIFFS + i - 1] > diff:
            st[ST_DIFFS + i] = st[ST_DIFFS + i - 1]
            i -= 1
        st[ST_DIFFS + i] = diff
        n += 1
        st[ST_BLOCKS] = n
        if n < EARLY_BLOCKS:
            return 0
        baseline = st[ST_LEVELS + (n >> 1)]
        if baseline < cfg[CFG_FLOW_MIN_UL_S]:
            # Nothing flows: nothing to watch yet.
            if n == BLOCKS:
                st[ST_BLOCKS] = 0
            st[ST_BASELINE_UL_S] = 0
            return 0
        # Mean |difference| of Gaussian noise is 2/sqrt(pi) of its deviation.
        noise = st[ST_DIFFS + (n >> 1)] // 10 * 886 // 100
        low = baseline // 10 * cfg[CFG_NOISE_MIN_PERMILLE] // 100
        high = baseline // 10 * cfg[CFG_NOISE_MAX_PERMILLE] // 100
        if noise < low:
            noise = low
        if noise > high:
            noise = high
        if noise < 1:
            noise = 1
        # The lowest block may be a start-up transient; the second lowest is normal. Of twenty means of some nineteen steps the second
        # lowest lies 1.4 deviations of such a mean below their centre for noise alone: a third of the noise of one step.
        floor = st[ST_LEVELS + 1] + noise // 3
        if floor > baseline:
            floor = baseline
        low = baseline - baseline // 10 * cfg[CFG_SPREAD_MAX_PERMILLE] // 100
        if floor < low:
            floor = low
        st[ST_BASELINE_UL_S] = baseline
        st[ST_FLOOR_UL_S] = floor
        st[ST_NOISE_UL_S] = noise
        st[ST_PEAK_UL_S] = baseline
        if n == BLOCKS:
            return 1
        return 0
    # Follow the slow drift of pump and viscosity; downwards only a bounded way below the highest baseline held.
    baseline = st[ST_BASELINE_UL_S]
    owed = st[ST_SHIFT_REST] + baseline // 100 * cfg[CFG_DRIFT_PERMILLE_H] // 10 * cfg[CFG_BLOCK_S]
    shift = owed // 3600
    st[ST_SHIFT_REST] = owed - shift * 3600
    if level < baseline:
        if shift > baseline - level:
            shift = baseline - level
        low = st[ST_PEAK_UL_S] - st[ST_PEAK_UL_S] // 10 * cfg[CFG_FALL_MAX_PERMILLE] // 100
        if baseline - shift < low:
            shift = baseline - low
            if shift < 0:
                shift = 0
        shift = 0 - shift
    elif shift > level - baseline:
        shift = level - baseline
    st[ST_BASELINE_UL_S] = baseline + shift
    st[ST_FLOOR_UL_S] += shift
    if baseline + shift > st[ST_PEAK_UL_S]:
        st[ST_PEAK_UL_S] = baseline + shift
    return 0


@micropython.native
def judge_step(st: ptr32, cfg: ptr32) -> int:
    """One step against the normal range: a one-sided CUSUM of the bounded, standardised depth below it. Returns the verdict."""
    verdict = st[ST_VERDICT]
    if st[ST_BLOCKS] < EARLY_BLOCKS or st[ST_BASELINE_UL_S] <= 0:
        return verdict
    margin = st[ST_BASELINE_UL_S] // 10 * cfg[CFG_LOSS_PERMILLE] // 100
    noise = st[ST_NOISE_UL_S]
    if st[ST_BLOCKS] < BLOCKS:
        margin = st[ST_BASELINE_UL_S] // 10 * cfg[CFG_GROSS_PERMILLE] // 100
    depth = st[ST_FLOOR_UL_S] - margin - st[ST_STEP_UL_S]
    # Bounded to one second of evidence a second, reached at half the noise: no single reading, however deep, is a sustained loss.
    unit = (noise + 1) >> 1
    if depth > unit:
        depth = unit
    elif depth < 0 - unit:
        depth = 0 - unit
    statistic = st[ST_STATISTIC_MS] + (depth * 128 // unit) * st[ST_STEP_MS] // 128
    if statistic < 0:
        statistic = 0
    hold = cfg[CFG_HOLD_MS]
    if statistic > hold:
        statistic = hold
    st[ST_STATISTIC_MS] = statistic
    if verdict != LOSS:
        verdict = OK
        if statistic >= hold:
            verdict = LOSS
        elif statistic >= hold >> 1:
            verdict = SUSPECT
            st[ST_BLOCK_SUSPECT] = 1
        st[ST_VERDICT] = verdict
    return verdict
