"""Pump watch: does the commanded pump make its head, and is it about to be damaged?

A dead pump is not a leak, and a dead sensor is not a dead pump. A trip needs two witnesses: head and radiators that fluctuate together,
a suction that two sensors see, or one of them with the head gone.
"""

from micropython import const

from tcs.modes import PUMP_CONFIRM_MS
from tcs.properties import vapour_pa
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
_LOW_PERCENT = const(75)
_NO_PERCENT = const(15)
_UNSTEADY_PERCENT = const(5)  # of the rated head, mean deviation
_RADIATORS_PERCENT = const(4)
_UNSTEADY_NOISES = const(6)
_RADIATOR_NOISES = const(3)
_SUCTION_NOISES = const(4)
_LONE = const(5)
_CLIP = const(4)  # a step counts at most this many limits


class Unsteady:
    """Mean step of a pressure from sample to sample, over eight of them. A single step, however large, is not much. Allocation-free."""

    def __init__(self, limit_pa):
        self._limit_pa = limit_pa
        self._last_pa = UNKNOWN
        self._mean_q8 = 0
        self.mean_pa = 0

    def take(self, value_pa):
        """One sample; UNKNOWN starts afresh. True when it is rough."""
        if value_pa == UNKNOWN or self._last_pa == UNKNOWN:
            self._mean_q8 = 0
        else:
            step_pa = min(_CLIP * self._limit_pa, abs(value_pa - self._last_pa))
            self._mean_q8 += ((step_pa << 8) - self._mean_q8) >> 3
        self._last_pa = value_pa
        self.mean_pa = self._mean_q8 >> 8
        return self.mean_pa > self._limit_pa


