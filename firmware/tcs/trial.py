"""Trial: refill one shut segment through one cracked valve, shut it again, and see what its pressure does. Bounded in volume and time.

`step(inputs, tick) -> action` while .state is FILLING, SHUTTING or HOLDING; then .result says what came of it.
"""

from array import array

from micropython import const

from tcs import hold_test as ht
from tcs.hold_test import HoldTest
from tcs.sensing_kernel import UNKNOWN
from tcs.tables import (
    P_TICK_MS,
    P_TRIAL_LIMIT_MS,
    P_TRIAL_VOLUME_ML,
    ST_LOCALISATION_CHOOSING,
    ST_LOCALISATION_FILLING,
    ST_LOCALISATION_HOLDING,
    ST_LOCALISATION_SHUTTING,
)
from tcs.words import word

SEGMENTS = const(3)

# inputs of trial and localisation
IN_P_COMP_PA = const(0)
IN_P_RAD_PA = const(1)  # x3
IN_INVENTORY_UL = const(4)  # smoothed, continuous; UNKNOWN while it is
IN_TEMP_MC = const(5)  # x3
IN_COOLING_UL_S = const(8)  # x3: what cooling empties of a full segment
IN_EXPANSION_UL_K = const(11)  # x3
IN_SHUT = const(14)  # mask of segments with both valves confirmed shut
IN_OPEN = const(15)  # mask of segments with both valves confirmed open
IN_LEFT = const(16)  # mask of valves that have left their closed switch
IN_FAILED = const(17)  # mask of valves given up
IN_RATE_UL_S = const(18)  # of the leak, as the alarm knew it
IN_P_CABIN_PA = const(19)
IN_IS_BENT = const(20)  # the temperatures, and with them the cooling, by a jump of the supply
IN_SIZE = const(21)

# actions
A_NONE = const(0)
A_CRACK = const(1)  # drive .valve open
A_REST = const(2)  # stop driving .valve
A_SHUT = const(3)  # both valves of .segment
A_OPEN = const(4)

# results
R_NONE = const(0)
R_HELD = const(1)  # .excess_ul_s beyond cooling; .fell
R_PARTIAL = const(2)  # its bounds were spent before it was full: .taken_ul of .void_ul
R_NO_VALVE = const(3)
R_NOT_SHUT = const(4)
R_NO_DATA = const(5)

_CRACK_MS = const(200)  # a fifteenth of the travel: about 26 mL/s at 145 kPa
_NO_VALVE_MS = const(1500)
_FULL_PERCENT = const(85)
_FULL_TICKS = const(3)
_SPENT_PERMILLE = const(600)  # of the volume: the valve takes as long to shut as it was cracked
_ML_S_MAX = const(30)  # the most that a cracked valve passes into an empty segment


# places in .words
_STATE = const(0)
_SEGMENT = const(1)
_VALVE = const(2)
_RESULT = const(3)
_EXCESS_UL_S = const(4)
_FELL = const(5)
_TAKE_UP_UL = const(6)
_VOID_UL = const(7)
_BASE_UL = const(8)
_DRAIN_UL_S = const(9)
_BEGUN_TICK = const(10)
_FULL = const(11)  # ticks in a row
_IS_FILLED = const(12)
_SINCE_TICK = const(13)
_SIZE = const(14)


