"""Loss watch: how a loss goes on, once the loop is left alone, says what is lost.

Liquid through a hole overboard slows as the root of the pressure, into the cabin as the root of what the loop stands above the cabin, and
gas that leaves the compensator looks like a loss that speeds up as the gas thins. Each law predicts how much of a window's loss falls
into its first half; the measured half says which of them it was (docs/diagnosis.md). And what goes on below cabin pressure does not go
into the cabin. Called once a second.
"""

from array import array

from micropython import const

from tcs.leak_rate_kernel import isqrt
from tcs.sensing_kernel import UNKNOWN

OUTSIDE = const(0)
CABIN = const(1)
GAS = const(2)
LAWS = const(3)

_ROWS = const(32)
_WIDTH = const(4)  # lost, and the integral of each law
_LEAST_ROWS = const(12)
_SETTLE_S = const(60)  # after valves or pump: temperatures move the inventory
_SETTLE_FAST_S = const(20)  # by less than a quick loss
_FAST_UL_S = const(2000)
_EARLY_S = const(30)
_EARLY_UL = const(40000)
_WINDOW_MAX_S = const(43200)
_RATE_S = const(10)
_RATES = const(13)  # two minutes
_BELOW_PA = const(2000)
_NEAR_PA = const(1500)
_PIN_S = const(30)
_PINNED = const(6)
_STILL_PA = const(200)
_BELOW_S = const(60)
_AIR_MIN_PA = const(50000)  # a cabin that says less, or more, is a bad sensor
_AIR_MAX_PA = const(120000)
_LEAST_UL = const(20000)
_TIGHT_UL_S = const(60)
_CURVE_UL_S = const(10)  # by which the temperatures' error may change over a window
_CLEAR_TENTHS = const(30)  # standard deviations that exclude a law
_GOOD_TENTHS = const(20)
_LOSS_MAX_UL = const(20000000)


