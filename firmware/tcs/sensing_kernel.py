"""Sensing kernels: counts -> calibrated, validated values, and the vote on the compensator pressure.

Restricted integer subset (docs/kernels.md): while-loops over arrays, every intermediate within +/-2^30. The same file runs as bytecode,
compiles with viper on a board and with numba on the host. Allocation-free.
"""

import micropython
from micropython import const

UNKNOWN = const(-0x3FFFFFFF - 1)  # -2^30; viper takes no larger literal

# Channel status; the numbers are downlinked.
OK = const(0)
STALE = const(1)
OPEN = const(2)
SHORT = const(3)
STUCK = const(4)
IMPLAUSIBLE = const(5)
ABSENT = const(6)
DISAGREES = const(7)

# Channel kinds, as in the calibration record.
KIND_ABSENT = const(0)
KIND_PRESSURE = const(1)
KIND_TEMPERATURE = const(2)
KIND_V_REF = const(3)
KIND_FLOW = const(4)

CHANNELS = const(16)
V_REF = const(15)

# cfg: one row of CFG_STRIDE per channel, then the globals.
CFG_KIND = const(0)
CFG_LO = const(1)
CFG_GAIN_INT = const(2)
CFG_GAIN_Q14 = const(3)
CFG_RATE_COUNTS = const(4)
CFG_STUCK_TICKS = const(5)
CFG_COHERENT_COUNTS = const(6)  # of channels that have a roughness
CFG_ROUGH_Q8 = const(7)  # what no healthy sensor has; 0: any may be, and nothing of it is kept
CFG_STRIDE = const(8)
CFG_STALE_TICKS = const(128)
CFG_RECOVER_TICKS = const(129)
CFG_COHERENT_CHANNELS = const(130)
CFG_FROZEN_CHANNELS = const(131)
CFG_FROZEN_TICKS = const(132)
CFG_ADC = const(136)  # ADC_POINTS measured counts, ascending, then as many ideal counts
ADC_POINTS = const(10)
CFG_SIZE = const(156)

# state: one row of ST_STRIDE per channel, then the globals.
ST_RAW = const(0)
ST_VALUE = const(1)
ST_STATUS = const(2)
ST_SAME = const(3)
ST_GOOD = const(4)
ST_FAILS = const(5)
ST_SEEN_TICK = const(6)
ST_STEP = const(7)  # counts since the sample before
ST_SEGMENT = const(8)  # of the converter's correction table, where the last sample fell
ST_ROUGH_Q8 = const(9)  # mean change from step to step, counts: noise, not a slope
ST_STRIDE = const(10)
ST_V_REF_Q8 = const(160)
ST_COHERENT = const(161)  # channels that jumped together this tick
ST_FROZEN_TICKS = const(162)  # ticks in a row in which no channel changed
ST_STARTED = const(163)
ST_BAD = const(164)  # mask of fitted channels that are not ok
ST_WIDE = const(165)  # mask of channels in or beside one of the converter's wide codes
ST_V_REF_BEFORE_Q8 = const(166)  # what the supply was before all channels last jumped together
ST_SIZE = const(167)

LOW_COUNTS = const(3276)  # 5 % of the count range: open
HIGH_COUNTS = const(62244)  # 95 %: short
ZERO_COUNTS = const(6552)  # live zero, 10 %
NOMINAL_V_REF_COUNTS = const(32760)
V_REF_TOLERANCE_COUNTS = const(3276)  # 10 % of nominal
V_REF_JUMP_COUNTS = const(655)  # 2 %
FORGIVE_TICKS = const(600)


