"""Leak rate with its interval and the hole behind it, from the alarm until the first valve moves; and the loss, which goes on."""

from array import array

from micropython import const

from tcs import inventory_kernel as ik
from tcs import leak_rate_kernel as lk
from tcs.detector_bank import BASE_MS
from tcs.tables import P_HEAD_RAD_PA, P_TICK_MS

_BURST_DROP_PA = const(5000)
_THERMAL_UL_S = const(8)  # what temperature compensation may leave on a slow slope (docs/detector.md)


class LeakRate:
    """.rate_ul_s, .low_ul_s, .high_ul_s (95 %), .hole_um, .lost_ul; zero before an alarm. Allocation-free.

    The rate is the likeliest ramp in the history at the scale of the alarm. While the inventory is known the loss is its drop since the
    onset; while it is not, the orifice law at the last rate carries on.
    """

    def __init__(self, params, density_kg_m3):
        self.rate_ul_s = 0
        self.low_ul_s = 0
        self.high_ul_s = 0
        self.hole_um = 0
        self.lost_ul = 0
        self.pressure_pa = 0
        self._norm = lk.ramp_norm(False)  # chooses the onset
        self._deviation = lk.ramp_norm(True)
        self._fit = array("i", bytes(4 * lk.R_SIZE))
        self._density_kg_m3 = density_kg_m3
        self._head_rad_pa = params[P_HEAD_RAD_PA]
        self._ticks_per_base = BASE_MS // params[P_TICK_MS]
        self._onset_ul = 0
        self._onset_tick = 0
        self._level = 0
        self._is_open = False  # still refining
        self._remainder_ul = 0

    def begin(self, detector, sensing, inventory, tick):
        """The alarm: choose the scale at which the onset is well inside the history, and fit."""
        samples = (tick - detector.onset_tick) // self._ticks_per_base
        history = detector.history
        level = 0
        while level < 2 and samples * 4 // 3 + 4 > lk.RAMP_MAX * history.periods[level]:
            level += 1
        while level > 0 and history.filled[level] < lk.BASELINE + lk.RAMP_MAX:
            level -= 1
        self._level = level
        self._is_open = True
        # Before a valve moves: bypass and pump change what the hole sees.
        self.pressure_pa = self._pressure_at_hole(sensing)
        self._onset_tick = detector.onset_tick
        self._onset_ul = inventory.inventory_ul
        if not self._fit_rate(detector, 1, min(lk.RAMP_MAX, samples * 4 // (3 * history.periods[level]) + 4), tick):
            self._take_mean(detector, samples)
        self.lost_ul = max(0, self._onset_ul - inventory.inventory_ul)

    def close(self):
        """Valves move from here on: the rate stands as it is."""
        self._is_open = False

    def refine(self, detector, inventory, tick):
        """One base sample after the alarm."""
        if inventory.status != ik.S_OK:
            return
        if self._is_open and detector.history.fresh[self._level]:
            samples = (tick - self._onset_tick) // (self._ticks_per_base * detector.history.periods[self._level])
            self._fit_rate(detector, max(1, samples - samples // 4 - 2), min(lk.RAMP_MAX, samples + samples // 4 + 2), tick)
        drop = self._onset_ul - inventory.inventory_ul
        if drop > self.lost_ul:
            self.lost_ul = drop

    def _fit_rate(self, detector, first, last, tick):
        history = detector.history
        level = self._level
        period = history.periods[level]
        if first >= last or history.filled[level] < lk.BASELINE + last:
            return False
        fit = self._fit
        lk.fit_ramp(history.rings[level], history.newest[level], first, last, 0, self._norm, fit)
        m = fit[lk.R_SAMPLES]
        self._onset_tick = tick - m * self._ticks_per_base * period
        self.rate_ul_s = fit[lk.R_SLOPE_Q4] // 8 * 5 // period
        self._onset_ul = fit[lk.R_LEVEL_UL]
        # sigma / sqrt(S), S the ramp's sum of squares; a mean of `period` samples has their noise over its root.
        noise = detector.noise_ul() * 16 // max(1, lk.isqrt(period * 256))
        deviation_q4 = noise * self._deviation[m] // max(1, m * (m + 1) * (2 * m + 1) // 6)
        half = deviation_q4 * 196 // 160 // period
        if level:
            half += _THERMAL_UL_S
        self.low_ul_s = max(0, self.rate_ul_s - half)
        self.high_ul_s = self.rate_ul_s + half
        self.hole_um = lk.hole_um(self.rate_ul_s, self.pressure_pa, self._density_kg_m3)
        return True

    def _take_mean(self, detector, samples):
        # Too little history for a fit (just after boot or a gap): what the calling stage lost over its time.
        drop = detector.drop_ul()
        self._onset_ul = detector.reference_ul()
        self.rate_ul_s = max(0, min(100000000, drop) * 10 // max(1, samples))
        half = detector.noise_ul() * 40 // max(1, samples)
        self.low_ul_s = max(0, self.rate_ul_s - half)
        self.high_ul_s = self.rate_ul_s + half
        self.hole_um = lk.hole_um(self.rate_ul_s, self.pressure_pa, self._density_kg_m3)

    def integrate(self, sensing):
        """One base period of loss by the orifice law: the inventory is unknown and the leak goes on."""
        rate = self.rate_ul_s
        if rate <= 0 or self.pressure_pa <= 0:
            return
        pressure = sensing.p_comp_pa
        if pressure > 0 and pressure < self.pressure_pa:
            # q is as the root of the pressure: permille of the alarm's
            rate = rate // 8 * lk.isqrt(pressure * 64 // (self.pressure_pa // 1000 + 1) * 1000 // 64) // 1000 * 8
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
