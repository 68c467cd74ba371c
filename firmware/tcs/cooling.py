"""Cooling: how fast the shut segments change their temperature, and what volume that takes from them.

All shut segments look at nearly the same sky, so the median of their slopes serves each of them: one that is bad or draining cannot
bend it.
"""

from array import array

from micropython import const

from tcs import coolant_tables as tables
from tcs import cooling_kernel as ck
from tcs.cooling_kernel import expansion, slopes, takes
from tcs.tables import P_COOLANT, P_TICK_MS, P_VOLUME_RAD1_ML
from tcs.words import word

SEGMENTS = ck.SEGMENTS
_SAMPLE_MS = const(500)  # eight of them are 4 s, 32 are 16 s


class Cooling:
    """.rate_uk_s: median rise (K/s e-6; negative when cooling) of the segments' lag-corrected temperatures; .slow_uk_s: the same, smoothed.
    step() is to be called every .sample_ticks. Allocation-free.
    """

    rate_uk_s = word(ck.RATE_UK_S)
    slow_uk_s = word(ck.SLOW_UK_S)

    def __init__(self, params):
        coolant = params[P_COOLANT]
        ppm = tables.EXPANSION_PPM[coolant]
        volumes = [params[P_VOLUME_RAD1_ML + segment] for segment in range(SEGMENTS)]
        self._cfg = array("i", volumes + [tables.FIRST_MDEGC[coolant], tables.STEP_MDEGC, len(ppm) - 2] + list(ppm))
        self.sample_ticks = max(1, _SAMPLE_MS // params[P_TICK_MS])
        self._ring = array("i", bytes(4 * ck.SAMPLES * SEGMENTS))
        self.words = array("i", bytes(4 * ck.SIZE))

    def step(self, inventory):
        """One sample."""
        slopes(inventory.state, self._ring, self.words)

    def expansion_ul_k(self, segment, temp_mc):
        """Volume of a full segment's liquid a kelvin."""
        return expansion(segment, temp_mc, self._cfg)

    def take(self, inputs, odd, is_slow):
        """What cooling empties of each full segment, negative when it warms, and its expansion: into the localisation's inputs.

        odd: mask of radiators whose pressure is left out. is_slow: segments are compared over a minute. There the noise of the quick
        slope is worse than what the smoothed one lags by, and that is common to all of them.
        """
        takes(inputs, odd, self.words[ck.SLOW_UK_S if is_slow else ck.RATE_UK_S], self._cfg)
