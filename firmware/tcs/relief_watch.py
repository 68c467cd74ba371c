"""Relief watch: do the passive reliefs of the shut segments do their work? Seen only while a shut, full segment warms.

A rigid, full segment climbs 8..9 bar a kelvin until its relief opens at `relief_crack_pa` above the compensator. One that climbs past that
has a relief that is stuck closed. One that warms and does not climb at all, yet does not fall below the compensator either, lets its
liquid through at once: a relief that leaks. A hole looks different: behind it the pressure falls. Nothing is opened for it: what is
suspect or convicted is never opened to relieve it. Called once a second.
"""

from array import array

from micropython import const

from tcs.sensing_kernel import UNKNOWN
from tcs.tables import P_P_NOISE_PA, P_RELIEF_CRACK_PA, P_SEGMENT_DESIGN_PA, ST_RELIEF_FAULT_LEAKING, ST_RELIEF_FAULT_STUCK_CLOSED

SEGMENTS = const(3)
_MARGIN_PERCENT = const(25)  # of the cracking difference
_NOISES = const(10)
_CONFIRM_S = const(2)
_WARM_UL = const(1500)  # liquid that has to go somewhere: 1.5 bar of a segment that holds
_LOW_PERCENT = const(30)  # of the cracking difference
_BELOW_PA = const(8000)
_NEAR_PERCENT = const(80)
_HEAD_MAX_PA = const(45000)  # a sensor that stood higher in service is not believed


class ReliefWatch:
    """.stuck_mask, .leaking_mask, .high_mask; of this second .segment and .fault (ST_RELIEF_FAULT_*, -1), .above_pa. Allocation-free."""

    def __init__(self, params):
        self._crack_pa = params[P_RELIEF_CRACK_PA]
        self._design_pa = params[P_SEGMENT_DESIGN_PA]
        self._margin_pa = max(self._crack_pa // 100 * _MARGIN_PERCENT, _NOISES * params[P_P_NOISE_PA])
        self.stuck_mask = 0
        self.leaking_mask = 0
        self.high_mask = 0
        self.segment = 0
        self.fault = -1
        self.above_pa = 0
        self.high_segment = -1
        self._head_pa = array("i", [UNKNOWN] * SEGMENTS)
        self._low_mc = array("i", [UNKNOWN] * SEGMENTS)  # coldest since its pressure last stood below the compensator's
        self._over_s = array("i", bytes(4 * SEGMENTS))
        self._flat_s = array("i", bytes(4 * SEGMENTS))

    def step(self, segment, is_shut, p_rad_pa, p_comp_pa, temp_mc, expansion_ul_k):
        """One second of one segment: its pressure and temperature, and what its liquid grows by a kelvin. True when a fault is new."""
        self.fault = -1
        self.high_segment = -1
        if p_rad_pa == UNKNOWN or p_comp_pa == UNKNOWN or temp_mc == UNKNOWN:
            self._rest(segment)
            return False
        above_pa = p_rad_pa - p_comp_pa
        if not is_shut:
            self._head_pa[segment] = above_pa
            self._rest(segment)
            self.high_mask &= ~(1 << segment)
            return False
        if self._head_pa[segment] != UNKNOWN and self._head_pa[segment] > _HEAD_MAX_PA:
            return False
        self.segment = segment
        self.above_pa = above_pa
        self._watch_design(segment, p_rad_pa)
        if above_pa < -_BELOW_PA or self._low_mc[segment] == UNKNOWN:
            # Not full, or not shut for long: its warming is counted from here.
            self._low_mc[segment] = temp_mc
            self._flat_s[segment] = 0
            self._over_s[segment] = 0
            return False
        if temp_mc < self._low_mc[segment]:
            self._low_mc[segment] = temp_mc
        grown_ul = min(20000, temp_mc - self._low_mc[segment]) * min(20000, expansion_ul_k) // 1000
        return self._judge(segment, above_pa, grown_ul)

    def _judge(self, segment, above_pa, grown_ul):
        bit = 1 << segment
        # A pressure that climbs without any warming is a sensor.
        is_over = above_pa > self._crack_pa + self._margin_pa and grown_ul > 0
        self._over_s[segment] = self._over_s[segment] + 1 if is_over else 0
        if self._over_s[segment] == _CONFIRM_S and not self.stuck_mask & bit:
            self.stuck_mask |= bit
            self.fault = ST_RELIEF_FAULT_STUCK_CLOSED
            return True
        is_flat = grown_ul > _WARM_UL and above_pa < self._crack_pa // 100 * _LOW_PERCENT
        self._flat_s[segment] = self._flat_s[segment] + 1 if is_flat else 0
        if self._flat_s[segment] == _CONFIRM_S and not self.leaking_mask & bit:
            self.leaking_mask |= bit
            self.fault = ST_RELIEF_FAULT_LEAKING
            return True
        return False

    def _watch_design(self, segment, p_rad_pa):
        bit = 1 << segment
        if p_rad_pa > self._design_pa // 100 * _NEAR_PERCENT:
            if not self.high_mask & bit:
                self.high_mask |= bit
                self.high_segment = segment
        elif p_rad_pa < self._design_pa // 100 * (_NEAR_PERCENT - 10):
            self.high_mask &= ~bit

    def _rest(self, segment):
        self._low_mc[segment] = UNKNOWN
        self._over_s[segment] = 0
        self._flat_s[segment] = 0
