"""Leak rate with its interval and the hole behind it, from the alarm until the first valve has shut; and the loss, which goes on."""

from array import array

from micropython import const

from tcs import inventory_kernel as ik
from tcs import leak_rate_kernel as lk
from tcs.detector_bank import BASE_MS
from tcs.tables import P_HEAD_RAD_PA, P_TICK_MS

_BURST_DROP_PA = const(5000)
# docs/detector.md says where these come from.
_LEVELS = const(3)
_START = const(48)  # samples of a ramp that the first fit of a scale looks for
_BEFORE = const(20)  # of a level before the ramp, at least; much longer, and at the slow scale it is not level
_LATE = const(5)  # samples after which a shutting valve shows: those are left out
_CAPPED = const(180)  # a ramp as long as this goes on beyond its scale
_SLOW_LEAST = const(8)
_REACH = const(6400)  # square of 80 base samples: over 8 s half of what is slow shows
_SLOW_UL = const(1500)  # slow noise that temperatures and supply add, as if it were white in base samples
_THERMAL_Q4 = const(32)  # 2 uL/s: the slope that temperature compensation leaves
_CALM_UL = const(3000)  # unrest of a steady orbit, wide codes included
_HALF_PERCENT = const(206)  # 1.96 standard deviations, and 5 % for the choice between scales
_SLOPE_MAX_Q4 = const(50000000)
_DEVIATION_MAX_Q4 = const(2500000)
_RATIO_MAX_Q4 = const(0x1000000)


