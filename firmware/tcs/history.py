"""History: the inventory at three rates, for fits that look back: 0.1 s, 0.9 s and 8.1 s samples, 256 of each."""

from array import array

from tcs import detector_kernel as dk
from tcs import leak_rate_kernel as lk
from tcs import standing_kernel as ek
from tcs.carry_kernel import record
from tcs.detector_bank import BLOCKS

# Stage whose block means feed each ring.
STAGES = (0, 2, 4)
FIRST = dk.W_PRESSURE  # of the sample vector: what .channels keep
CHANNELS = dk.WIDTH - dk.W_PRESSURE
CHANNEL_RING = ek.RING
_NEW = dk.S_NEW


class History:
    """.rings[level] with .newest[level], .filled[level]; .periods[level] in base samples. Allocation-free after start-up."""

    def __init__(self):
        self.rings = (array("i", bytes(4 * lk.RING)), array("i", bytes(4 * lk.RING)), array("i", bytes(4 * lk.RING)))
        # What one channel could explain: all of them, beside the newer half of the two quicker rings.
        self.channels = (array("i", bytes(4 * CHANNELS * CHANNEL_RING)), array("i", bytes(4 * CHANNELS * CHANNEL_RING)))
        self.newest = array("i", (0, 0, 0))
        self.filled = array("i", (0, 0, 0))
        self.fresh = array("i", (0, 0, 0))
        self.periods = tuple(BLOCKS[stage] for stage in STAGES)
        self._places = tuple(dk.D_STAGE + stage * dk.S_STRIDE for stage in STAGES)

    def restart(self):
        """Forget: the samples from here on do not continue those before."""
        level = 0
        while level < 3:
            self.filled[level] = 0
            level += 1

    def record(self, state):
        """Once a base sample: take what the detector's stages have just completed."""
        newest = self.newest
        filled = self.filled
        fresh = self.fresh
        first, second, third = self._places
        quick, slow, slowest = self.rings
        beside_quick, beside_slow = self.channels
        record(0, first, state, newest, filled, fresh, quick, beside_quick, CHANNELS)
        if state[second + _NEW] or fresh[1]:
            record(1, second, state, newest, filled, fresh, slow, beside_slow, CHANNELS)
            record(2, third, state, newest, filled, fresh, slowest, beside_slow, 0)
