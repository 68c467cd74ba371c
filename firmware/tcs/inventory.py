"""Inventory: what the compensator pressure and the temperatures say about the coolant on board, as at 20 C."""

from array import array

from micropython import const

from tcs import coolant_tables
from tcs import inventory_kernel as ik
from tcs import neighbours_kernel as nk
from tcs.carry_kernel import temperatures
from tcs.inventory_kernel import I_BEST_MC, I_DUE, I_INVENTORY_UL, I_JUMP_TICKS, I_NEAR, I_NEAR_MC, I_PROFILE_Q20, I_STARTED, account
from tcs.neighbours_kernel import follow
from tcs.tables import (
    P_COOLANT,
    P_GAS_MAX_ML,
    P_GAS_MIN_ML,
    P_GAS_NOMINAL_ML,
    P_GAS_PV_MJ,
    P_GAS_RELAX_MS,
    P_T_COUPLE_GAS_PERMILLE,
    P_T_COUPLE_MS,
    P_T_COUPLE_RETURN_PERMILLE,
    P_T_COUPLE_SUPPLY_PERMILLE,
    P_T_LAG_MS,
    P_TICK_MS,
    P_VOLUME_RAD1_ML,
    P_VOLUME_RAD2_ML,
    P_VOLUME_RAD3_ML,
    P_VOLUME_RETURN_ML,
    P_VOLUME_SUPPLY_ML,
)
from tcs.temperatures_kernel import estimate

UNKNOWN = ik.UNKNOWN
_STOP_MARGIN_ML = const(100)
_EMPTY_PA = const(3000)
# Sensor lag and smoothing are undone by T + gain (T - lowpass(T, lag / gain)): a larger gain follows quicker and passes more noise. Inside
# one of the converter's wide codes a temperature is nine times as noisy: hence the smoothing.
_SMOOTH_MS = const(3000)
# Blanking after a thermal transient: bounded in volume and in time, so that no leak hides in it for long (docs/detector.md).
_WIDE_MS = const(60000)  # a wide code is passed in about that time
_UNREST_MS = const(600000)
_UNREST_MAX_UL = const(400000)
_SETTLED_UL = const(8000)
_JUMP_MS = const(60000)  # until the leads have forgotten a jump of the supply
_DUE_MS = const(500)  # a period: how often the leads' changes are looked at, and the neighbours followed
_RATE_MS = const(60000)
_SUCTION_MS = const(40000)
_PROFILE_MS = const(102400)  # about the time that a radiator's content takes to pass
# Neighbours (docs/inventory.md): from the return's sensor to the compensator, the bay's cold plates beside its sensor's lag, a line.
_RETURN_MS = const(60000)
_BAY_MS = const(50000)
_LINE_MS = const(100000)
_START_MS = const(60000)
_SETTLING_MS = const(300000)  # the radiators' walls and the bay's, after the profile is built up
_SUPPLY_BAY = const(949)
_SUPPLY_WALL = const(51)
_RETURN_NOW = const(438)
_RETURN_LATE = const(1027)
_RETURN_SUPPLY = const(-440)
_T_GAS = const(8)
_T_BAY = const(14)


