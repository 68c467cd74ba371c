"""Hold test: how fast does the trapped pressure of a shut segment fall? Judged between two parts of the compensator's pressure.

Above the compensator's pressure a leaking relief would look like a hole; well below it a hole passes little. Between 95 and 60 % of it
neither does.
"""

from micropython import const

from tcs.sensing_kernel import UNKNOWN

PENDING = const(0)
DONE = const(1)
NO_DATA = const(2)

_TOP_PERCENT = const(95)
_BOTTOM_PERCENT = const(60)
_LIMIT_MS = const(4000)
_BLIND_TICKS = const(5)


class HoldTest:
    """.rate_pa_s: mean fall of the pressure, 0 when it rises; .fell: it reached the bottom of the band. Allocation-free."""

    def __init__(self, tick_ms):
        self._tick_ms = tick_ms
        self._limit_ticks = _LIMIT_MS // tick_ms
        self.rate_pa_s = 0
        self.fell = False
        self._start_tick = 0
        self._from_tick = 0
        self._from_pa = UNKNOWN
        self._blind_ticks = 0

    def begin(self, p_pa, p_comp_pa, tick):
        """The first tick with both valves shut."""
        self.rate_pa_s = 0
        self.fell = False
        self._start_tick = tick
        self._from_tick = tick
        self._from_pa = p_pa
        # Gone before the switches said shut: it fell from the line's pressure within the last tick of travel, no slower.
        if p_pa != UNKNOWN and p_pa * 100 < p_comp_pa * _BOTTOM_PERCENT:
            self._from_tick = tick - 1
            self._from_pa = p_comp_pa
        self._blind_ticks = 0

    def step(self, p_pa, p_comp_pa, tick):
        """One tick. Pa; a few ticks may be UNKNOWN."""
        if p_pa == UNKNOWN or p_comp_pa == UNKNOWN:
            self._blind_ticks += 1
            return NO_DATA if self._blind_ticks >= _BLIND_TICKS else PENDING
        if self._from_pa == UNKNOWN or p_pa * 100 > p_comp_pa * _TOP_PERCENT:
            self._from_pa = p_pa
            self._from_tick = tick
            if tick - self._start_tick < self._limit_ticks:
                return PENDING
            return DONE  # holds at the top of the band, or rises
        self.fell = p_pa * 100 < p_comp_pa * _BOTTOM_PERCENT
        elapsed = tick - self._start_tick
        if not self.fell and elapsed < self._limit_ticks:
            return PENDING
        fall_pa = max(0, min(1000000, self._from_pa - p_pa))
        self.rate_pa_s = fall_pa * 10 // max(1, (tick - self._from_tick) * self._tick_ms // 10) * 10
        return DONE
