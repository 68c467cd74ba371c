"""Inventory kernel: compensator pressure and temperatures -> coolant volume as at 20 C, in uL.

inventory = lines full of liquid at their temperatures + compensator liquid (its volume less the gas), each times density / density(20 C).
The gas volume follows from p V = n R T. A change of volume takes the gas off its wall's temperature, to which it relaxes in 10 s: with
gamma = 1.4 and h = V - lowpass(V, 10 s) by 0.4 h, as a volume. The gas's sensor shows F h of that, F its lag and what undoes the lag; the
rest is taken out here: V = V_app - 0.4 (h - F h), solved for V (docs/inventory.md).
Restricted integer subset (docs/kernels.md); uL, Pa, milli-degC, ppm. Allocation-free.
"""

import micropython
from micropython import const

UNKNOWN = const(-0x3FFFFFFF - 1)  # -2^30; viper takes no larger literal

# temperature slots
T_GAS = const(0)
T_SUPPLY = const(1)
T_RETURN = const(2)
T_RAD1 = const(3)
SLOTS = const(6)
LINES = const(62)  # mask of all slots but the gas

# state
I_STATUS = const(0)
I_INVENTORY_UL = const(1)  # continuous: steps of the data or of the configuration taken out
I_RAW_UL = const(2)  # as computed this tick
I_OFFSET_UL = const(3)  # raw - continuous
I_GAS_UL = const(4)
I_SENSITIVITY_UL_KPA = const(5)  # V / p
I_MASK = const(6)  # data and configuration that the last value rested on
I_GAS_LOW_Q6 = const(7)  # low-passed gas volume: h is what V is off it
I_STARTED = const(8)
I_DUE = const(9)  # ticks until the leads' changes are looked at again, and the neighbours followed
I_TEMP_MC = const(10)  # x6: in; milli-degC or UNKNOWN
I_LOW_Q8 = const(16)  # x6: low-passed, for the sensor's lag
I_BEST_MC = const(22)  # x6: lag-corrected or substituted
I_SUBSTITUTE_MC = const(28)  # x6: own less neighbour when it failed
I_SEEN = const(34)  # x6: has ever been known; for how many periods, up to C_RATE_PERIODS
I_GONE = const(40)  # x6: substituted now; ticks until it counts again once it is back
I_SLOPE_UL_K = const(46)  # x6: inventory per kelvin of this channel
I_SMOOTH_Q8 = const(52)  # x6: smoothed against the converter's wide codes
I_RATE_Q8 = const(58)  # x6: the lead, its mean over a minute
I_UNREST_UL = const(64)  # what the temperatures' sudden changes may be wrong by; decays over C_UNREST_TICKS
I_PROFILE_Q20 = const(65)  # how far the radiators' profile is built up since the flow began
I_STOPS = const(66)
I_NEAR = const(67)  # 1: I_NEAR_MC is known
I_HELD = const(68)  # since the last value: 1 no pressure, 2 no temperatures came in
I_GAS_APPARENT_UL = const(69)
I_LINES_UL = const(70)  # what the lines hold, as at 20 C
I_WIDE = const(71)  # in: 1 the compensator's, 2 << slot a temperature's sample lies at a wide code of the converter
I_WIDE_UL = const(72)  # what that may be wrong by
I_GAS_LAGGED_Q6 = const(73)  # h as the gas's sensor shows it
I_GAS_SMOOTH_Q6 = const(74)  # that, smoothed as the temperatures are
I_GAS_LEAD_Q6 = const(75)  # and what its lead is taken against
I_NEAR_MC = const(76)  # x3: gas, supply, return as their neighbours show them (neighbours_kernel)
I_SUCTION_Q8 = const(79)  # the return where it passes the compensator
I_NEAR_SUCTION_Q8 = const(80)  # the same of what its neighbours show of the return
I_NEAR_RETURN_MC = const(81)  # what the volumes of return line and compensator rest on together, by the neighbours
I_COARSE = const(82)  # 1: no flow, or not for long, a temperature missing or a pressure voted out: compensation is worth less
I_WARM = const(83)  # ticks with flow since the start or a standstill, up to WARM_SUCTIONS times C_SUCTION_TICKS
I_MISSED = const(84)  # ticks without a pressure, up to HELD_TICKS
I_GAS_SHOWN_UL = const(85)  # what the gas's temperature, its own or the one that goes on for it, shows of h
I_KEPT_MC = const(86)  # x6: added to a line's temperature, it goes on as the inventory does when its sensor comes back at another level
I_SHOWN_MC = const(92)  # x6: what the inventory rests on; the return's is that of line and compensator together
I_EXCLUDED = const(98)  # in: not 0 while a compensator's sensor is voted out
I_JUMP_TICKS = const(99)  # not 0 while all temperatures may be bent by a jump of the supply, or of its channel
I_SIZE = const(100)

