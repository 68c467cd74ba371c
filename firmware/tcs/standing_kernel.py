"""Standing kernels: what is left of an apparent loss when the one channel that explains most of it is left out.

A change is what each channel has done since the loss began: between the block means of a stage (`changes`), or as the ramp fit weighs its
samples (`ramp_changes`). Restricted integer subset (docs/kernels.md); uL, Pa, milli-degC, ppm. Allocation-free.
"""

import micropython
from micropython import const

# changes; the order of the detector's sample vector behind the inventory
CH_PRESSURE = const(0)  # x3, as the sensors say, their learned offsets not taken off
CH_TEMP = const(3)  # x6, slots of the inventory kernel
CH_V_REF = const(9)  # counts with 6 fractional bits
CH_NEAR = const(11)  # x3: gas, supply, return as their neighbours show them
CH_CABIN = const(14)
CHANNELS = const(15)

# what the evidence is taken from
ST_VALUE = const(1)  # of sensing's state, a row a channel
ST_STATUS = const(2)
ST_STRIDE = const(10)
OK = const(0)
P_CABIN = const(7)
V_REF = const(15)
I_SENSITIVITY_UL_KPA = const(5)  # of the inventory's state
I_PROFILE_Q20 = const(65)
I_SLOPE_UL_K = const(46)  # x6
I_BEST_MC = const(22)
T_GAS = const(8)  # channel of the first slot
SLOTS = const(6)

# evidence
E_SLOPE = const(0)  # x6, uL per kelvin of a temperature slot
E_WINDOW = const(6)  # base samples that the change came about in
E_SUPPLY_OK = const(7)  # 1: the supply's channel is
E_PRESSURE_ML = const(8)  # inventory a unit of the supply, by the compensator's pressure
E_THERMAL_ML = const(9)  # and by the temperatures, the other way
E_WANDER_PPM = const(10)  # three standard deviations of a healthy supply's wander over the window
E_CABIN_PA = const(11)  # cabin pressure above the foot of its scale; 0: unknown
E_CABIN_TREND_PA = const(12)  # what it did over the last TREND_WINDOW; UNKNOWN until then
E_STILL = const(13)  # 1: no flow, so that what radiators do differs
E_SUPPLY_LOSS_UL = const(14)  # of a ramp: the loss that an error of the supply's channel as it moved would be; UNKNOWN: of a stage
E_LEVEL_WINDOW = const(15)  # of a ramp: base samples that its supply may have wandered over
E_SIZE = const(16)

UNKNOWN = const(-0x3FFFFFFF - 1)  # -2^30; viper takes no larger literal
RING = const(128)
BASELINE = const(64)
RAMP_LAST = const(64)
LED_MAX = const(25000)
PAIR_WINDOW = const(36000)  # base samples, an hour: over longer two temperature sensors may have drifted, one after the other
WANDER = const(23)  # (2 x 0.0005 x 2 096 640 / 8)^2 x 2 / 6000: squared eighths of v_ref's unit in a base sample
WITNESS_WINDOW = const(270)  # base samples from which the cabin knows the supply better than its own wander tells
TREND_WINDOW = const(576)
TREND_LAST = const(1160)  # up to here the cabin's trend is less noisy than its block means
LEAD_WINDOW = const(230)  # base samples that a trend of the temperatures is led by
LEAD_BOUND = const(5)  # how many times a step of them counts while the leads decay
CABIN_RAMP_PPM = const(130)  # one standard deviation of what a ramp of 27 s shows of it
CABIN_NOISE_PPM = const(250)  # three standard deviations of what 27 s of the cabin tell
SUPPLY_MAX_PPM = const(20000)  # a supply further off is no longer one
SUPPLY_MAX_ML = const(50000)


@micropython.native
def changes(st: ptr32, now: int, ref: int, out: ptr32) -> int:
    """out[i] = st[now + i] - st[ref + i]."""
    i = 0
    while i < CHANNELS:
        out[i] = st[now + i] - st[ref + i]
        i += 1
    return 0


