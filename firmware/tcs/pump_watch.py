"""Pump watch: does the commanded pump make its head, and is it about to be damaged?

A dead pump is not a leak, and a dead sensor is not a dead pump. A trip needs two witnesses: head and radiators that fluctuate together,
a suction that two sensors see, or one of them with the head gone.
"""

from array import array

from micropython import const

from tcs import pump_kernel as pk
from tcs.modes import PUMP_CONFIRM_MS
from tcs.properties import vapour_pa
from tcs.pump_kernel import IN_P_COMP, IN_P_PUMP, IN_P_RAD, K_DISAGREES, K_FAULT, K_ON, K_TRIP, watch
from tcs.tables import (
    P_COOLANT,
    P_HEAD_PUMP_PA,
    P_HEAD_RAD_PA,
    P_P_NOISE_PA,
    P_PUMP_NPSH_PA,
    ST_PUMP_FAULT_LOW_HEAD,
    ST_PUMP_FAULT_NO_HEAD,
    ST_PUMP_FAULT_UNSTEADY,
    ST_PUMP_REASON_CAVITATION,
    ST_PUMP_REASON_LOW_SUCTION,
)

UNKNOWN = const(-0x40000000)
_SETTLE_MS = const(5000)
_SETTLE_ROUGH_MS = const(1500)
_UNSTEADY_PERCENT = const(5)  # of the rated head, mean deviation
_RADIATORS_PERCENT = const(4)
_UNSTEADY_NOISES = const(6)
_RADIATOR_NOISES = const(3)
_SUCTION_NOISES = const(4)
# by pump_kernel's FAULT_* and TRIP_*
_FAULTS = (-1, ST_PUMP_FAULT_NO_HEAD, ST_PUMP_FAULT_LOW_HEAD, ST_PUMP_FAULT_UNSTEADY)
_REASONS = (-1, ST_PUMP_REASON_CAVITATION, ST_PUMP_REASON_LOW_SUCTION)


class PumpWatch:
    """Called every period_ms. Allocation-free.

    .fault: ST_PUMP_FAULT_* while one stands, else -1; .trip: ST_PUMP_REASON_* in the period that asks for one, else -1; .sensor_disagrees:
    p_pump contradicts the radiators; .limit_pa: lowest suction pressure that it bears.
    """

    def __init__(self, params, period_ms):
        self._coolant = params[P_COOLANT]
        self._state = array("i", bytes(4 * pk.K_SIZE))
        noise_pa = params[P_P_NOISE_PA]
        self._margin_pa = params[P_PUMP_NPSH_PA] + _SUCTION_NOISES * noise_pa
        cfg = self._cfg = array("i", bytes(4 * pk.KC_SIZE))
        head_pa = cfg[pk.KC_HEAD_PA] = params[P_HEAD_PUMP_PA]
        head_rad_pa = cfg[pk.KC_HEAD_RAD_PA] = params[P_HEAD_RAD_PA]
        cfg[pk.KC_CONFIRM] = PUMP_CONFIRM_MS // period_ms
        cfg[pk.KC_SETTLE] = _SETTLE_MS // period_ms
        cfg[pk.KC_ROUGH_SETTLE] = _SETTLE_ROUGH_MS // period_ms
        cfg[pk.KC_LIMIT_PA + IN_P_PUMP] = max(head_pa // 100 * _UNSTEADY_PERCENT, _UNSTEADY_NOISES * noise_pa)
        cfg[pk.KC_LIMIT_PA + IN_P_RAD] = max(head_rad_pa // 100 * _RADIATORS_PERCENT, _RADIATOR_NOISES * noise_pa)
        cfg[pk.KC_LIMIT_PA + IN_P_COMP] = _UNSTEADY_NOISES * noise_pa
        self._has_head = head_pa > 0
        self.limit_pa = UNKNOWN
        self._limit_now_pa = UNKNOWN
        self.fault = -1
        self.trip = -1
        self.sensor_disagrees = False
        pk.forget(self._state)

    def disturb(self):
        """Valves have moved: what head and radiators do now is no fault."""
        self._state[K_ON] = 0

    def take_suction(self, suction_mc):
        """The temperature of the liquid that the pump draws, or UNKNOWN: it moves slowly, once a second will do."""
        vapour = vapour_pa(self._coolant, suction_mc)
        if vapour == UNKNOWN:
            self._limit_now_pa = UNKNOWN
        else:
            self._limit_now_pa = self.limit_pa = vapour + self._margin_pa

    def step(self, is_on, p_pump_pa, p_comp_pa, p_rad_pa, votes=3):
        """One period. True when a fault begins.

        p_rad_pa: mean of the connected radiators (UNKNOWN when there is none); votes: sensors behind p_comp_pa.
        """
        state = self._state
        if not is_on or not self._has_head:
            pk.forget(state)
            self.fault = self.trip = -1
            return False
        state[IN_P_PUMP] = p_pump_pa
        state[IN_P_RAD] = p_rad_pa
        state[IN_P_COMP] = p_comp_pa
        is_new = watch(votes, self._limit_now_pa, state, self._cfg)
        self.fault = _FAULTS[state[K_FAULT] & 3]
        self.trip = _REASONS[state[K_TRIP]]
        self.sensor_disagrees = state[K_DISAGREES] > 0
        return is_new > 0