class Trial:
    """.segment, .valve, .result; .excess_ul_s, .fell, .taken_ul, .void_ul. Allocation-free."""

    state = word(_STATE)
    segment = word(_SEGMENT)
    valve = word(_VALVE)
    result = word(_RESULT)
    excess_ul_s = word(_EXCESS_UL_S)
    fell = word(_FELL)
    take_up_ul = word(_TAKE_UP_UL)  # of this trial
    void_ul = word(_VOID_UL)
    drain_ul_s = word(_DRAIN_UL_S)

    def __init__(self, params, stiffness_ul_mpa):
        """stiffness_ul_mpa: what a full, shut segment gives up a megapascal, x3."""
        tick_ms = params[P_TICK_MS]
        self._stiffness_ul_mpa = stiffness_ul_mpa
        self._spent_ul = params[P_TRIAL_VOLUME_ML] * _SPENT_PERMILLE
        self._crack_ticks = max(1, _CRACK_MS // tick_ms)
        self._no_valve_ticks = _NO_VALVE_MS // tick_ms
        self._fill_ticks = params[P_TRIAL_VOLUME_ML] * 1000 // _ML_S_MAX // tick_ms
        self._limit_ticks = params[P_TRIAL_LIMIT_MS] // tick_ms
        self._tick_ms = tick_ms
        self.hold = HoldTest(tick_ms)
        self.words = array("i", bytes(4 * _SIZE))
        self.words[_STATE] = ST_LOCALISATION_CHOOSING
        self.taken_ul = array("i", bytes(4 * SEGMENTS))  # of all trials since it was last full
        self.full_mc = array("i", [UNKNOWN] * SEGMENTS)  # temperature at which a segment was last full

    def begin(self, segment, valve, drain_ul_s, x, tick):
        """Crack one valve of a shut segment. drain_ul_s: what the loop loses without it."""
        w = self.words
        w[_SEGMENT] = segment
        w[_VALVE] = valve
        w[_RESULT] = R_NONE
        w[_VOID_UL] = self.find_void_ul(segment, x)
        w[_BASE_UL] = x[IN_INVENTORY_UL]
        w[_DRAIN_UL_S] = min(1000000, drain_ul_s)
        w[_BEGUN_TICK] = tick
        w[_TAKE_UP_UL] = 0
        w[_FULL] = 0
        w[_IS_FILLED] = 0
        self._enter(ST_LOCALISATION_FILLING, tick)
        return A_CRACK

    def find_void_ul(self, segment, x):
        """What cooling since it was last full has emptied of a segment, and what its pressure takes."""
        void = min(10000000, x[IN_P_COMP_PA]) // 1000 * self._stiffness_ul_mpa[segment] // 1000
        full_mc = self.full_mc[segment]
        if full_mc != UNKNOWN and full_mc > x[IN_TEMP_MC + segment]:
            void += min(100000, full_mc - x[IN_TEMP_MC + segment]) * x[IN_EXPANSION_UL_K + segment] // 1000
        return void

    def step(self, x, tick):
        """One tick of inputs -> A_*."""
        state = self.words[_STATE]
        if state == ST_LOCALISATION_FILLING:
            return self._fill(x, tick)
        if state == ST_LOCALISATION_SHUTTING:
            return self._shut(x, tick)
        return self._hold_on(x, tick)

    def _fill(self, x, tick):
        w = self.words
        elapsed = tick - w[_SINCE_TICK]
        if not (x[IN_LEFT] >> w[_VALVE]) & 1:
            if elapsed < self._no_valve_ticks:
                return A_NONE
            self._end(R_NO_VALVE)
            return A_SHUT
        if elapsed < self._crack_ticks:
            return A_NONE
        if elapsed == self._crack_ticks:
            return A_REST
        p_pa = x[IN_P_RAD_PA + w[_SEGMENT]]
        if p_pa != UNKNOWN and p_pa * 100 >= x[IN_P_COMP_PA] * _FULL_PERCENT:
            w[_FULL] += 1
        else:
            w[_FULL] = 0
        w[_IS_FILLED] = 1 if w[_FULL] >= _FULL_TICKS else 0
        is_spent = x[IN_INVENTORY_UL] == UNKNOWN or w[_BASE_UL] - x[IN_INVENTORY_UL] - self._drained_ul(tick) >= self._spent_ul
        if w[_IS_FILLED] or is_spent or elapsed >= self._fill_ticks:
            self._enter(ST_LOCALISATION_SHUTTING, tick)
            return A_SHUT
        return A_REST

    def _shut(self, x, tick):
        w = self.words
        segment = w[_SEGMENT]
        if not (x[IN_SHUT] >> segment) & 1:
            if (x[IN_FAILED] >> w[_VALVE]) & 1 or tick - w[_SINCE_TICK] >= 4 * self._limit_ticks:
                self._end(R_NOT_SHUT)
            return A_NONE
        if x[IN_INVENTORY_UL] != UNKNOWN:
            w[_TAKE_UP_UL] = max(0, w[_BASE_UL] - x[IN_INVENTORY_UL] - self._drained_ul(tick))
            self.taken_ul[segment] += min(1000000, w[_TAKE_UP_UL])
        if w[_IS_FILLED]:
            self.hold.begin(x[IN_P_RAD_PA + segment], x[IN_P_COMP_PA], tick)
            self._enter(ST_LOCALISATION_HOLDING, tick)
        else:
            self._end(R_PARTIAL)
        return A_NONE

    def _drained_ul(self, tick):
        w = self.words
        return w[_DRAIN_UL_S] // 10 * max(0, min(1000, (tick - w[_BEGUN_TICK]) * self._tick_ms // 100))

    def _hold_on(self, x, tick):
        w = self.words
        segment = w[_SEGMENT]
        hold = self.hold
        outcome = hold.step(x[IN_P_RAD_PA + segment], x[IN_P_COMP_PA], tick)
        if outcome == ht.NO_DATA:
            self._end(R_NO_DATA)
        elif outcome == ht.DONE:
            stiffness = self._stiffness_ul_mpa[segment]
            lost_ul_s = min(hold.rate_pa_s // 100, 0x3FFFFFFF // (stiffness + 1)) * stiffness // 10000
            w[_EXCESS_UL_S] = lost_ul_s - x[IN_COOLING_UL_S + segment]
            w[_FELL] = hold.fell
            self.full_mc[segment] = x[IN_TEMP_MC + segment]
            self._end(R_HELD)
        return A_NONE

    def _end(self, result):
        self.words[_RESULT] = result
        self.words[_STATE] = ST_LOCALISATION_CHOOSING

    def _enter(self, state, tick):
        self.words[_STATE] = state
        self.words[_SINCE_TICK] = tick
