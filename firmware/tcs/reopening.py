"""Reopening: one cleared segment comes back into service. What it takes beyond its void is watched all the time, and how fast at the end.

The watch is a trial of its own that needs no pressure of the segment: where that sensor lied, the hole shows here.
"""

from array import array

from micropython import const

from tcs import trial as tr
from tcs.findings import DRIFT_UL_S, NO_LOSS_UL_S
from tcs.sensing_kernel import UNKNOWN
from tcs.tables import P_TICK_MS, P_WATCH_EXCESS_ML, P_WATCH_MS, ST_LOCALISATION_OPENING, ST_LOCALISATION_WATCHING
from tcs.words import word

# what step() says
BUSY = const(0)
DONE = const(1)
RELAPSE = const(2)
NO_VALVE = const(3)
BLIND = const(4)

_BLIND_MS = const(60000)
_FILL_MS = const(2000)  # of the watch: it fills, and is not judged by its rate
_OPEN_PERCENT = const(90)
_LONG = const(4)  # a segment cleared on weak grounds is watched this much longer
_LOOKS = const(4)  # and looked at again as long as it takes more than a drift: that fades, a hole does not

# places in .words
_STATE = const(0)
_SEGMENT = const(1)
_BASE_UL = const(2)
_DRAIN_UL_S = const(3)
_OPENED_TICK = const(4)
_SINCE_TICK = const(5)
_VOID_UL = const(6)
_TAKE_UP_UL = const(7)
_RATE_BASE_UL = const(8)
_IS_LONG = const(9)
_ALARM_UL_S = const(10)
_RATE_TICK = const(11)
_END_UL_S = const(12)
_LOOKED = const(13)
_SIZE = const(14)