# status
S_OK = const(0)
S_BOTTOMED = const(1)  # no gas volume left to give: pressure says nothing about the volume
S_OVER_RANGE = const(2)  # hot stop: liquid-full
S_NO_PRESSURE = const(3)
S_NO_TEMPERATURE = const(4)
S_EMPTY = const(5)  # agreeing sensors at the vapour pressure

# configuration
C_GAS_PV_MJ = const(0)  # p V at 20 C, mJ = kPa mL
C_GAS_MAX_ML = const(1)
C_GAS_MIN_ML = const(2)
C_EMPTY_PA = const(3)  # above the vapour pressure
C_VOLUME_ML = const(4)  # x6, slots as above; gas 0; return without the compensator
C_LEAD_TICKS = const(10)  # time constant of the lead's filter: sensor lag and smoothing over the gain
C_GAS_LOW_TICKS = const(11)  # the gas relaxes to its wall
C_TABLE_START_MC = const(12)
C_TABLE_POINTS = const(13)
C_MARGIN_ML = const(14)  # to the stops
C_LAG_TICKS = const(15)  # of the temperature sensors
C_LEAD_GAIN = const(16)
C_SMOOTH_TICKS = const(17)
C_RATE_PERIODS = const(18)  # of the leads' changes: a minute
C_UNREST_TICKS = const(19)
C_UNREST_MAX_UL = const(20)
C_PROFILE_Q20 = const(21)  # built up in a tick
C_WIDE_TICKS = const(22)
C_DUE_TICKS = const(23)  # between two periods
C_SUCTION_TICKS = const(24)  # from the return's sensor to the compensator, with the flow
C_TABLE = const(25)  # expansion_ppm, then vapour_pa, C_TABLE_POINTS each
TABLE_STEP_MC = const(5000)
KEPT_MAX_MC = const(200000)

WIDE_PA = const(150)  # two codes that the board's correction table may be off by at a wide code
WIDE_MC = const(110)
PROFILE_Q20 = const(1048576)
PROFILE_PART = const(48)
HELD_TICKS = const(10)  # without a pressure, from which on its change is not taken for one of the gas's volume now
LEAD_GAIN = const(4)
LATE_MAX_Q8 = const(7680000)  # 30 K
INVENTORY_MAX_UL = const(107000000)  # ten of them stay within 30 bits
GAS_LOW_MAX_Q6 = const(1000000000)  # 15.6 L: beyond 1.25 times the largest compensator
GAS_SHOWN_MAX_UL = const(1000000)
SENSITIVITY_MAX_UL_KPA = const(400000)  # four times that of the coldest loop: near the end of the gas it would leave 30 bits