@micropython.native
def sense(counts: ptr16, fresh: int, now_tick: int, st: ptr32, cfg: ptr32) -> int:
    """One tick of all sixteen channels. Returns the mask of channels whose status changed.

    counts: conversion sums 0..65520; fresh: mask of channels with a new sample; st, cfg: see the layout above.
    """
    # The supply first: every other channel is ratiometric to it. Its own failure keeps the last good value.
    v_ref = st[ST_V_REF_Q8] >> 8
    off_nominal = NOMINAL_V_REF_COUNTS - v_ref
    coherent = 0
    unchanged = 0
    present = 0
    changed = 0
    unfit = 0
    wide = 0
    supply = 0
    i = 0
    while i < CHANNELS:
        s = i * ST_STRIDE
        c = i * CFG_STRIDE
        kind = cfg[c + CFG_KIND]
        was = st[s + ST_STATUS]
        status = was
        if kind == KIND_ABSENT:
            status = ABSENT
        elif not (fresh >> i) & 1:
            if now_tick - st[s + ST_SEEN_TICK] > cfg[CFG_STALE_TICKS]:
                status = STALE
                st[s + ST_GOOD] = 0
                st[s + ST_VALUE] = UNKNOWN
        else:
            raw = counts[i]
            step = raw - st[s + ST_RAW]
            st[s + ST_RAW] = raw
            st[s + ST_SEEN_TICK] = now_tick
            present += 1
            signed = step
            if step < 0:
                step = 0 - step
            same = 0
            if step == 0:
                unchanged += 1
                same = st[s + ST_SAME]
                if same < 1000000:
                    same += 1
            st[s + ST_SAME] = same
            rough = 0
            rough_limit = cfg[c + CFG_ROUGH_Q8]
            if rough_limit:
                j = signed - st[s + ST_STEP]
                if j < 0:
                    j = 0 - j
                if j > 255:
                    j = 255
                rough = st[s + ST_ROUGH_Q8]
                rough += ((j << 8) - rough) >> 5
                st[s + ST_ROUGH_Q8] = rough
                st[s + ST_STEP] = signed
                if step > cfg[c + CFG_COHERENT_COUNTS] and st[s + ST_GOOD] > 0:
                    coherent += 1
            # Converter correction: piecewise linear, measured -> ideal.
            j = CFG_ADC + st[s + ST_SEGMENT]
            width = cfg[j]
            ideal = cfg[j + 1]
            if raw >= ideal or raw < width:
                while raw >= cfg[j + 1] and j < CFG_ADC + ADC_POINTS - 2:
                    j += 1
                while raw < cfg[j] and j > CFG_ADC:
                    j -= 1
                st[s + ST_SEGMENT] = j - CFG_ADC
                width = cfg[j]
                ideal = cfg[j + 1]
            past = raw - width
            width = ideal - width
            ideal = cfg[j + ADC_POINTS]
            if width > 0:
                ideal += past * (cfg[j + ADC_POINTS + 1] - ideal) // width

            width = ((raw >> 4) & 1023) - 512
            if width > -4:
                if width < 3:
                    wide |= 1 << i

            bad = OK
            if raw < LOW_COUNTS:
                bad = OPEN
            elif raw > HIGH_COUNTS:
                bad = SHORT
            elif step > cfg[c + CFG_RATE_COUNTS] and st[s + ST_GOOD] > 0:
                bad = IMPLAUSIBLE
            elif rough > rough_limit:
                bad = IMPLAUSIBLE
            elif same and same >= cfg[c + CFG_STUCK_TICKS]:
                # A code frozen inside one of the converter's four wide codes is the converter, not the sensor.
                width = ((raw >> 4) & 1023) - 512
                if width < -2 or width > 1:
                    bad = STUCK
            if kind == KIND_V_REF and bad == OK:
                width = ideal - NOMINAL_V_REF_COUNTS
                if width > V_REF_TOLERANCE_COUNTS or width < -V_REF_TOLERANCE_COUNTS:
                    bad = IMPLAUSIBLE
                elif st[ST_STARTED] and coherent < 3 and (ideal - v_ref > V_REF_JUMP_COUNTS or v_ref - ideal > V_REF_JUMP_COUNTS):
                    # A jump of its own is not believed; when the supply itself jumps every temperature jumps with it.
                    bad = IMPLAUSIBLE
                else:
                    supply = ideal

            if bad:
                status = bad
                fails = st[s + ST_FAILS]
                if was == OK and fails < 4:
                    st[s + ST_FAILS] = fails + 1
                # After a jump the new level is judged from here on.
                st[s + ST_GOOD] = 0
                if bad == IMPLAUSIBLE:
                    st[s + ST_GOOD] = 1
            else:
                # Each failure doubles the good ticks that trust takes; a good minute forgives one.
                good = st[s + ST_GOOD]
                if good < FORGIVE_TICKS:
                    good += 1
                    st[s + ST_GOOD] = good
                elif st[s + ST_FAILS] > 0:
                    st[s + ST_FAILS] -= 1
                    st[s + ST_GOOD] = cfg[CFG_RECOVER_TICKS] << 4
                if was:
                    if good >= (cfg[CFG_RECOVER_TICKS] << st[s + ST_FAILS]) >> 1:
                        status = OK
            if status == OK:
                if kind == KIND_V_REF:
                    st[s + ST_VALUE] = ideal
                else:
                    ideal += ideal * off_nominal // v_ref - ZERO_COUNTS
                    st[s + ST_VALUE] = cfg[c + CFG_LO] + ideal * cfg[c + CFG_GAIN_INT] + ((ideal * cfg[c + CFG_GAIN_Q14]) >> 14)
            else:
                st[s + ST_VALUE] = UNKNOWN
        if status:
            if status != ABSENT:
                unfit |= 1 << i
        if status != was:
            st[s + ST_STATUS] = status
            changed |= 1 << i
        i += 1
    st[ST_BAD] = unfit
    st[ST_WIDE] = wide

    # From its first good sample on: the channels are trusted ten ticks later, and must not start with a nominal supply.
    if coherent >= 3:
        st[ST_V_REF_BEFORE_Q8] = st[ST_V_REF_Q8]
    if supply > 0:
        if st[ST_STARTED] == 0 or coherent >= 3:
            st[ST_V_REF_Q8] = supply << 8
            st[ST_STARTED] = 1
        elif st[V_REF * ST_STRIDE + ST_STATUS] == OK:
            st[ST_V_REF_Q8] += ((supply << 8) - st[ST_V_REF_Q8]) >> 2
    st[ST_COHERENT] = coherent
    if present >= cfg[CFG_FROZEN_CHANNELS] and unchanged == present:
        st[ST_FROZEN_TICKS] += 1
    elif present > 0:
        st[ST_FROZEN_TICKS] = 0
    return changed
