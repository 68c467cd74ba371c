"""Cabin watch: is the cabin's pressure falling? Its own sensor, its own alarm; never confused with the coolant loop's pressure."""

from micropython import const

from tcs.tables import P_CABIN_DROP_PA

UNKNOWN = const(-0x40000000)
_BLOCK_MS = const(1000)
_ALLOW_MPA_S = const(200)  # mPa/s: half a kilopascal in 40 min is the weather of a cabin


class CabinWatch:
    """One-sided CUSUM on 1 s means of the cabin pressure. .alarm latches; .rate_pa_s is the mean fall since it began. Allocation-free."""

    def __init__(self, params, period_ms):
        self._limit_pa = params[P_CABIN_DROP_PA]
        self._block_ticks = _BLOCK_MS // period_ms
        self.alarm = False
        self.rate_pa_s = 0
        self._sum = 0
        self._count = 0
        self._start_pa = UNKNOWN
        self._blocks = 0

    def step(self, p_cabin_pa):
        """One tick, Pa or UNKNOWN. Returns True when the alarm begins."""
        if p_cabin_pa == UNKNOWN:
            return False
        self._sum += p_cabin_pa
        self._count += 1
        if self._count < self._block_ticks:
            return False
        mean = self._sum // self._count
        self._sum = 0
        self._count = 0
        self._blocks = min(self._blocks + 1, 1000000)
        if self._start_pa == UNKNOWN:
            self._start_pa = mean
        excess = self._start_pa - mean - _ALLOW_MPA_S * self._blocks // 1000
        if excess <= 0:
            self._start_pa = mean
            self._blocks = 0
        elif excess > self._limit_pa and not self.alarm:
            self.alarm = True
            self.rate_pa_s = (self._start_pa - mean) // max(1, self._blocks)
            return True
        return False