@micropython.native
def account(pressure: int, connected: int, flowing: int, known: int, st: ptr32, cfg: ptr32) -> int:
    """One tick. pressure: voted, Pa or UNKNOWN; connected: mask of segments open to the compensator; flowing: 1 while the pump moves the
    coolant; known: mask of the slots whose temperature its own sensor gives, as temperatures_kernel has just estimated them.

    With flow a radiator is at its own sensor's temperature but for 1 / PROFILE_PART of its volume each at the supply's and the return's
    (docs/decisions/inventory-profile.md). Without flow it is all the sensor's.
    Returns the status; the values stand in `st`. A change of what the value rests on is taken out as a step: the continuous inventory loses
    one tick of truth, never more.
    """
    if known & LINES == 0:
        st[I_STATUS] = S_NO_TEMPERATURE
        st[I_HELD] = 3
        return S_NO_TEMPERATURE
    st[I_HELD] &= 1
    if pressure == UNKNOWN:
        st[I_STATUS] = S_NO_PRESSURE
        if st[I_MISSED] < HELD_TICKS:
            st[I_MISSED] += 1
        else:
            st[I_HELD] = 1
        return S_NO_PRESSURE
    st[I_MISSED] = 0
    if pressure < 100:
        pressure = 100

    # Gas volume, uL: pv * 1e6 / p by long division in base 100, so that no step leaves 30 bits.
    t = st[I_BEST_MC + T_GAS] - 20000
    if t > 120000:
        t = 120000
    elif t < -120000:
        t = -120000
    ppm = t * 3411 // 1000
    pv = cfg[C_GAS_PV_MJ]
    pv += (pv // 1000) * (ppm // 4) // 250
    gas = pv // pressure
    part = pv - gas * pressure
    if gas > 900:
        gas = 900
        part = 0
    i = 0
    while i < 3:
        part = part * 100
        digit = part // pressure
        part -= digit * pressure
        gas = gas * 100 + digit
        i += 1
    status = S_OK
    gas_max_ul = cfg[C_GAS_MAX_ML] * 1000
    if gas > gas_max_ul - cfg[C_MARGIN_ML] * 1000:
        status = S_BOTTOMED
    elif gas < (cfg[C_GAS_MIN_ML] + cfg[C_MARGIN_ML]) * 1000:
        status = S_OVER_RANGE

    if gas > gas_max_ul + gas_max_ul // 4:
        gas = gas_max_ul + gas_max_ul // 4
    # What the sensor shows of h comes of ticks before this one: so V stands on one side.
    shown = st[I_GAS_SHOWN_UL]
    if st[I_GONE + T_GAS] == 0:
        t = st[I_GAS_SMOOTH_Q6]
        t = (t >> 6) + ((t - st[I_GAS_LEAD_Q6]) >> 6) * cfg[C_LEAD_GAIN]
        if t > GAS_SHOWN_MAX_UL:
            t = GAS_SHOWN_MAX_UL
        elif t < -GAS_SHOWN_MAX_UL:
            t = -GAS_SHOWN_MAX_UL
        st[I_GAS_SHOWN_UL] = t
    low = st[I_GAS_LOW_Q6]
    if st[I_STARTED] == 0:
        low = gas << 6
    elif st[I_HELD]:
        # V must not move by what the temperature shows of h from here on: what is left of the change is none of the gas's.
        t = (gas - st[I_GAS_APPARENT_UL] + (st[I_GAS_SHOWN_UL] - shown) * 2 // 5) << 6
        if t > GAS_LOW_MAX_Q6 - low:
            t = GAS_LOW_MAX_Q6 - low
        elif t < 0 - low:
            t = 0 - low
        low += t
        st[I_HELD] = 0
    st[I_GAS_APPARENT_UL] = gas
    # Gone, it goes on from where it was, and what it showed of h then is in it for good.
    gas -= (gas - (low >> 6) - st[I_GAS_SHOWN_UL]) * 2 // 7
    st[I_GAS_UL] = gas
    low += ((gas << 6) - low) // cfg[C_GAS_LOW_TICKS]
    st[I_GAS_LOW_Q6] = low
    t = gas - (low >> 6)
    if t > GAS_SHOWN_MAX_UL:
        t = GAS_SHOWN_MAX_UL
    elif t < -GAS_SHOWN_MAX_UL:
        t = -GAS_SHOWN_MAX_UL
    st[I_GAS_LAGGED_Q6] += ((t << 6) - st[I_GAS_LAGGED_Q6]) // cfg[C_LAG_TICKS]
    t = st[I_GAS_LAGGED_Q6]
    low = st[I_GAS_SMOOTH_Q6]
    low += (t - low) // cfg[C_SMOOTH_TICKS]
    st[I_GAS_SMOOTH_Q6] = low
    st[I_GAS_LEAD_Q6] += (low - st[I_GAS_LEAD_Q6]) // cfg[C_LEAD_TICKS]
    if st[I_GONE + T_GAS]:
        st[I_GAS_LEAD_Q6] = low  # a sensor that comes back has no lead at first
    st[I_SENSITIVITY_UL_KPA] = (gas // pressure) * 1000 + (gas % pressure) * 100 // pressure * 10
    if st[I_SENSITIVITY_UL_KPA] > SENSITIVITY_MAX_UL_KPA:
        st[I_SENSITIVITY_UL_KPA] = SENSITIVITY_MAX_UL_KPA

    # What passes the compensator was at the return's sensor a while ago; without flow it stays.
    t = st[I_BEST_MC + T_RETURN] << 8
    if st[I_STARTED] == 0:
        st[I_SUCTION_Q8] = t
    elif flowing:
        st[I_SUCTION_Q8] += (t - st[I_SUCTION_Q8]) // cfg[C_SUCTION_TICKS]
    if st[I_NEAR] == 0:
        st[I_NEAR_MC + T_RETURN] = t >> 8
        st[I_NEAR_SUCTION_Q8] = t
    elif flowing:
        st[I_NEAR_SUCTION_Q8] += ((st[I_NEAR_MC + T_RETURN] << 8) - st[I_NEAR_SUCTION_Q8]) // cfg[C_SUCTION_TICKS]
    late = st[I_SUCTION_Q8] - t
    if late > LATE_MAX_Q8:
        late = LATE_MAX_Q8
    elif late < -LATE_MAX_Q8:
        late = -LATE_MAX_Q8

    # Liquid: each line's volume, and what the compensator holds, as at 20 C.
    mask = (st[I_STOPS] << 12) | (connected << 6) | known
    back = 0
    if st[I_STARTED]:
        back = known & (63 - (st[I_MASK] & 63))
    profile = st[I_PROFILE_Q20]
    inventory = 0
    liquid = gas_max_ul - gas
    last = cfg[C_TABLE_POINTS] - 2
    shared = 0
    compensator = 0
    i = T_RAD1
    while i < SLOTS:
        if (connected >> (i - T_RAD1)) & 1:
            shared += cfg[C_VOLUME_ML + i] // PROFILE_PART * (profile >> 10) >> 10
        i += 1
    i = T_SUPPLY
    while i < SLOTS:
        shown = st[I_BEST_MC + i]
        t = shown - cfg[C_TABLE_START_MC]
        j = t // TABLE_STEP_MC
        if j < 0:
            j = 0
        elif j > last:
            j = last
        t -= j * TABLE_STEP_MC
        if t > 20000:
            t = 20000
        elif t < -20000:
            t = -20000
        ppm = cfg[C_TABLE + j]
        slope = cfg[C_TABLE + j + 1] - ppm
        ppm += slope * t // TABLE_STEP_MC
        volume = cfg[C_VOLUME_ML + i]
        if i < T_RAD1:
            volume += shared
        elif (connected >> (i - T_RAD1)) & 1 == 0:
            volume = 0
        else:
            volume -= (volume // PROFILE_PART * (profile >> 10) >> 10) * 2
        inventory += volume * 1000 + volume * (ppm // 1000) + volume * (ppm % 1000) // 1000
        if i == T_RETURN:
            volume = liquid // 1000
            part = ppm + slope * (late >> 8) // TABLE_STEP_MC
            compensator = liquid + volume * (part // 1000) + volume * (part % 1000) // 1000
            part = volume
            volume += cfg[C_VOLUME_ML + i] + shared
            if volume > 0:
                part = part * 256 // volume
            else:
                part = 0
            shown += (late >> 8) * part // 256
            part = ((st[I_NEAR_SUCTION_Q8] >> 8) - st[I_NEAR_MC + T_RETURN]) * part // 256
            st[I_NEAR_RETURN_MC] = st[I_NEAR_MC + T_RETURN] + part
            # At the vapour pressure, agreeing sensors mean a loop without gas pressure, not three broken sensors.
            vapour = cfg[C_TABLE + cfg[C_TABLE_POINTS] + j]
            vapour += (cfg[C_TABLE + cfg[C_TABLE_POINTS] + j + 1] - vapour) // 64 * (t // 80)
            if pressure < vapour + cfg[C_EMPTY_PA] and status == S_BOTTOMED:
                status = S_EMPTY
        st[I_SLOPE_UL_K + i] = volume * slope // 5000
        if (back >> i) & 1:
            kept = st[I_SHOWN_MC + i] - shown
            if kept > KEPT_MAX_MC or kept < -KEPT_MAX_MC:
                kept = 0
            st[I_KEPT_MC + i] = kept
        st[I_SHOWN_MC + i] = shown + st[I_KEPT_MC + i]
        i += 1
    # 1 K of gas is V / T.
    st[I_SHOWN_MC + T_GAS] = st[I_BEST_MC + T_GAS]
    st[I_SLOPE_UL_K + T_GAS] = 0 - gas * 10 // 2931

    if st[I_STARTED] == 0:
        st[I_STARTED] = 1
        st[I_OFFSET_UL] = 0
    elif mask != st[I_MASK]:
        # What the lines hold is counted differently from here on; the pressure's part and its noise go on.
        st[I_OFFSET_UL] += inventory - st[I_LINES_UL]
    st[I_MASK] = mask
    st[I_LINES_UL] = inventory
    inventory += compensator
    st[I_RAW_UL] = inventory
    unrest = 0
    if st[I_WIDE]:
        if st[I_WIDE] & 1:
            unrest = st[I_SENSITIVITY_UL_KPA] // 100 * WIDE_PA // 10
        i = 0
        while i < SLOTS:
            if (st[I_WIDE] >> (i + 1)) & 1:
                unrest -= st[I_SLOPE_UL_K + i] * WIDE_MC // 1000
            i += 1
    low = st[I_WIDE_UL]
    low -= low // cfg[C_WIDE_TICKS] + 1
    if unrest < low:
        unrest = low
    if unrest < 0:
        unrest = 0
    st[I_WIDE_UL] = unrest
    inventory -= st[I_OFFSET_UL]
    if inventory > INVENTORY_MAX_UL or inventory < 0 - INVENTORY_MAX_UL:
        # Steps taken out one after another have carried it where no loop is: start afresh.
        inventory += st[I_OFFSET_UL]
        st[I_OFFSET_UL] = 0
    st[I_INVENTORY_UL] = inventory
    st[I_STATUS] = status
    return status