class LossWatch:
    """.rate_ul_s: over the last two minutes, UNKNOWN until then, or until enough has gone; .excluded: mask of laws that the loss does not
    obey; .is_below: it went on below cabin pressure; .has_stopped: it ended at cabin pressure; .lost_ul: of this window. Allocation-free.
    """

    def __init__(self):
        self._rows = array("i", bytes(4 * _ROWS * _WIDTH))
        self._sums = array("i", bytes(4 * LAWS))
        self._rates = array("i", [UNKNOWN] * _RATES)
        self.excluded = 0
        self.is_below = False
        self.has_stopped = False
        self.rate_ul_s = UNKNOWN
        self.lost_ul = 0
        self.deviations = array("i", bytes(4 * LAWS))  # tenths of a standard deviation, of the last look
        self._key = -1
        self._settle_s = 0
        self._begin()

    def forget(self):
        """Another loss begins: what was found of the one before is no evidence of it."""
        self.excluded = 0
        self.is_below = False
        self.has_stopped = False
        self._begin()

    def step(self, inventory_ul, p_comp_pa, p_cabin_pa, doubt_ul, key, alarm_ul_s=0):
        """One second.

        doubt_ul: what the inventory may be wrong by over minutes; key: the configuration of valves and pump, negative while they are being
        worked on; alarm_ul_s: the alarm's rate.
        """
        if key != self._key or key < 0 or inventory_ul == UNKNOWN or p_comp_pa == UNKNOWN:
            self._key = key
            self._settle_s = _SETTLE_S if alarm_ul_s < _FAST_UL_S else _SETTLE_FAST_S
            self._begin()
            return
        if self._settle_s > 0:
            self._settle_s -= 1
            return
        if self._base_ul == UNKNOWN:
            self._open(inventory_ul, p_comp_pa, p_cabin_pa)
        self._age_s += 1
        self.lost_ul = max(-_LOSS_MAX_UL, min(_LOSS_MAX_UL, self._base_ul - inventory_ul))
        self._integrate(p_comp_pa, p_cabin_pa)
        self._watch_rate()
        self._watch_cabin(p_comp_pa, p_cabin_pa, doubt_ul)
        if self._age_s % self._stride_s == 0:
            self._keep()
            if self._count >= _LEAST_ROWS and self.lost_ul > _LEAST_UL:
                self._judge(doubt_ul)
        if self._age_s >= _WINDOW_MAX_S:
            self._begin()

    def _begin(self):
        self._base_ul = UNKNOWN
        self._start_dapa = 1
        self._above_dapa = 0
        self._air_dapa = 0
        self._age_s = 0
        self._stride_s = 4
        self._count = 0
        self.lost_ul = 0
        self.rate_ul_s = UNKNOWN
        self._below_s = 0
        self._below_ul = 0
        self._above_sum_pa = 0
        self._pinned = 0
        self._pinned_pa = 0
        i = 0
        while i < LAWS:
            self._sums[i] = 0
            i += 1
        i = 0
        while i < _RATES:
            self._rates[i] = UNKNOWN
            i += 1

    def _open(self, inventory_ul, p_comp_pa, p_cabin_pa):
        self._base_ul = inventory_ul
        self._start_dapa = max(1, p_comp_pa // 10)
        self._air_dapa = p_cabin_pa // 10 if _is_air(p_cabin_pa) else 0
        # A loop below the cabin loses nothing into it, one just above it next to nothing.
        self._above_dapa = max(0, self._start_dapa - self._air_dapa) if self._air_dapa else 0

    def _integrate(self, p_comp_pa, p_cabin_pa):
        now_dapa = max(1, p_comp_pa // 10)
        start_dapa = self._start_dapa
        sums = self._sums
        sums[OUTSIDE] += isqrt(min(4000, now_dapa * 1000 // start_dapa) * 1000)
        if _is_air(p_cabin_pa):
            self._air_dapa = p_cabin_pa // 10
        if self._above_dapa > 0:
            above_dapa = max(0, now_dapa - self._air_dapa)
            sums[CABIN] += isqrt(min(4000, above_dapa * 1000 // self._above_dapa) * 1000)
        sums[GAS] += min(20000, start_dapa * 1000 // now_dapa)

    def _watch_rate(self):
        rates = self._rates
        if self._age_s % _RATE_S:
            return
        i = 0
        while i < _RATES - 1:
            rates[i] = rates[i + 1]
            i += 1
        rates[_RATES - 1] = self.lost_ul
        if rates[0] != UNKNOWN:
            self.rate_ul_s = (self.lost_ul - rates[0]) // ((_RATES - 1) * _RATE_S)
        elif self._age_s >= _EARLY_S and (self.lost_ul > _EARLY_UL or self.rate_ul_s != UNKNOWN):
            self.rate_ul_s = self.lost_ul // self._age_s

    def _watch_cabin(self, p_comp_pa, p_cabin_pa, doubt_ul):
        if not _is_air(p_cabin_pa):
            self._below_s = 0
            self._pinned = 0
            return
        if p_comp_pa < p_cabin_pa - _BELOW_PA:
            if self._below_s == 0:
                self._below_ul = self.lost_ul
            self._below_s += 1
            needed_ul = max(_LEAST_UL, 3 * doubt_ul + self._below_s * _CURVE_UL_S)
            if self._below_s >= _BELOW_S and self.lost_ul - self._below_ul > needed_ul and self.rate_ul_s > _TIGHT_UL_S:
                self.is_below = True
        else:
            self._below_s = 0
        self._above_sum_pa += max(-20000, min(20000, p_comp_pa - p_cabin_pa))
        if self._age_s % _PIN_S == 0:
            self._look_pinned(self._above_sum_pa // _PIN_S)
            self._above_sum_pa = 0

    def _look_pinned(self, above_pa):
        """A hole into the cabin ends by holding the loop at the cabin's pressure, whatever the temperatures do."""
        is_near = abs(above_pa) < _NEAR_PA
        if is_near and self._pinned > 0 and abs(above_pa - self._pinned_pa) < _STILL_PA:
            self._pinned += 1
            if self._pinned >= _PINNED:
                self.has_stopped = True
        else:
            self._pinned = 1 if is_near else 0
            self._pinned_pa = above_pa

    def _keep(self):
        """One row; a full table is thinned to every other one."""
        rows = self._rows
        if self._count == _ROWS:
            i = 1
            while i < _ROWS // 2:
                j = 0
                while j < _WIDTH:
                    rows[_WIDTH * i + j] = rows[_WIDTH * 2 * i + j]
                    j += 1
                i += 1
            self._count = _ROWS // 2
            self._stride_s *= 2
            if self._age_s % self._stride_s:
                return
        at = _WIDTH * self._count
        rows[at] = self.lost_ul
        i = 0
        while i < LAWS:
            rows[at + 1 + i] = self._sums[i]
            i += 1
        self._count += 1

    def _judge(self, doubt_ul):
        rows = self._rows
        first = 0
        last = _WIDTH * (self._count - 1)
        middle = _WIDTH * (self._count // 2)
        lost_ul = rows[last] - rows[first]
        half_ul = rows[middle] - rows[first]
        doubt_ul += self._age_s * _CURVE_UL_S // 2
        deviations = self.deviations
        best = 0x3FFFFFFF
        law = 0
        while law < LAWS:
            whole = rows[last + 1 + law] - rows[first + 1 + law]
            part = rows[middle + 1 + law] - rows[first + 1 + law]
            while whole > 200000:
                whole >>= 1
                part >>= 1
            # Nothing predicted at all: everything that was lost speaks against it.
            predicted_ul = lost_ul // 64 * (part * 4096 // whole) // 64 if whole > 0 else 0
            off_ul = abs(half_ul - predicted_ul) if whole > 0 else lost_ul
            deviations[law] = min(100000000, off_ul) * 10 // doubt_ul
            best = min(best, deviations[law])
            law += 1
        if best >= _GOOD_TENTHS:
            return  # none of them: something else goes on
        law = 0
        while law < LAWS:
            is_possible = law != CABIN or self._air_dapa > 0
            if deviations[law] >= _CLEAR_TENTHS and is_possible:
                self.excluded |= 1 << law
            law += 1


def _is_air(p_cabin_pa):
    return p_cabin_pa != UNKNOWN and _AIR_MIN_PA < p_cabin_pa < _AIR_MAX_PA
