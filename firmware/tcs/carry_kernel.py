"""Carry kernels: what one stage hands to the next, copied between their arrays. As bytecode these loops cost a board more than the stages.

Restricted integer subset (docs/kernels.md). Viper knows no other module's constants: those of the layouts stand here once more, and a test
compares them. Allocation-free.
"""

import micropython
from micropython import const

UNKNOWN = const(-0x3FFFFFFF - 1)  # -2^30; viper takes no larger literal

# sensing_kernel
ST_VALUE = const(1)
ST_STRIDE = const(10)
ST_V_REF_Q8 = const(160)
ST_WIDE = const(165)
ST_STATUS = const(2)
OK = const(0)
DISAGREES = const(7)
NOMINAL_V_REF_COUNTS = const(32760)
CHANNELS = const(16)
# pressure_kernel
V_EXCLUDED = const(3)
V_MEMBERS = const(1)
V_OFFSET_Q8 = const(10)
R_VALUE = const(10)
# inventory_kernel
I_INVENTORY_UL = const(1)
I_TEMP_MC = const(10)
I_BEST_MC = const(22)
I_WIDE = const(71)
I_NEAR_MC = const(76)
I_NEAR_RETURN_MC = const(81)
I_SHOWN_MC = const(92)
I_EXCLUDED = const(98)
SLOTS = const(6)
# detector_kernel
W_INVENTORY = const(0)
W_PRESSURE = const(1)
W_TEMP = const(4)
W_V_REF = const(10)
W_REFERENCE = const(11)
W_NEAR = const(12)
W_CABIN = const(15)
S_MEAN = const(17)
S_NEW = const(53)
D_PERMILLE = const(17)
STAGES = const(8)
# leak_rate_kernel
RING = const(256)
# standing_kernel: the ring of the channels
CHANNEL_RING = const(128)
# trial, valves
IN_P_RAD_PA = const(1)
IN_TEMP_MC = const(5)
IN_SHUT = const(14)
IN_OPEN = const(15)
IN_LEFT = const(16)
IN_FAILED = const(17)
OPEN = const(0)
CLOSED = const(1)
# tables
HK_P_COMP_A_PA = const(8)
HK_STATUS_P_COMP_A = const(24)
HK_STAT_0_PERMILLE = const(49)
HK_VALVE_RAD1_IN = const(59)

P_PUMP = const(3)
P_RAD1 = const(4)
P_CABIN = const(7)
T_GAS = const(8)
V_REF = const(15)
JUMP_COUNTS = const(12)  # six standard deviations of the supply channel's noise
JUMP_UL = const(1300)  # inventory a count of the supply, the temperatures' lead included


@micropython.native
def heads(values: ptr32, connected: int, ref: ptr32) -> int:
    """Sensing -> inputs of the reference: pump discharge, and the radiators that are open to the loop."""
    ref[R_VALUE] = values[P_PUMP * ST_STRIDE + ST_VALUE]
    i = 0
    while i < 3:
        x = UNKNOWN
        if (connected >> i) & 1:
            x = values[(P_RAD1 + i) * ST_STRIDE + ST_VALUE]
        ref[R_VALUE + 1 + i] = x
        i += 1
    return 0


@micropython.native
def flows(ref: ptr32, p_comp: int, head_pump_pa: int, head_rad_pa: int, was: int) -> int:
    """Of a pump that is on: 1 while pump discharge and connected radiators stand above the compensator by a share of their rated heads.

    A quarter of them for a flow to begin, an eighth for one that was (`was` > 0) to go on: a weak pump does not start it over and over.
    ref: as `heads` left it. The majority of the sensors that are known; even votes, or none, leave it with the pump that is on.
    """
    votes = 0
    share = 2  # bits: a quarter
    if was > 0:
        share = 3
    if p_comp != UNKNOWN:
        limit = head_pump_pa
        i = 0
        while i < 4:
            x = ref[R_VALUE + i]
            if x != UNKNOWN and limit > 0:
                if x - p_comp > limit >> share:
                    votes += 1
                else:
                    votes -= 1
            limit = head_rad_pa
            i += 1
    if votes < 0:
        return 0
    return 1


@micropython.native
def temperatures(values: ptr32, votes: ptr32, st: ptr32) -> int:
    """Sensing and vote -> inputs of the inventory. Returns what a jump of the supply may have feigned, uL; 0 when there was none."""
    i = 0
    while i < SLOTS:
        st[I_TEMP_MC + i] = values[(T_GAS + i) * ST_STRIDE + ST_VALUE]
        i += 1
    wide = values[ST_WIDE]
    x = 0
    if wide & 7:
        x = 1
    st[I_WIDE] = x | ((wide >> T_GAS) << 1 & 0x7E)
    st[I_EXCLUDED] = votes[V_EXCLUDED]
    x = values[V_REF * ST_STRIDE + ST_VALUE]
    if x == UNKNOWN:
        return 0
    x -= values[ST_V_REF_Q8] >> 8
    if x < 0:
        x = 0 - x
    if x > JUMP_COUNTS:
        return x * JUMP_UL
    return 0