class PumpWatch:
    """Called every period_ms. Allocation-free.

    .fault: ST_PUMP_FAULT_* while one stands, else -1; .trip: ST_PUMP_REASON_* in the period that asks for one, else -1; .sensor_disagrees:
    p_pump contradicts the radiators; .limit_pa: lowest suction pressure that it bears.
    """

    def __init__(self, params, period_ms):
        self._coolant = params[P_COOLANT]
        self._head_pa = params[P_HEAD_PUMP_PA]
        self._head_rad_pa = params[P_HEAD_RAD_PA]
        noise_pa = params[P_P_NOISE_PA]
        self._margin_pa = params[P_PUMP_NPSH_PA] + _SUCTION_NOISES * noise_pa
        self._confirm_ticks = PUMP_CONFIRM_MS // period_ms
        self._settle_ticks = _SETTLE_MS // period_ms
        self._rough_settle_ticks = _SETTLE_ROUGH_MS // period_ms
        self.fault = -1
        self.trip = -1
        self.sensor_disagrees = False
        self.limit_pa = UNKNOWN
        self._bad_ticks = 0
        self._odd_ticks = 0
        self._on_ticks = 0
        self._rough_ticks = 0
        self._lone_ticks = 0
        self._dry_ticks = 0
        self._outlet = Unsteady(max(self._head_pa // 100 * _UNSTEADY_PERCENT, _UNSTEADY_NOISES * noise_pa))
        self._radiators = Unsteady(max(self._head_rad_pa // 100 * _RADIATORS_PERCENT, _RADIATOR_NOISES * noise_pa))
        self._suction = Unsteady(_UNSTEADY_NOISES * noise_pa)

    def disturb(self):
        """Valves have moved: what head and radiators do now is no fault."""
        self._on_ticks = 0

    def step(self, is_on, p_pump_pa, p_comp_pa, p_rad_pa, votes=3, suction_mc=UNKNOWN):
        """One period. True when a fault begins.

        p_rad_pa: mean of the connected radiators (UNKNOWN when there is none); votes: sensors behind p_comp_pa; suction_mc: of the liquid.
        """
        self.trip = -1
        if not is_on or self._head_pa <= 0:
            self._forget()
            return False
        is_new = self._watch_head(p_pump_pa, p_comp_pa, p_rad_pa)
        self._watch_suction(p_comp_pa, votes, suction_mc)
        return is_new

    def _watch_head(self, p_pump_pa, p_comp_pa, p_rad_pa):
        is_alone = self._outlet.take(p_pump_pa)
        is_rough = self._radiators.take(p_rad_pa) and is_alone
        # An outlet that shakes by itself, with the radiators quiet, is a bad sensor.
        is_alone = is_alone and not is_rough and p_rad_pa != UNKNOWN
        self._lone_ticks = min(self._lone_ticks + 1, _LONE * self._confirm_ticks) if is_alone else 0
        self._suction.take(p_comp_pa)
        if p_pump_pa == UNKNOWN or p_comp_pa == UNKNOWN:
            self._bad_ticks = 0
            self._odd_ticks = 0
            self._rough_ticks = 0
            return False
        self._on_ticks = min(self._on_ticks + 1, self._settle_ticks + 1)
        if self._on_ticks <= self._rough_settle_ticks:
            self._rough_ticks = 0
            return False
        # A burst moves them all; a cavitating pump leaves the compensator quiet.
        if is_rough and min(self._outlet.mean_pa, self._radiators.mean_pa) > 2 * self._suction.mean_pa:
            self._rough_ticks += 1
            if self._rough_ticks == self._confirm_ticks:
                self.trip = ST_PUMP_REASON_CAVITATION
                self.fault = ST_PUMP_FAULT_UNSTEADY
                return True
            return False
        self._rough_ticks = 0
        if self._on_ticks <= self._settle_ticks:
            return False
        return self._judge_head(p_pump_pa - p_comp_pa, p_comp_pa, p_rad_pa)

    def _judge_head(self, head_pa, p_comp_pa, p_rad_pa):
        is_low = head_pa * 100 < self._head_pa * _LOW_PERCENT
        # Radiators stand above the compensator by what the return line loses: flow without head is a bad sensor, not a bad pump.
        has_flow = p_rad_pa != UNKNOWN and self._head_rad_pa > 0 and (p_rad_pa - p_comp_pa) * 100 >= self._head_rad_pa * _LOW_PERCENT
        if is_low and not has_flow:
            self._odd_ticks = 0
            self._bad_ticks += 1
            if self._bad_ticks >= self._confirm_ticks and self.fault < 0:
                self.fault = ST_PUMP_FAULT_NO_HEAD if head_pa * 100 < self._head_pa * _NO_PERCENT else ST_PUMP_FAULT_LOW_HEAD
                return True
        else:
            self._bad_ticks = 0
            self.fault = -1
            self._odd_ticks = self._odd_ticks + 1 if is_low else 0
        self.sensor_disagrees = self._odd_ticks >= self._confirm_ticks or self._lone_ticks >= _LONE * self._confirm_ticks
        return False

    def _watch_suction(self, p_comp_pa, votes, suction_mc):
        vapour = vapour_pa(self._coolant, suction_mc)
        if vapour == UNKNOWN or p_comp_pa == UNKNOWN:
            self._dry_ticks = 0
            return
        self.limit_pa = vapour + self._margin_pa
        # One sensor alone is not enough to stop a pump that still makes its head.
        is_seen = votes >= 2 or self.fault >= 0
        self._dry_ticks = self._dry_ticks + 1 if p_comp_pa < self.limit_pa and is_seen else 0
        if self._dry_ticks >= self._confirm_ticks:
            self._dry_ticks = 0
            self.trip = ST_PUMP_REASON_LOW_SUCTION

    def _forget(self):
        self._bad_ticks = 0
        self._odd_ticks = 0
        self._on_ticks = 0
        self._rough_ticks = 0
        self._dry_ticks = 0
        self.fault = -1
        self._outlet.take(UNKNOWN)
        self._radiators.take(UNKNOWN)
        self._suction.take(UNKNOWN)