@micropython.native
def weigh(window: int, wander_ppm: int, p_comp: int, has_cabin: int, values: ptr32, foot: ptr32, inventory: ptr32, ev: ptr32) -> int:
    """The evidence of this moment: the inventory's slopes, and what an error of the supply does to it.

    window: base samples that the change came about in; wander_ppm: three standard deviations of a healthy supply's over it; p_comp:
    voted, Pa; has_cabin: 1 where its channel is a pressure; foot: by channel, what makes its value proportional to the counts.
    """
    ev[E_WINDOW] = window
    ev[E_WANDER_PPM] = wander_ppm
    ev[E_STILL] = 0
    if inventory[I_PROFILE_Q20] == 0:
        ev[E_STILL] = 1
    ev[E_SUPPLY_OK] = 0
    if values[V_REF * ST_STRIDE + ST_STATUS] == OK:
        ev[E_SUPPLY_OK] = 1
    ev[E_CABIN_PA] = 0
    x = values[P_CABIN * ST_STRIDE + ST_VALUE]
    if has_cabin and x != UNKNOWN and x + foot[P_CABIN] > 0:
        ev[E_CABIN_PA] = x + foot[P_CABIN]
    x = 0
    if p_comp != UNKNOWN:
        x = p_comp + foot[0]
    if x < 0:
        x = 0
    elif x > 1000000:
        x = 1000000
    x = inventory[I_SENSITIVITY_UL_KPA] // 10 * (x // 1000) // 100
    if x > SUPPLY_MAX_ML:
        x = SUPPLY_MAX_ML
    ev[E_PRESSURE_ML] = x
    total = 0
    i = 0
    while i < SLOTS:
        slope = inventory[I_SLOPE_UL_K + i]
        ev[E_SLOPE + i] = slope
        if slope < 0:
            slope = 0 - slope
        x = inventory[I_BEST_MC + i] + foot[T_GAS + i]
        if x < 0:
            x = 0 - x
        total += slope // 10 * (x // 1000) // 100
        i += 1
    if total > SUPPLY_MAX_ML:
        total = SUPPLY_MAX_ML
    ev[E_THERMAL_ML] = total
    return total


@micropython.native
def ramp_changes(ring: ptr32, newest: int, samples: int, out: ptr32) -> int:
    """What each channel did over the ramp's `samples` (1..RAMP_LAST), weighed exactly as fit_ramp weighs the inventory.

    ring: RING rows of CHANNELS, newest the index of the last row.
    """
    squares = samples * (samples + 1) * (2 * samples + 1) // 6
    k = 0
    while k < CHANNELS:
        zero = ring[newest * CHANNELS + k]
        i = (newest - samples - BASELINE + 1) & (RING - 1)
        level = 0
        j = 0
        while j < BASELINE:
            x = ring[i * CHANNELS + k] - zero
            if x > 400000:
                x = 400000
            elif x < -400000:
                x = -400000
            level += x
            i = (i + 1) & (RING - 1)
            j += 1
        level = level // BASELINE
        total = 0
        moment = 0
        i = newest
        j = 0
        while j < samples:
            x = ring[i * CHANNELS + k] - zero - level
            if x > 400000:
                x = 400000
            elif x < -400000:
                x = -400000
            total += x
            moment += total
            i = (i - 1) & (RING - 1)
            j += 1
        out[k] = moment // squares * samples + moment % squares * samples // squares
        k += 1
    return 0


@micropython.native
def ramp_led(ring: ptr32, newest: int, samples: int, k: int, smooth_10: int, lead_10: int, gain: int, led: ptr32) -> int:
    """What channel k, smoothed and led as the inventory leads its temperatures, did over the ramp's `samples`: as `ramp_changes` has it.

    smooth_10, lead_10: time constants in tenths of a row; led: scratch, RING wide. A step of 1.2 % is the most that is followed.
    """
    zero = ring[newest * CHANNELS + k]
    i = (newest + 1) & (RING - 1)
    smooth = 0
    low = 0
    j = 0
    while j < RING:
        x = ring[i * CHANNELS + k] - zero
        if x > LED_MAX:
            x = LED_MAX
        elif x < -LED_MAX:
            x = -LED_MAX
        x = x << 5
        if j == 0:
            smooth = x
            low = x
        smooth += (x - smooth) * 10 // smooth_10
        low += (smooth - low) * 10 // lead_10
        x = (smooth + (smooth - low) * gain) >> 5
        if x > 100000:
            x = 100000
        elif x < -100000:
            x = -100000
        led[j] = x
        i = (i + 1) & (RING - 1)
        j += 1
    level = 0
    j = 0
    while j < BASELINE:
        level += led[j + RING - samples - BASELINE]
        j += 1
    level = level // BASELINE
    total = 0
    moment = 0
    j = 0
    while j < samples:
        total += led[RING - 1 - j] - level
        moment += total
        j += 1
    i = samples * (samples + 1) * (2 * samples + 1) // 6
    return moment // i * samples + moment % i * samples // i


