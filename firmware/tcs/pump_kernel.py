"""Pump kernel: head, suction and roughness of a running pump, one period at a time.

Roughness is the mean step of a pressure from period to period, over eight of them; a single step, however large, is not much.
Restricted integer subset (docs/kernels.md); Pa. Allocation-free.
"""

import micropython
from micropython import const

UNKNOWN = const(-0x3FFFFFFF - 1)  # -2^30; viper takes no larger literal

# inputs: pressures in Pa or UNKNOWN
IN_P_PUMP = const(0)
IN_P_RAD = const(1)  # mean of the connected radiators
IN_P_COMP = const(2)
ROUGH = const(3)  # of the inputs: as many have a roughness

# state
K_LAST_PA = const(3)  # x ROUGH
K_MEAN_Q8 = const(6)  # x ROUGH
K_BAD = const(9)  # periods without head
K_ODD = const(10)  # periods without head but with flow
K_ON = const(11)  # periods since pump or valves changed
K_ROUGH = const(12)  # periods that outlet and radiators shake together
K_LONE = const(13)  # periods that the outlet shakes alone
K_DRY = const(14)  # periods below the suction's limit
K_FAULT = const(15)  # FAULT_*
K_TRIP = const(16)  # TRIP_*, in the period that asks for one
K_DISAGREES = const(17)
K_SIZE = const(18)

# configuration
KC_HEAD_PA = const(0)
KC_HEAD_RAD_PA = const(1)
KC_CONFIRM = const(2)  # periods
KC_SETTLE = const(3)
KC_ROUGH_SETTLE = const(4)
KC_LIMIT_PA = const(5)  # x ROUGH: roughness beyond it
KC_SIZE = const(8)

FAULT_NONE = const(0)
FAULT_NO_HEAD = const(1)
FAULT_LOW_HEAD = const(2)
FAULT_UNSTEADY = const(3)
TRIP_NONE = const(0)
TRIP_CAVITATION = const(1)
TRIP_LOW_SUCTION = const(2)

LOW_PERCENT = const(75)
NO_PERCENT = const(15)
LONE = const(5)  # confirmation times until a lone outlet is a bad sensor
CLIP = const(4)  # a step counts at most this many limits


@micropython.native
def watch(votes: int, limit_pa: int, st: ptr32, cfg: ptr32) -> int:
    """One period of a pump that is on. Returns 1 when a fault begins.

    st[IN_*]: pressures; votes: sensors behind the compensator's; limit_pa: lowest suction that the pump bears, or UNKNOWN.
    """
    st[K_TRIP] = TRIP_NONE
    confirm = cfg[KC_CONFIRM]
    i = 0
    rough = 0
    while i < ROUGH:
        x = st[i]
        last = st[K_LAST_PA + i]
        mean = 0
        if x != UNKNOWN and last != UNKNOWN:
            step = x - last
            if step < 0:
                step = 0 - step
            limit = cfg[KC_LIMIT_PA + i]
            if step > CLIP * limit:
                step = CLIP * limit
            mean = st[K_MEAN_Q8 + i]
            mean += ((step << 8) - mean) >> 3
            if mean >> 8 > limit:
                rough |= 1 << i
        st[K_MEAN_Q8 + i] = mean
        st[K_LAST_PA + i] = x
        i += 1
    p_pump = st[IN_P_PUMP]
    p_rad = st[IN_P_RAD]
    p_comp = st[IN_P_COMP]
    # An outlet that shakes by itself, with the radiators quiet, is a bad sensor.
    lone = 0
    if rough & 3 == 1 and p_rad != UNKNOWN:
        lone = st[K_LONE] + 1
        if lone > LONE * confirm:
            lone = LONE * confirm
    st[K_LONE] = lone
    new = 0
    if p_pump == UNKNOWN or p_comp == UNKNOWN:
        st[K_BAD] = 0
        st[K_ODD] = 0
        st[K_ROUGH] = 0
    else:
        on = st[K_ON] + 1
        if on > cfg[KC_SETTLE] + 1:
            on = cfg[KC_SETTLE] + 1
        st[K_ON] = on
        # A burst moves them all; a cavitating pump leaves the compensator quiet.
        least = st[K_MEAN_Q8 + IN_P_PUMP] >> 8
        if st[K_MEAN_Q8 + IN_P_RAD] >> 8 < least:
            least = st[K_MEAN_Q8 + IN_P_RAD] >> 8
        if on <= cfg[KC_ROUGH_SETTLE]:
            st[K_ROUGH] = 0
        elif rough & 3 == 3 and least > 2 * (st[K_MEAN_Q8 + IN_P_COMP] >> 8):
            st[K_ROUGH] += 1
            if st[K_ROUGH] == confirm:
                st[K_TRIP] = TRIP_CAVITATION
                st[K_FAULT] = FAULT_UNSTEADY
                new = 1
        else:
            st[K_ROUGH] = 0
            if on > cfg[KC_SETTLE]:
                head = p_pump - p_comp
                rated = cfg[KC_HEAD_PA]
                low = 0
                if head * 100 < rated * LOW_PERCENT:
                    low = 1
                # Radiators stand above the compensator by what the return line loses: flow without head is a bad sensor, not a bad pump.
                flow = 0
                if p_rad != UNKNOWN and cfg[KC_HEAD_RAD_PA] > 0:
                    if (p_rad - p_comp) * 100 >= cfg[KC_HEAD_RAD_PA] * LOW_PERCENT:
                        flow = 1
                if low and flow == 0:
                    st[K_ODD] = 0
                    st[K_BAD] += 1
                    if st[K_BAD] >= confirm and st[K_FAULT] == FAULT_NONE:
                        st[K_FAULT] = FAULT_LOW_HEAD
                        if head * 100 < rated * NO_PERCENT:
                            st[K_FAULT] = FAULT_NO_HEAD
                        new = 1
                else:
                    st[K_BAD] = 0
                    st[K_FAULT] = FAULT_NONE
                    odd = 0
                    if low:
                        odd = st[K_ODD] + 1
                    st[K_ODD] = odd
                st[K_DISAGREES] = 0
                if st[K_ODD] >= confirm or lone >= LONE * confirm:
                    st[K_DISAGREES] = 1
    if limit_pa == UNKNOWN or p_comp == UNKNOWN:
        st[K_DRY] = 0
    elif p_comp < limit_pa and (votes >= 2 or st[K_FAULT] != FAULT_NONE):
        # One sensor alone is not enough to stop a pump that still makes its head.
        st[K_DRY] += 1
        if st[K_DRY] >= confirm:
            st[K_DRY] = 0
            st[K_TRIP] = TRIP_LOW_SUCTION
    else:
        st[K_DRY] = 0
    return new


@micropython.native
def forget(st: ptr32) -> int:
    """The pump is off: nothing that was counted holds; whether its sensor disagreed stands as it was."""
    i = 0
    while i < ROUGH:
        st[K_LAST_PA + i] = UNKNOWN
        st[K_MEAN_Q8 + i] = 0
        i += 1
    st[K_BAD] = 0
    st[K_ODD] = 0
    st[K_ON] = 0
    st[K_ROUGH] = 0
    st[K_DRY] = 0
    st[K_FAULT] = FAULT_NONE
    st[K_TRIP] = TRIP_NONE
    return 0
