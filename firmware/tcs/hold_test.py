"""Hold test: how fast does the trapped pressure of a shut segment fall? Judged between two parts of the compensator's pressure.

Above the compensator's pressure a leaking relief would look like a hole; well below it a hole passes little. Between 95 and 60 % of it
neither does.
"""

from array import array

from micropython import const

from tcs.sensing_kernel import UNKNOWN
from tcs.words import word

PENDING = const(0)
DONE = const(1)
NO_DATA = const(2)

_TOP_PERCENT = const(95)
_BOTTOM_PERCENT = const(60)
_LIMIT_MS = const(4000)
_BLIND_TICKS = const(5)


# places in .words
_RATE_PA_S = const(0)
_FELL = const(1)
_START_TICK = const(2)
_FROM_TICK = const(3)
_FROM_PA = const(4)
_BLIND = const(5)
_SIZE = const(6)


class HoldTest:
    """.rate_pa_s: mean fall of the pressure, 0 when it rises; .fell: it reached the bottom of the band. Allocation-free."""

    rate_pa_s = word(_RATE_PA_S)
    fell = word(_FELL)

    def __init__(self, tick_ms):
        self._tick_ms = tick_ms
        self._limit_ticks = _LIMIT_MS // tick_ms
        self.words = array("i", bytes(4 * _SIZE))
        self.words[_FROM_PA] = UNKNOWN

    def begin(self, p_pa, p_comp_pa, tick):
        """The first tick with both valves shut."""
        w = self.words
        w[_RATE_PA_S] = 0
        w[_FELL] = 0
        w[_START_TICK] = tick
        w[_FROM_TICK] = tick
        w[_FROM_PA] = p_pa
        # Gone before the switches said shut: it fell from the line's pressure within the last tick of travel, no slower.
        if p_pa != UNKNOWN and p_pa * 100 < p_comp_pa * _BOTTOM_PERCENT:
            w[_FROM_TICK] = tick - 1
            w[_FROM_PA] = p_comp_pa
        w[_BLIND] = 0

    def step(self, p_pa, p_comp_pa, tick):
        """One tick. Pa; a few ticks may be UNKNOWN."""
        w = self.words
        if p_pa == UNKNOWN or p_comp_pa == UNKNOWN:
            w[_BLIND] += 1
            return NO_DATA if w[_BLIND] >= _BLIND_TICKS else PENDING
        elapsed = max(0, tick - w[_START_TICK])
        if w[_FROM_PA] == UNKNOWN or p_pa * 100 > p_comp_pa * _TOP_PERCENT:
            w[_FROM_PA] = p_pa
            w[_FROM_TICK] = tick
            if elapsed < self._limit_ticks:
                return PENDING
            return DONE  # holds at the top of the band, or rises
        w[_FELL] = 1 if p_pa * 100 < p_comp_pa * _BOTTOM_PERCENT else 0
        if not w[_FELL] and elapsed < self._limit_ticks:
            return PENDING
        fall_pa = max(0, min(1000000, w[_FROM_PA] - p_pa))
        w[_RATE_PA_S] = fall_pa * 10 // max(1, (tick - w[_FROM_TICK]) * self._tick_ms // 10) * 10
        return DONE