class Inventory:
    """.inventory_ul (UNKNOWN unless .status is ik.S_OK), .gas_ul, .sensitivity_ul_kpa; .state as laid out in the kernel."""

    def __init__(self, params):
        self.state = array("i", bytes(4 * ik.I_SIZE))
        self.status = ik.S_NO_PRESSURE
        self.inventory_ul = UNKNOWN
        self._jump_ticks = _JUMP_MS // params[P_TICK_MS]
        self._cfg = _config(params)
        self._neighbours = array("i", bytes(4 * nk.N_SIZE))
        self._neighbours_cfg = _neighbours(params)
        self.smooth_ms, self.lead_ms = _SMOOTH_MS, _lead_ms(params)
        self.density_kg_m3 = coolant_tables.DENSITY_20_KG_M3[params[P_COOLANT]]

    def update(self, sensing, connected, flowing, trusted):
        """One tick. Returns the status.

        connected: mask of radiators open to the compensator; flowing: 1 while the pump moves coolant; trusted: the data path is.
        """
        state, cfg = self.state, self._cfg
        if not trusted:
            # What the channels say is not let into any filter; afterwards all go on where they stood.
            state[ik.I_HELD] = 3
            state[ik.I_STATUS] = ik.S_NO_PRESSURE
            self.status = ik.S_NO_PRESSURE
            self.inventory_ul = UNKNOWN
            return self.status
        jump_ul = temperatures(sensing.state, sensing.vote, state)
        if jump_ul:
            # Every value has just moved, or seems to have: whichever it was, the leads take minutes to forget it.
            self.disturb(min(_UNREST_MAX_UL, jump_ul))
            state[I_JUMP_TICKS] = self._jump_ticks
        elif state[I_JUMP_TICKS]:
            state[I_JUMP_TICKS] -= 1
        if state[I_DUE] == 0 and flowing and state[I_STARTED]:
            # Without flow nothing carries what the neighbours know: each stays as it was.
            gas, bay = sensing.value(_T_GAS), sensing.value(_T_BAY)
            begins = 1 if state[I_PROFILE_Q20] < ik.PROFILE_Q20 else 0
            follow(state, I_BEST_MC, I_NEAR_MC, begins, gas, bay, self._neighbours, self._neighbours_cfg)
            state[I_NEAR] = 1
        known = estimate(flowing, state, cfg)
        status = account(sensing.p_comp_pa, connected, flowing, known, state, cfg)
        self.status = status
        self.inventory_ul = UNKNOWN if status else state[I_INVENTORY_UL]  # S_OK is 0
        return status

    def unrest_ul(self):
        """What compensation may be wrong by: after a thermal transient, at the converter's wide codes."""
        return self.state[ik.I_UNREST_UL] + self.state[ik.I_WIDE_UL]

    def slope_ul_k(self):
        """Inventory a kelvin of all temperatures, their amounts added up."""
        slope = 0
        i = 0
        while i < ik.SLOTS:
            slope -= self.state[ik.I_SLOPE_UL_K + i]
            i += 1
        return slope

    def settle(self):
        """Start-up is over: that the leads set out from nothing was no transient, as far as a steady orbit's slope explains it."""
        state = self.state
        state[ik.I_UNREST_UL] = max(0, state[ik.I_UNREST_UL] - _SETTLED_UL)
        i = 0
        while i < ik.SLOTS:
            if state[ik.I_SEEN + i] > 1:
                state[ik.I_SEEN + i] = 1
            i += 1

    def disturb(self, unrest_ul):
        """Something was done to the loop that the temperatures will show late: raise what compensation may be wrong by."""
        if unrest_ul > self.state[ik.I_UNREST_UL]:
            self.state[ik.I_UNREST_UL] = unrest_ul

    def sensitivity_ul_kpa(self):
        """Gas volume a kilopascal of compensator pressure."""
        return self.state[ik.I_SENSITIVITY_UL_KPA]