class Reopening:
    """.state (ST_LOCALISATION_OPENING or WATCHING), .segment, .void_ul; .take_up_ul so far. Allocation-free."""

    state = word(_STATE)
    segment = word(_SEGMENT)
    void_ul = word(_VOID_UL)
    take_up_ul = word(_TAKE_UP_UL)
    end_ul_s = word(_END_UL_S)  # what the connected part lost a second at the end of the watch

    def __init__(self, params):
        tick_ms = params[P_TICK_MS]
        self._params = params
        self._tick_ms = tick_ms
        self._blind_ticks = _BLIND_MS // tick_ms
        self._fill_ticks = _FILL_MS // tick_ms
        self.words = array("i", bytes(4 * _SIZE))
        self.words[_STATE] = ST_LOCALISATION_OPENING

    def begin(self, segment, void_ul, drain_ul_s, is_doubtful, x, tick):
        """Both valves are driven open from here on. drain_ul_s: what the loop loses without it."""
        w = self.words
        w[_SEGMENT] = segment
        w[_VOID_UL] = void_ul
        w[_DRAIN_UL_S] = max(0, min(1000000, drain_ul_s))
        w[_BASE_UL] = x[tr.IN_INVENTORY_UL]
        w[_RATE_BASE_UL] = UNKNOWN
        w[_TAKE_UP_UL] = 0
        w[_LOOKED] = 0
        w[_OPENED_TICK] = tick
        w[_SINCE_TICK] = tick
        w[_IS_LONG] = 1 if is_doubtful else 0
        w[_ALARM_UL_S] = max(0, min(1000000, x[tr.IN_RATE_UL_S]))
        w[_STATE] = ST_LOCALISATION_OPENING

    def known_ul(self, tick):
        """A loss that went on before it was opened is not this segment's."""
        w = self.words
        return w[_DRAIN_UL_S] // 10 * max(0, min(1000, (tick - w[_OPENED_TICK]) * self._tick_ms // 100))

    def step(self, x, tick):
        """One tick of inputs."""
        w = self.words
        inventory_ul = x[tr.IN_INVENTORY_UL]
        if inventory_ul != UNKNOWN:
            w[_TAKE_UP_UL] = max(-10000000, min(10000000, w[_BASE_UL] - inventory_ul))
            excess_ul = w[_TAKE_UP_UL] - self.known_ul(tick)
            if excess_ul > min(10000000, w[_VOID_UL]) * 3 // 2 + self._params[P_WATCH_EXCESS_ML] * 1000:
                return RELAPSE
        if w[_STATE] == ST_LOCALISATION_OPENING:
            return self._open(x, tick)
        return self._watch(inventory_ul, tick)

    def _open(self, x, tick):
        w = self.words
        segment = w[_SEGMENT]
        if tick - w[_OPENED_TICK] >= self._blind_ticks:
            return BLIND
        if (x[tr.IN_OPEN] >> segment) & 1 or self._has_one_valve(segment, x) or self._is_open_by_pressure(segment, x):
            # One of its valves will do: liquid has a way out, coolant perhaps none through. Its valve fault is told.
            w[_STATE] = ST_LOCALISATION_WATCHING
            w[_SINCE_TICK] = tick
        elif (x[tr.IN_FAILED] >> (2 * segment)) & 3:
            return NO_VALVE
        return BUSY

    def _watch(self, inventory_ul, tick):
        w = self.words
        elapsed = max(0, tick - w[_SINCE_TICK])
        watch_ticks = self._params[P_WATCH_MS] // self._tick_ms
        if w[_IS_LONG]:
            watch_ticks *= _LONG
        if w[_RATE_BASE_UL] == UNKNOWN and elapsed >= self._fill_ticks * (_LONG if w[_IS_LONG] else 1):
            w[_RATE_BASE_UL] = inventory_ul
            w[_RATE_TICK] = tick
        if elapsed < watch_ticks:
            return BUSY
        if inventory_ul == UNKNOWN or w[_RATE_BASE_UL] == UNKNOWN:
            return BLIND if elapsed >= watch_ticks + self._blind_ticks else BUSY
        lost_ul = max(0, min(1000000, w[_RATE_BASE_UL] - inventory_ul))
        w[_END_UL_S] = lost_ul * 100 // max(1, (tick - w[_RATE_TICK]) * self._tick_ms // 10)
        # Mixing feigns a few mL/s for a while: where the trapped pressure has shown that it holds, only the volume counts.
        excess_ul_s = w[_END_UL_S] - w[_DRAIN_UL_S]
        if not w[_IS_LONG] or excess_ul_s < max(DRIFT_UL_S, w[_ALARM_UL_S] // 8):
            return DONE
        if excess_ul_s >= max(NO_LOSS_UL_S, w[_ALARM_UL_S] // 2):
            return RELAPSE
        if w[_DRAIN_UL_S] >= DRIFT_UL_S:
            return DONE  # what goes on without it may change by as much
        w[_LOOKED] += 1
        if w[_LOOKED] >= _LOOKS:
            return RELAPSE
        w[_SINCE_TICK] = tick
        w[_RATE_BASE_UL] = inventory_ul
        w[_RATE_TICK] = tick
        return BUSY

    def _is_open_by_pressure(self, segment, x):
        """Neither valve shows where it is, both have been driven open for long enough, and the segment stands at the loop's pressure."""
        p_pa = x[tr.IN_P_RAD_PA + segment]
        is_high = p_pa != UNKNOWN and x[tr.IN_P_COMP_PA] != UNKNOWN and p_pa * 100 >= x[tr.IN_P_COMP_PA] * _OPEN_PERCENT
        return is_high and (x[tr.IN_FAILED] >> (2 * segment)) & 3 == 3 and (x[tr.IN_LEFT] >> (2 * segment)) & 3 == 3

    def _has_one_valve(self, segment, x):
        failed = (x[tr.IN_FAILED] >> (2 * segment)) & 3
        left = (x[tr.IN_LEFT] >> (2 * segment)) & 3
        return (failed == 1 and left & 2) or (failed == 2 and left & 1)