@micropython.native
def trend(ring: ptr32, newest: int, k: int) -> int:
    """Mean of channel k over the newer half of the ring less that over the older half."""
    zero = ring[newest * CHANNELS + k]
    total = 0
    i = newest
    j = 0
    while j < RING:
        x = ring[i * CHANNELS + k] - zero
        if x > 400000:
            x = 400000
        elif x < -400000:
            x = -400000
        if j < RING // 2:
            total += x
        else:
            total -= x
        i = (i - 1) & (RING - 1)
        j += 1
    return total // (RING // 2)


@micropython.native
def standing(excess: int, members: int, sensitivity_ul_kpa: int, change: ptr32, ev: ptr32) -> int:
    """What is left of a loss of `excess` (uL) when the one channel that explains most of it is left out.

    A pressure sensor left out: the others alone. A temperature left out: its change replaced by what its neighbours show (a radiator by
    that of the other two which explains more, gas, supply and return as neighbours_kernel has it). The supply reference left out:
    everything is ratiometric to it, so the cabin's pressure shows its error in proportion; over less than 27 s a healthy supply's wander
    is believed besides.
    """
    least = excess
    n = (members & 1) + ((members >> 1) & 1) + ((members >> 2) & 1)
    if n >= 2:
        total = 0
        i = 0
        while i < 3:
            if (members >> i) & 1:
                total += change[CH_PRESSURE + i]
            i += 1
        i = 0
        while i < 3:
            if (members >> i) & 1:
                # mean of all less mean of the others
                rest = total // n - (total - change[CH_PRESSURE + i]) // (n - 1)
                if rest > 20000:
                    rest = 20000
                elif rest < -20000:
                    rest = -20000
                rest = excess + sensitivity_ul_kpa // 10 * rest // 100
                if rest < least:
                    least = rest
            i += 1
    most = 0  # what the temperatures explain: the first and the second of them
    second = 0
    i = 0
    while i < 6:
        own = change[CH_TEMP + i]
        if i >= 3:
            # The slower of the other two: how radiators differ changes with their attitude. Without flow by a third of what they do.
            near = change[CH_TEMP + 3 + (i - 2) % 3]
            j = change[CH_TEMP + 3 + (i - 1) % 3]
            if j < near:
                near = j
            if ev[E_STILL]:
                if near > 0:
                    near -= near // 3
                else:
                    near += near // 3
        else:
            near = change[CH_NEAR + i]
        if near > 100000:
            near = 100000
        elif near < -100000:
            near = -100000
        own -= near
        # The whole range of a sensor: one that runs away explains as much as it has run.
        if own > 200000:
            own = 200000
        elif own < -200000:
            own = -200000
        rest = 0 - ev[E_SLOPE + i] // 100 * (own // 10)
        if rest > most:
            second = most
            most = rest
        elif rest > second:
            second = rest
        i += 1
    window = ev[E_WINDOW]
    rest = excess - most
    if window > PAIR_WINDOW:
        rest -= second
    if rest < least:
        least = rest

    own = change[CH_V_REF]
    if own < 0:
        own = 0 - own
    if own > 65535:
        own = 65535
    own = own >> 3
    doubt = 0
    # A ramp's change is against a level that lies further back than it began, and weighs one and a half times.
    near = window
    if ev[E_SUPPLY_LOSS_UL] != UNKNOWN:
        near = ev[E_LEVEL_WINDOW]
    if own * own // WANDER > near or ev[E_SUPPLY_OK] == 0:
        doubt = 1
    # own is in eighths of 1/64 count of 32 760: 3.8 ppm. An error of the supply's channel shows in it, beside a healthy supply's wander.
    seen_ppm = own * 19 // 5
    beyond = 0
    if seen_ppm > SUPPLY_MAX_PPM:
        seen_ppm = SUPPLY_MAX_PPM
        beyond = 1
    most_ppm = seen_ppm + ev[E_WANDER_PPM]
    if most_ppm > SUPPLY_MAX_PPM or ev[E_SUPPLY_OK] == 0:
        most_ppm = SUPPLY_MAX_PPM
    rest = 0
    if ev[E_CABIN_PA]:
        # What an error of the supply that came about in the window does: the temperatures' leads add their share to a trend.
        own = ev[E_PRESSURE_ML] - ev[E_THERMAL_ML]
        if window > LEAD_WINDOW // 4:
            own -= ev[E_THERMAL_ML] // 10 * LEAD_WINDOW // window * 10
            if doubt:
                # It may have come about in a part of the window.
                own -= ev[E_THERMAL_ML] // 10 * LEAD_WINDOW // window * 10
        else:
            own -= ev[E_THERMAL_ML] * (LEAD_BOUND - 1)
        if own > SUPPLY_MAX_ML:
            own = SUPPLY_MAX_ML
        elif own < 0 - SUPPLY_MAX_ML:
            own = 0 - SUPPLY_MAX_ML
        i = 0
        while i < 2:
            # By the cabin's trend while it is known, then by its own change if that is less noisy, or if the supply is in doubt.
            near = change[CH_CABIN]
            if i == 0:
                near = 0
                if window < TREND_LAST and ev[E_CABIN_TREND_PA] != UNKNOWN:
                    near = ev[E_CABIN_TREND_PA]
                    if near > 20000:
                        near = 20000
                    elif near < -20000:
                        near = -20000
                    near = near * window // TREND_WINDOW
            elif window < WITNESS_WINDOW:
                near = 0
            elif window < TREND_LAST and ev[E_CABIN_TREND_PA] != UNKNOWN and doubt == 0:
                near = 0
            if near > 20000:
                near = 20000
            elif near < -20000:
                near = -20000
            # ppm that the supply is read too high: then every pressure is low, which is a loss, and every temperature, which is a gain.
            near = 0 - near * 1000 // (ev[E_CABIN_PA] // 1000 + 1)
            if near > most_ppm:
                near = most_ppm
            elif near < 0 - most_ppm:
                near = 0 - most_ppm
            near = near * own // 1000
            if near > rest:
                rest = near
            i += 1
        if ev[E_SUPPLY_OK] == 0 and window >= WITNESS_WINDOW:
            # Nobody measures it: its wander beside what the cabin tells.
            near = CABIN_NOISE_PPM
            if window < TREND_LAST:
                near = ev[E_WANDER_PPM]
            if own < 0:
                own = 0 - own
            rest += near * own // 1000
    elif window >= WITNESS_WINDOW:
        if doubt:
            # Nobody else knows the supply: nothing stands.
            rest = excess
    if window >= WITNESS_WINDOW and ev[E_SUPPLY_LOSS_UL] != UNKNOWN and ev[E_CABIN_PA] and ev[E_SUPPLY_OK]:
        # A ramp that long: what the supply's channel did, as far as the cabin may have it so.
        near = change[CH_CABIN]
        if near > 20000:
            near = 20000
        elif near < -20000:
            near = -20000
        near = 0 - near * 1000 // (ev[E_CABIN_PA] // 1000 + 1)
        if own < 0:
            near -= CABIN_RAMP_PPM
        else:
            near += CABIN_RAMP_PPM
        if near > SUPPLY_MAX_PPM:
            near = SUPPLY_MAX_PPM
        elif near < -SUPPLY_MAX_PPM:
            near = -SUPPLY_MAX_PPM
        near = near * own // 1000
        if near > ev[E_SUPPLY_LOSS_UL]:
            near = ev[E_SUPPLY_LOSS_UL]
        if near > rest:
            rest = near
    if window < WITNESS_WINDOW:
        near = ev[E_PRESSURE_ML] + LEAD_BOUND * ev[E_THERMAL_ML]
        if near > SUPPLY_MAX_ML:
            near = SUPPLY_MAX_ML
        if ev[E_SUPPLY_OK] == 0:
            rest += ev[E_WANDER_PPM] * near // 1000
        elif ev[E_SUPPLY_LOSS_UL] != UNKNOWN:
            if ev[E_SUPPLY_LOSS_UL] > rest:
                rest = ev[E_SUPPLY_LOSS_UL]
        elif doubt:
            own = seen_ppm * near // 1000
            if own > rest:
                rest = own
    if beyond:
        rest = excess
    if rest > 0:
        rest = excess - rest
        if rest < least:
            least = rest
    return least