def _config(params):
    expansion = coolant_tables.EXPANSION_PPM[params[P_COOLANT]]
    vapour = coolant_tables.VAPOUR_PRESSURE_PA[params[P_COOLANT]]
    points = len(expansion)
    cfg = array("i", bytes(4 * (ik.C_TABLE + 2 * points)))
    cfg[ik.C_GAS_PV_MJ] = params[P_GAS_PV_MJ]
    cfg[ik.C_GAS_MAX_ML] = params[P_GAS_MAX_ML]
    cfg[ik.C_GAS_MIN_ML] = params[P_GAS_MIN_ML]
    in_compensator = params[P_GAS_MAX_ML] - params[P_GAS_NOMINAL_ML]
    cfg[ik.C_VOLUME_ML + ik.T_SUPPLY] = params[P_VOLUME_SUPPLY_ML]
    cfg[ik.C_VOLUME_ML + ik.T_RETURN] = max(0, params[P_VOLUME_RETURN_ML] - in_compensator)
    cfg[ik.C_VOLUME_ML + ik.T_RAD1] = params[P_VOLUME_RAD1_ML]
    cfg[ik.C_VOLUME_ML + ik.T_RAD1 + 1] = params[P_VOLUME_RAD2_ML]
    cfg[ik.C_VOLUME_ML + ik.T_RAD1 + 2] = params[P_VOLUME_RAD3_ML]
    cfg[ik.C_LEAD_GAIN] = ik.LEAD_GAIN
    due_ticks = _due_ticks(params)
    cfg[ik.C_DUE_TICKS] = due_ticks - 1
    cfg[ik.C_RATE_PERIODS] = _RATE_MS // (due_ticks * params[P_TICK_MS])
    cfg[ik.C_UNREST_TICKS] = _UNREST_MS // params[P_TICK_MS]
    cfg[ik.C_UNREST_MAX_UL] = _UNREST_MAX_UL
    cfg[ik.C_PROFILE_Q20] = ik.PROFILE_Q20 // (_PROFILE_MS // params[P_TICK_MS])
    cfg[ik.C_WIDE_TICKS] = _WIDE_MS // params[P_TICK_MS]
    cfg[ik.C_SMOOTH_TICKS] = max(1, _SMOOTH_MS // params[P_TICK_MS])
    cfg[ik.C_LEAD_TICKS] = max(1, _lead_ms(params) // params[P_TICK_MS])
    cfg[ik.C_GAS_LOW_TICKS] = max(1, params[P_GAS_RELAX_MS] // params[P_TICK_MS])
    cfg[ik.C_SUCTION_TICKS] = _SUCTION_MS // params[P_TICK_MS]
    cfg[ik.C_LAG_TICKS] = max(1, params[P_T_LAG_MS] // params[P_TICK_MS])
    cfg[ik.C_TABLE_START_MC] = coolant_tables.FIRST_MDEGC[params[P_COOLANT]]
    cfg[ik.C_TABLE_POINTS] = points
    cfg[ik.C_MARGIN_ML] = min(_STOP_MARGIN_ML, params[P_GAS_MAX_ML] // 20)
    cfg[ik.C_EMPTY_PA] = _EMPTY_PA
    i = 0
    while i < points:
        cfg[ik.C_TABLE + i] = expansion[i]
        cfg[ik.C_TABLE + points + i] = vapour[i]
        i += 1
    return cfg


def _lead_ms(params):
    return (params[P_T_LAG_MS] + _SMOOTH_MS) // ik.LEAD_GAIN


def _due_ticks(params):
    return max(1, _DUE_MS // params[P_TICK_MS])


def _neighbours(params):
    period_ms = _due_ticks(params) * params[P_TICK_MS]
    cfg = array("i", bytes(4 * nk.NC_SIZE))
    cfg[nk.NC_RETURN_PERIODS] = _RETURN_MS // period_ms
    cfg[nk.NC_WALL_PERIODS] = params[P_T_COUPLE_MS] // period_ms
    cfg[nk.NC_BAY_PERIODS] = _BAY_MS // period_ms
    cfg[nk.NC_LINE_PERIODS] = _LINE_MS // period_ms
    cfg[nk.NC_START_PERIODS] = _START_MS // period_ms
    cfg[nk.NC_SETTLING_PERIODS] = _SETTLING_MS // period_ms
    cfg[nk.NC_GAS] = params[P_T_COUPLE_GAS_PERMILLE]
    share = params[P_T_COUPLE_SUPPLY_PERMILLE]
    cfg[nk.NC_SUPPLY_BAY] = _SUPPLY_BAY * share // 1000
    cfg[nk.NC_SUPPLY_WALL] = _SUPPLY_WALL * share // 1000
    share = params[P_T_COUPLE_RETURN_PERMILLE]
    cfg[nk.NC_RETURN_NOW] = _RETURN_NOW * share // 1000
    cfg[nk.NC_RETURN_LATE] = _RETURN_LATE * share // 1000
    cfg[nk.NC_RETURN_SUPPLY] = _RETURN_SUPPLY * share // 1000
    return cfg
