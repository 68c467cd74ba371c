"""Cooling: how fast the shut segments change their temperature, and what volume that takes from them.

All shut segments look at nearly the same sky, so the median of their slopes serves each of them: one that is bad or draining cannot
bend it.
"""

from array import array

from micropython import const

from tcs import coolant_tables as tables
from tcs import inventory_kernel as ik
from tcs.tables import P_COOLANT, P_TICK_MS, P_VOLUME_RAD1_ML
from tcs.words import word

SEGMENTS = const(3)
_SAMPLE_MS = const(500)
_SAMPLES = const(8)  # 4 s
_LIMIT_MK_S = const(300)
_SLOW_SAMPLES = const(32)  # 16 s

# places in .words
_NEWEST = const(0)
_FILLED = const(1)
_RATE_UK_S = const(2)
_SLOW_UK_S = const(3)
_SIZE = const(4)


class Cooling:
    """.rate_uk_s: median rise (K/s e-6; negative when cooling) of the segments' lag-corrected temperatures; .slow_uk_s: the same, smoothed.
    step() is to be called every .sample_ticks. Allocation-free.
    """

    rate_uk_s = word(_RATE_UK_S)
    slow_uk_s = word(_SLOW_UK_S)

    def __init__(self, params):
        self._params = params
        self._coolant = params[P_COOLANT]
        self.sample_ticks = max(1, _SAMPLE_MS // params[P_TICK_MS])
        self._ring = array("i", bytes(4 * _SAMPLES * SEGMENTS))
        self.words = array("i", bytes(4 * _SIZE))
        self._slopes = array("i", bytes(4 * SEGMENTS))

    def step(self, inventory):
        """One sample."""
        w = self.words
        newest = (w[_NEWEST] + 1) % _SAMPLES
        w[_NEWEST] = newest
        oldest = (newest + 1) % _SAMPLES
        segment = 0
        while segment < SEGMENTS:
            now = inventory.state[ik.I_BEST_MC + ik.T_RAD1 + segment]
            rise_mk = now - self._ring[SEGMENTS * oldest + segment]
            rise_mk = max(-_LIMIT_MK_S * 4, min(_LIMIT_MK_S * 4, rise_mk))
            # 2000 in half seconds stands for 1e6 in ms: a million times the limit leaves 30 bits.
            self._slopes[segment] = rise_mk * 2000 // ((_SAMPLES - 1) * _SAMPLE_MS // 500)
            self._ring[SEGMENTS * newest + segment] = now
            segment += 1
        if w[_FILLED] < _SAMPLES:
            w[_FILLED] += 1
            return
        a = self._slopes[0]
        b = self._slopes[1]
        c = self._slopes[2]
        rate = max(min(a, b), min(max(a, b), c))
        w[_RATE_UK_S] = rate
        if inventory.state[ik.I_JUMP_TICKS] == 0:
            w[_SLOW_UK_S] += (rate - w[_SLOW_UK_S]) // _SLOW_SAMPLES

    def expansion_ul_k(self, segment, temp_mc):
        """Volume of a full segment's liquid a kelvin."""
        ppm = tables.EXPANSION_PPM[self._coolant]
        i = (temp_mc - tables.FIRST_MDEGC[self._coolant]) // tables.STEP_MDEGC
        i = max(0, min(len(ppm) - 2, i))
        return self._params[P_VOLUME_RAD1_ML + segment] * (ppm[i] - ppm[i + 1]) // (tables.STEP_MDEGC)

    def take_ul_s(self, segment, temp_mc, is_slow):
        """What cooling empties of a full segment a second; negative when it warms.

        is_slow: segments are compared over a minute. There the noise of the quick slope is worse than what the smoothed one lags by, and
        that is common to all of them.
        """
        rate_uk_s = self.slow_uk_s if is_slow else self.rate_uk_s
        return -rate_uk_s // 1000 * self.expansion_ul_k(segment, temp_mc) // 1000
