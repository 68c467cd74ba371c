"""Gas watch: how much gas is in the compensator? The loop's own thermal swing compresses it, and its stiffness tells.

The inventory takes the gas for complete. With a share f of it gone a pressure stands for more volume than there is, so the inventory
follows the thermal expansion of the liquid with a slope of -f / (1 - f). The slope is a regression over four-minute changes, which
a steady loss does not bend (docs/diagnosis.md). Called once a second.
"""

from micropython import const

from tcs.leak_rate_kernel import isqrt
from tcs.sensing_kernel import UNKNOWN

_BLOCK_S = const(240)
_FORGET = const(24)  # blocks: about an orbit
_LEAST_Q4 = const(15 << 4)  # blocks in the regression
_CLIP = const(4000)  # 0.1 mL a block
_SPREAD_MIN = const(60)  # 0.1 mL rms: less swing tells nothing
_NOISE = const(45)  # 0.1 mL of a block's change of the inventory (ours)
_DOUBT_PERMILLE = const(50)  # of the expansion that compensation is known to, not learned yet; half of it afterwards


class GasWatch:
    """.gas_permille of the charge, and .doubt_permille (one standard deviation); UNKNOWN until a swing has told. Allocation-free."""

    def __init__(self):
        self.gas_permille = UNKNOWN
        self.doubt_permille = UNKNOWN
        self._base_permille = UNKNOWN  # slope of the healthy loop
        self._key = -1
        self._age_s = 0
        self._from_ul = 0
        self._from_lines_ul = 0
        self._n_q4 = 0
        self._x = 0
        self._y = 0
        self._xx = 0
        self._xy = 0

    def step(self, inventory_ul, lines_ul, key, is_healthy):
        """One second. lines_ul: what the lines hold, as at 20 degC; key: the configuration of valves and pump, negative while they
        are being worked on; is_healthy: no loss is known of, the slope is the loop's own.
        """
        if inventory_ul == UNKNOWN or key < 0 or key != self._key:
            self._key = key
            self._age_s = 0
            return
        if self._age_s == 0:
            self._from_ul = inventory_ul
            self._from_lines_ul = lines_ul
        self._age_s += 1
        if self._age_s <= _BLOCK_S:
            return
        self._take((lines_ul - self._from_lines_ul) // 100, (inventory_ul - self._from_ul) // 100)
        self._age_s = 1
        self._from_ul = inventory_ul
        self._from_lines_ul = lines_ul
        self._judge(is_healthy)

    def _take(self, x, y):
        x = max(-_CLIP, min(_CLIP, x))
        y = max(-_CLIP, min(_CLIP, y))
        self._n_q4 += 16 - self._n_q4 // _FORGET
        self._x += x - self._x // _FORGET
        self._y += y - self._y // _FORGET
        self._xx += x * x - self._xx // _FORGET
        self._xy += x * y - self._xy // _FORGET

    def _judge(self, is_healthy):
        n_q4 = self._n_q4
        if n_q4 < _LEAST_Q4:
            return
        mean = self._x * 16 // n_q4
        variance = self._xx - mean * self._x
        covariance = self._xy - mean * self._y
        spread = isqrt(max(0, variance))
        # Half a swing looks like a loss that changes its rate: both ways are needed.
        if spread < _SPREAD_MIN * 4 or mean * mean * 3 > variance * 16 // n_q4:
            self.gas_permille = UNKNOWN
            return
        slope = max(-4000, min(4000, covariance // max(1, variance // 1000)))
        if is_healthy and self._base_permille == UNKNOWN:
            self._base_permille = slope
        own = 0
        doubt = _DOUBT_PERMILLE
        if self._base_permille != UNKNOWN:
            own = self._base_permille
            doubt = _DOUBT_PERMILLE // 2
        self.gas_permille = 1000000 // max(200, 1000 - slope + own)
        self.doubt_permille = doubt + _NOISE * 1000 // spread