@micropython.native
def sample(inventory: ptr32, votes: ptr32, values: ptr32, pressure: int, reference: int, out: ptr32) -> int:
    """Inventory and sensing -> the detector's sample vector. pressure: voted, Pa; reference: Pa or UNKNOWN.

    A compensator's pressure stands there as its sensor says: the learned offsets would spread one's drift over all three. One that is out
    of the vote adds nothing of its own. The cabin's, unknown, stands still.
    """
    out[W_INVENTORY] = inventory[I_INVENTORY_UL]
    i = 0
    while i < 3:
        x = values[i * ST_STRIDE + ST_VALUE]
        if (votes[V_MEMBERS] >> i) & 1 == 0:
            x = pressure + (votes[V_OFFSET_Q8 + i] >> 8)
        out[W_PRESSURE + i] = x
        i += 1
    i = 0
    while i < SLOTS:
        out[W_TEMP + i] = inventory[I_SHOWN_MC + i]
        i += 1
    out[W_NEAR] = inventory[I_NEAR_MC]
    out[W_NEAR + 1] = inventory[I_NEAR_MC + 1]
    out[W_NEAR + 2] = inventory[I_NEAR_RETURN_MC]
    x = values[P_CABIN * ST_STRIDE + ST_VALUE]
    if x != UNKNOWN:
        out[W_CABIN] = x
    out[W_V_REF] = values[ST_V_REF_Q8] >> 2
    if reference == UNKNOWN:
        reference = 0
    out[W_REFERENCE] = reference
    return 0


@micropython.native
def record(level: int, at: int, st: ptr32, newest: ptr32, filled: ptr32, fresh: ptr32, ring: ptr32, channels: ptr32, width: int) -> int:
    """The detector's stage at `at` -> one level of the history, when it has completed a block. width: channels that are kept beside it."""
    new = st[at + S_NEW]
    fresh[level] = new
    if new == 0:
        return 0
    place = (newest[level] + 1) & (RING - 1)
    newest[level] = place
    ring[place] = st[at + S_MEAN]
    at += S_MEAN + W_PRESSURE
    i = (place & (CHANNEL_RING - 1)) * width
    end = i + width
    while i < end:
        channels[i] = st[at]
        at += 1
        i += 1
    if filled[level] < RING:
        filled[level] += 1
    return 1


@micropython.native
def report(hk: ptr32, values: ptr32, votes: ptr32, bank: ptr32, position: ptr32) -> int:
    """Channels with their statuses, the detector's statistics and the valves' positions -> the structure housekeeping. v_ref in mV."""
    i = 0
    while i < CHANNELS:
        status = values[i * ST_STRIDE + ST_STATUS]
        if i < 3 and status == OK and (votes[V_EXCLUDED] >> i) & 1:
            status = DISAGREES
        hk[HK_P_COMP_A_PA + i] = values[i * ST_STRIDE + ST_VALUE]
        hk[HK_STATUS_P_COMP_A + i] = status
        i += 1
    x = values[V_REF * ST_STRIDE + ST_VALUE]
    if x != UNKNOWN:
        hk[HK_P_COMP_A_PA + V_REF] = x * 3300 // NOMINAL_V_REF_COUNTS
    i = 0
    while i < STAGES:
        x = bank[D_PERMILLE + i]
        if x > 65534:
            x = 65534
        hk[HK_STAT_0_PERMILLE + i] = x
        i += 1
    i = 0
    while i < 7:
        hk[HK_VALVE_RAD1_IN + i] = position[i]
        i += 1
    return 0


@micropython.native
def connected(position: ptr32, assumed: ptr32) -> int:
    """Mask of the radiators that are not shut on both sides, by switch or by what was taken for it."""
    mask = 0
    i = 0
    while i < 3:
        if position[2 * i] != CLOSED and assumed[2 * i] == 0:
            mask |= 1 << i
        elif position[2 * i + 1] != CLOSED and assumed[2 * i + 1] == 0:
            mask |= 1 << i
        i += 1
    return mask


@micropython.native
def highest(values: ptr32) -> int:
    """The radiator that stands highest, 0..2: the first of equals, and the last without any sensor that is well."""
    best = 2
    most = UNKNOWN
    i = 0
    while i < 3:
        x = values[(P_RAD1 + i) * ST_STRIDE + ST_VALUE]
        if x > most:
            most = x
            best = i
        i += 1
    return best


@micropython.native
def radiators(values: ptr32, mask: int) -> int:
    """Mean pressure of the radiators in `mask` whose sensors are well, Pa; UNKNOWN without any."""
    total = 0
    n = 0
    i = 0
    while i < 3:
        x = values[(P_RAD1 + i) * ST_STRIDE + ST_VALUE]
        if x != UNKNOWN and (mask >> i) & 1:
            total += x
            n += 1
        i += 1
    if n == 0:
        return UNKNOWN
    return total // n


@micropython.native
def segments(values: ptr32, inventory: ptr32, position: ptr32, assumed: ptr32, failed: ptr32, x: ptr32) -> int:
    """Sensing, inventory and valves -> inputs of the localisation. Returns the mask of valves given up and open."""
    left = 0
    given_up = 0
    behind = 0
    i = 0
    while i < 6:
        if failed[i]:
            given_up |= 1 << i
        if position[i] != CLOSED:
            left |= 1 << i
            if failed[i] and assumed[i] == 0:
                behind |= 1 << i
        i += 1
    shut = 0
    is_open = 0
    i = 0
    while i < 3:
        x[IN_P_RAD_PA + i] = values[(P_RAD1 + i) * ST_STRIDE + ST_VALUE]
        x[IN_TEMP_MC + i] = inventory[I_BEST_MC + 3 + i]
        if position[2 * i] == CLOSED or assumed[2 * i]:
            if position[2 * i + 1] == CLOSED or assumed[2 * i + 1]:
                shut |= 1 << i
        if position[2 * i] == OPEN and position[2 * i + 1] == OPEN:
            is_open |= 1 << i
        i += 1
    x[IN_SHUT] = shut
    x[IN_OPEN] = is_open
    x[IN_LEFT] = left
    x[IN_FAILED] = given_up
    return behind
