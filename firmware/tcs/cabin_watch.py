"""Cabin watch: is the cabin's pressure falling? Its own sensor, its own alarm; never confused with the coolant loop's pressure.

The value is ratiometric to the supply channel `v_ref`. A supply that really moves, moves v_ref and the raw sample alike; a v_ref that
moves alone bends every value and no raw sample. So a fall counts only when the value shows it with and without the correction.
"""

from micropython import const

from tcs.modes import CABIN_BLOCK_MS
from tcs.tables import P_CABIN_DROP_PA

UNKNOWN = const(-0x40000000)
_ALLOW_MPA_S = const(200)  # mPa/s: half a kilopascal in 40 min is the weather of a cabin
_MAX_BLOCKS = const(1000000)


class Fall:
    """One-sided CUSUM on 1 s means: .excess_pa beyond the allowance since .start_pa, .blocks ago. Allocation-free."""

    def __init__(self):
        self.start_pa = UNKNOWN
        self.blocks = 0
        self.excess_pa = 0

    def take(self, mean_pa):
        """One mean."""
        if self.start_pa == UNKNOWN:
            self.start_pa = mean_pa
        self.blocks = min(self.blocks + 1, _MAX_BLOCKS)
        self.excess_pa = self.start_pa - mean_pa - _ALLOW_MPA_S * self.blocks // 1000
        if self.excess_pa <= 0:
            self.restart(mean_pa)

    def restart(self, mean_pa):
        """The fall begins here at the earliest."""
        self.start_pa = mean_pa
        self.blocks = 0
        self.excess_pa = 0


class CabinWatch:
    """.alarm latches; .rate_pa_s is the mean fall since it began; .reference_disagrees: v_ref moved alone. Allocation-free."""

    def __init__(self, params, period_ms, span_pa=250000, nominal_counts=32760):
        """span_pa: of the channel, 10..90 % of its counts; nominal_counts: of v_ref."""
        self._limit_pa = params[P_CABIN_DROP_PA]
        self._block_ticks = CABIN_BLOCK_MS // period_ms
        self._offset_pa = span_pa // 8  # the span's start stands an eighth of it above no counts at all
        self._nominal_counts = nominal_counts
        self.alarm = False
        self.reference_disagrees = False
        self.rate_pa_s = 0
        self._sum_pa = 0
        self._sum_raw_pa = 0
        self._count = 0
        self._fall = Fall()
        self._raw_fall = Fall()

    def step(self, p_cabin_pa, v_ref_counts):
        """One period, Pa or UNKNOWN, and the filtered supply that it was corrected by. Returns True when the alarm begins."""
        if p_cabin_pa == UNKNOWN:
            return False
        self._sum_pa += p_cabin_pa
        self._sum_raw_pa += p_cabin_pa + (p_cabin_pa + self._offset_pa) // 128 * (v_ref_counts - self._nominal_counts) // 256
        self._count += 1
        if self._count < self._block_ticks:
            return False
        mean_pa = self._sum_pa // self._count
        fall = self._fall
        raw_fall = self._raw_fall
        fall.take(mean_pa)
        raw_fall.take(self._sum_raw_pa // self._count)
        self._sum_pa = 0
        self._sum_raw_pa = 0
        self._count = 0
        if fall.excess_pa <= self._limit_pa:
            return False
        if raw_fall.excess_pa * 2 < self._limit_pa:
            self.reference_disagrees = True
            fall.restart(mean_pa)
        elif raw_fall.excess_pa > self._limit_pa and not self.alarm:
            self.alarm = True
            self.rate_pa_s = (fall.start_pa - mean_pa) // max(1, fall.blocks)
            return True
        return False
