"""Leak rate with its interval and the hole behind it, from the alarm until the first valve moves; and the loss, which goes on."""

from array import array

from micropython import const

from tcs import detector_kernel as dk
from tcs import inventory_kernel as ik
from tcs import leak_rate_kernel as lk
from tcs.detector import BASE_MS
from tcs.tables import P_HEAD_RAD_PA, P_TICK_MS

_EMPTY_RING_UL = const(0)
_BURST_DROP_PA = const(5000)


class LeakRate:
    """.rate_ul_s, .low_ul_s, .high_ul_s (95 %), .hole_um, .lost_ul; zero before an alarm. Allocation-free.

    While the inventory is known the loss is its drop since the onset; while it is not, the orifice law at the last rate carries on.
    """

    def __init__(self, params, density_kg_m3):
        self.ring = array("i", bytes(4 * lk.RING))
        self.newest = 0
        self.filled = 0
        self.rate_ul_s = 0
        self.low_ul_s = 0
        self.high_ul_s = 0
        self.hole_um = 0
        self.lost_ul = 0
        self.pressure_pa = 0
        self._density_kg_m3 = density_kg_m3
        self._head_rad_pa = params[P_HEAD_RAD_PA]
        self._ticks_per_base = BASE_MS // params[P_TICK_MS]
        self._onset_ul = 0
        self._is_open = False  # still refining
        self._remainder_ul = 0

    def record(self, inventory_ul):
        """Keep one base sample of the inventory."""
        self.newest = (self.newest + 1) & (lk.RING - 1)
        self.ring[self.newest] = inventory_ul
        if self.filled < lk.RING:
            self.filled += 1

    def begin(self, detector):
        """The alarm: take the onset's inventory from the stage that called it."""
        at = dk.D_STAGE + detector.stage * dk.S_STRIDE
        self._onset_ul = detector.state[at + dk.S_REF]
        self._is_open = True
        self.lost_ul = max(0, detector.state[at + dk.S_REF] - detector.state[at + dk.S_MEAN])

    def close(self):
        """Valves move from here on: the rate stands as it is."""
        self._is_open = False

    def refine(self, detector, sensing, inventory, tick):
        """One base sample after the alarm."""
        if inventory.status == ik.S_OK:
            drop = self._onset_ul - inventory.inventory_ul
            if drop > self.lost_ul:
                self.lost_ul = drop
        if not self._is_open:
            return
        n = (tick - detector.onset_tick) // self._ticks_per_base
        if n < 3:
            n = 3
        noise = detector.state[dk.D_NOISE_UL] * 5 // 7
        if n <= self.filled:
            third = n // 3
            drop = lk.thirds(self.ring, self.newest, n)
            self.rate_ul_s = max(0, drop * 10 // (n - third))
            half = noise * 72 // max(1, lk.isqrt(n * n * n))
        else:
            at = dk.D_STAGE + detector.stage * dk.S_STRIDE
            drop = self._onset_ul - inventory.inventory_ul
            self.rate_ul_s = max(0, drop // (n // 10 + 1))
            half = detector.state[at + dk.S_THRESHOLD_UL] // (n // 10 + 1)
        self.low_ul_s = max(0, self.rate_ul_s - half)
        self.high_ul_s = self.rate_ul_s + half
        self.pressure_pa = self._pressure_at_hole(sensing)
        self.hole_um = lk.hole_um(self.rate_ul_s, self.pressure_pa, self._density_kg_m3)

    def integrate(self, sensing):
        """One base period of loss by the orifice law: the inventory is unknown and the leak goes on."""
        rate = self.rate_ul_s
        if rate <= 0 or self.pressure_pa <= 0:
            return
        pressure = sensing.p_comp_pa
        if pressure > 0 and pressure < self.pressure_pa:
            rate = rate * (lk.isqrt(pressure // 100 * 10000) // 10) // max(1, lk.isqrt(self.pressure_pa // 100 * 10000) // 10)
        total = self._remainder_ul + rate
        self.lost_ul = min(0x3FFFFFFF, self.lost_ul + total // 10)
        self._remainder_ul = total % 10

    def _pressure_at_hole(self, sensing):
        # A burst drags its own segment's line down: there the radiator's own sensor is the pressure at the hole.
        expected = sensing.p_comp_pa + self._head_rad_pa
        lowest = expected
        rad = 4
        while rad < 7:
            value = sensing.value(rad)
            if value >= 0 and value < lowest:
                lowest = value
            rad += 1
        return lowest if expected - lowest > _BURST_DROP_PA else expected