class LeakRate:
    """.rate_ul_s, .low_ul_s, .high_ul_s (95 %), .hole_um, .lost_ul; zero before an alarm. .is_open: still refining. Allocation-free.

    At each of the history's scales the likeliest ramp is sought, level and onset free; the scale that knows its slope best stands. The
    fits go on after the alarm until a valve has shut: noise from then on had no part in raising it. While the inventory is known the loss
    is its drop since the onset; while it is not, the orifice law at the last rate carries on.
    """

    def __init__(self, params, density_kg_m3):
        self.rate_ul_s = 0
        self.low_ul_s = 0
        self.high_ul_s = 0
        self.hole_um = 0
        self.lost_ul = 0
        self.pressure_pa = 0
        self._fit = array("i", bytes(4 * lk.R_SIZE))
        self._density_kg_m3 = density_kg_m3
        self._head_rad_pa = params[P_HEAD_RAD_PA]
        self._ticks_per_base = BASE_MS // params[P_TICK_MS]
        # By scale: samples of its ramp, rate and its standard deviation (uL/s, four fractional bits), level before it
        self._samples = array("i", (_START,) * _LEVELS)
        self._rate_q4 = array("i", (0,) * _LEVELS)
        self._deviation_q4 = array("i", (0,) * _LEVELS)
        self._level_ul = array("i", (0,) * _LEVELS)
        self._onset_ul = 0
        self._late = 0  # samples since the alarm that a shutting valve may have touched, at most _LATE
        self.is_open = False
        self._unrest_ul = -1  # held, or -1: the inventory's own
        self._remainder_ul = 0

    def begin(self, detector, sensing, inventory, tick):
        """The alarm: a first fit at every scale."""
        # Before a valve moves: bypass and pump change what the hole sees.
        self.pressure_pa = self._pressure_at_hole(sensing)
        self._onset_ul = inventory.inventory_ul
        self.is_open = True
        self._unrest_ul = -1
        self._late = 0
        level = 0
        while level < _LEVELS:
            self._samples[level] = _START
            self._rate_q4[level] = 0
            self._look(level, detector, 0)
            level += 1
        if not self._choose(detector, inventory):
            self._take_mean(detector, (tick - detector.onset_tick) // self._ticks_per_base)
        self.lost_ul = max(0, self._onset_ul - inventory.inventory_ul)

    def hold(self, unrest_ul):
        """Something is done to the loop that temperatures will show later than this estimate ends: its unrest stands as it is."""
        if self._unrest_ul < 0:
            self._unrest_ul = unrest_ul

    def close(self):
        """A valve has shut, or the pump is off: the rate stands as it is."""
        self.is_open = False

    def refine(self, detector, inventory, tick):
        """One base sample after the alarm: one fit, every other time of the quickest scale."""
        if inventory.status != ik.S_OK:
            return
        if self.is_open:
            if self._late < _LATE:
                self._late += 1
            beat = tick // self._ticks_per_base
            level = (beat >> 1 & 1) + 1 if beat & 1 else 0
            if self._samples[level] < _CAPPED:
                # A ramp that has outgrown its scale has lost the level before it: what was last made of it stands.
                self._look(level, detector, self._late)
                self._choose(detector, inventory)
        drop = self._onset_ul - inventory.inventory_ul
        if drop > self.lost_ul:
            self.lost_ul = drop

    def _look(self, level, detector, late):
        """Fit one scale around where its ramp was found last."""
        history = detector.history
        m = self._samples[level]
        if level:
            late = 0  # a block is as long, and what a shutting valve takes of it is nothing beside the ramp
        last = min(lk.ONSET_MAX, m + m // 2 + 8)
        count = min(history.filled[level] - late, lk.RING - _LATE, last + max(_BEFORE, m // 2))
        last = min(last, count - _BEFORE)
        if last < 2:
            return
        fit = self._fit
        newest = (history.newest[level] - late) & (lk.RING - 1)
        lk.fit_onset(history.rings[level], newest, count, 1, last, fit)
        m = fit[lk.R_SAMPLES]
        if level and m >= last and last == history.filled[level] - _BEFORE:
            # Longer than what is known of this scale: where it began is not.
            self._rate_q4[level] = 0
            return
        rate_q4 = min(_SLOPE_MAX_Q4, fit[lk.R_SLOPE_Q4]) * 10 // history.periods[level]
        self._samples[level] = m
        self._rate_q4[level] = rate_q4
        self._level_ul[level] = fit[lk.R_LEVEL_UL]
        self._deviation_q4[level] = self._deviation(m, rate_q4, detector.noise_ul(), history.periods[level])

    def _deviation(self, m, rate_q4, noise_ul, period):
        """Standard deviation of a slope over m samples before which the level is free, uL/s with four fractional bits."""
        reach = m * period
        slow_q8 = 256 - 256 * _REACH // (reach * reach + _REACH)
        # The noise of a base sample in units of 8 uL: quick changes pass the gas's lead by five sevenths, slow ones whole.
        noise = noise_ul >> 3
        noise = noise * noise // 256 * (256 + slow_q8 * 246 // 256) + (_SLOW_UL >> 3) * (_SLOW_UL >> 3) * slow_q8 // 256
        # A line's slope has sigma sqrt(12 / (m^3 - m)); a mean of `period` samples has sigma over the root of the period.
        root = lk.isqrt(max(12, m * m * m - m) * 64 // 3)
        deviation = min(_DEVIATION_MAX_Q4, lk.isqrt(noise) * 20480 // root // (period * lk.isqrt(period)))
        if deviation < 20000:
            deviation = lk.isqrt(deviation * deviation + _THERMAL_Q4 * _THERMAL_Q4)
        # Where the slope is not well known neither is the onset, and the one moves the other.
        share = min(128, deviation * 256 // rate_q4) if rate_q4 > 0 else 128
        return deviation * lk.isqrt((256 + 5 * share * share // 256) * 256) // 256

    def _choose(self, detector, inventory):
        """Publish the scale that knows its slope best; the slowest only where the one before it is too short. False when none does."""
        level = 0
        rates = self._rate_q4
        quick = min(_RATIO_MAX_Q4, rates[0]) * 32 // max(1, self._deviation_q4[0])
        slow = min(_RATIO_MAX_Q4, rates[1]) * 32 // max(1, self._deviation_q4[1])
        if slow * 10 > quick * 11:
            level = 1
        if max(quick, slow) == 0 or (level == 1 and self._samples[1] >= _CAPPED and self._samples[2] >= _SLOW_LEAST and rates[2] > 0):
            level = 2
        rate_q4 = rates[level]
        if rate_q4 <= 0:
            return False
        half_q4 = self._deviation_q4[level] * _HALF_PERCENT // 100
        unrest = (inventory.unrest_ul() if self._unrest_ul < 0 else self._unrest_ul) - _CALM_UL
        if unrest > 0:
            half_q4 += unrest * 160 // (self._samples[level] * detector.history.periods[level])
        high_q4 = rate_q4 + half_q4
        if level == 0 and self._samples[0] < 4:
            high_q4 += rate_q4 // self._samples[0]  # it may have begun late in its first sample: then it is larger, never smaller
        self._onset_ul = self._level_ul[level]
        self._publish((rate_q4 + 8) >> 4, max(0, rate_q4 - half_q4) >> 4, (high_q4 + 15) >> 4)
        return True

    def _take_mean(self, detector, samples):
        # Too little history for a fit (just after boot or a gap): what the calling stage lost over its time.
        self._onset_ul = detector.reference_ul()
        rate = max(0, min(100000000, detector.drop_ul()) * 10 // max(1, samples))
        half = detector.noise_ul() * 40 // max(1, samples)
        self._publish(rate, max(0, rate - half), rate + half)

    def _publish(self, rate, low, high):
        self.rate_ul_s = rate
        self.low_ul_s = low
        self.high_ul_s = high
        self.hole_um = lk.hole_um(rate, self.pressure_pa, self._density_kg_m3)

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
