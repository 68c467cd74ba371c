"""Leak rate: the onset's fit against least squares in floats, the choice of a scale, and what stands when there is little to go by.

Runs under CPython and, by tests/mp/run.py, under MicroPython.
"""

from array import array

import pytest

from fakes.flight_rig import parameters
from tcs import inventory_kernel as ik
from tcs import leak_rate_kernel as lk
from tcs.leak_rate import LeakRate

LEVEL_UL = 49000000
PERIODS = (1, 9, 81)
NOISE_UL = 1270
DENSITY_KG_M3 = 694


class Noise:
    """Sums of uniform numbers, so that every interpreter draws the same; mean 0, deviation 1."""

    def __init__(self, seed):
        self.state = seed * 2654435761 % 0x7FFFFFFF or 1

    def draw(self):
        total = 0.0
        for _ in range(12):
            self.state = self.state * 48271 % 0x7FFFFFFF
            total += self.state / 0x7FFFFFFF
        return total - 6.0


def ring_of(values, newest=100):
    """A ring whose last sample stands at `newest`."""
    ring = array("i", (0,) * lk.RING)
    for age, value in enumerate(reversed(values)):
        ring[(newest - age) % lk.RING] = int(value)
    return ring


def ramp(count, m, slope_ul, noise_ul=0.0, seed=1):
    noise = Noise(seed)
    values = array("i", (LEVEL_UL,) * count)
    for i in range(count):
        values[i] = int(LEVEL_UL - slope_ul * max(0, m - (count - 1 - i)) + (noise_ul * noise.draw() if noise_ul else 0.0))
    return values


def least_squares(values, last):
    """(m, slope, level) of the likeliest "level, then ramp", in floats."""
    best = (-1.0, 0, 0.0, 0.0)
    n = len(values)
    mean = sum(values) / n
    for m in range(1, last + 1):
        shape = [max(0, m - age) for age in reversed(range(n))]
        middle = sum(shape) / n
        square = sum((x - middle) ** 2 for x in shape)
        moment = -sum((x - middle) * (y - mean) for x, y in zip(shape, values))  # noqa: B905 (MicroPython's zip has no strict)
        if moment > 0 and moment * moment / square > best[0]:
            best = (moment * moment / square, m, moment / square, mean + moment / square * middle)
    return best[1:]


@pytest.mark.req("REQ-DET-020")
@pytest.mark.parametrize(
    ("count", "m", "slope_ul"),
    [(52, 3, 90000.0), (100, 3, 90000.0), (251, 3, 90000.0), (52, 12, 600.0), (251, 12, 600.0), (100, 25, 6000.0), (251, 30, 100.0)],
)
def test_fit_without_noise_finds_onset_slope_and_level(count, m, slope_ul) -> None:
    out = array("i", (0,) * 4)
    lk.fit_onset(ring_of(ramp(count, m, slope_ul)), 100, count, 1, 32, out)
    assert abs(out[lk.R_SAMPLES] - m) <= 1
    assert abs(out[lk.R_SLOPE_Q4] / 16 / slope_ul - 1) < 0.02 if out[lk.R_SAMPLES] == m else m > 20
    assert abs(out[lk.R_LEVEL_UL] - LEVEL_UL) < 0.05 * m * slope_ul + 10


@pytest.mark.req("REQ-DET-020")
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6])
def test_fit_in_noise_is_least_squares(seed) -> None:
    values = ramp(180, 60, 400.0, NOISE_UL, seed)
    out = array("i", (0,) * 4)
    newest = (250 + seed) % lk.RING  # over the ring's end
    lk.fit_onset(ring_of(values, newest), newest, 180, 1, 110, out)
    m, slope_ul, level_ul = least_squares([int(value) for value in values], 110)
    assert abs(out[lk.R_SAMPLES] - m) <= 1
    assert abs(out[lk.R_SLOPE_Q4] / 16 / slope_ul - 1) < 0.03
    assert abs(out[lk.R_LEVEL_UL] - level_ul) < 200


@pytest.mark.req("REQ-DET-020")
@pytest.mark.parametrize("sample_ul", [-100000000, 100000000, -1, 0])
def test_fit_of_what_is_no_ramp_says_none(sample_ul) -> None:
    out = array("i", (7,) * 4)
    values = [LEVEL_UL] * 99 + [LEVEL_UL + abs(sample_ul)] if sample_ul else [LEVEL_UL] * 100
    signal = lk.fit_onset(ring_of(values), 100, 100, 1, 60, out)
    assert signal == 0
    assert out[lk.R_SLOPE_Q4] == 0


class History:
    """The three rings, as tcs.history fills them from base samples."""

    def __init__(self):
        self.periods = PERIODS
        self.rings = [array("i", (0,) * lk.RING) for _ in PERIODS]
        self.newest = array("i", (0, 0, 0))
        self.filled = array("i", (0, 0, 0))
        self._sums = [0, 0, 0]
        self._counts = [0, 0, 0]

    def push(self, sample):
        for level in range(3):
            self._sums[level] += sample - LEVEL_UL
            self._counts[level] += 1
            if self._counts[level] == PERIODS[level]:
                self.newest[level] = (self.newest[level] + 1) % lk.RING
                self.rings[level][self.newest[level]] = LEVEL_UL + self._sums[level] // PERIODS[level]
                self.filled[level] = min(lk.RING, self.filled[level] + 1)
                self._sums[level] = self._counts[level] = 0


class Detector:
    """What the estimate asks of the detector."""

    def __init__(self, samples):
        self.history = History()
        self.onset_tick = 0
        for sample in samples:
            self.push(sample)

    def push(self, sample):
        self.history.push(sample)
        self.last = sample

    def noise_ul(self):
        return NOISE_UL

    def reference_ul(self):
        return LEVEL_UL

    def drop_ul(self):
        return LEVEL_UL - self.last


class Sensed:
    p_comp_pa = 118000

    def value(self, _channel):
        return 127000


class Inventory:
    status = ik.S_OK

    def __init__(self, inventory_ul, unrest_ul=0):
        self.inventory_ul = inventory_ul
        self._unrest_ul = unrest_ul

    def unrest_ul(self):
        return self._unrest_ul


class Estimate(LeakRate):
    """After the alarm at sample `alarm` and all samples that follow."""

    def __init__(self, samples, alarm, unrest_ul=0):
        super().__init__(parameters(), DENSITY_KG_M3)
        self.detector = Detector(samples[i] for i in range(alarm))
        self.inventory = Inventory(samples[alarm - 1], unrest_ul)
        self.tick = alarm
        self.begin(self.detector, Sensed(), self.inventory, alarm)
        for i in range(alarm, len(samples)):
            self.next(samples[i])

    def next(self, sample):
        self.detector.push(sample)
        self.inventory.inventory_ul = sample
        self.tick += 1
        self.refine(self.detector, self.inventory, self.tick)


@pytest.mark.req("REQ-DET-020")
@pytest.mark.parametrize(
    ("count", "rate_ul_s", "at_alarm", "noise_ul"),
    [(3000, 5800, 10, 1270), (3000, 830, 50, 1270), (9000, 92, 300, 600), (20000, 92, 1200, 600), (20000, 23, 4000, 600)],
)
def test_rate_and_hole_are_right_from_the_scale_that_shows_them(count, rate_ul_s, at_alarm, noise_ul) -> None:
    rate = Estimate(ramp(count, at_alarm + 36, rate_ul_s / 10, noise_ul), count - 36)
    assert rate.low_ul_s <= rate_ul_s <= rate.high_ul_s
    assert abs(rate.rate_ul_s / rate_ul_s - 1) < 0.25
    hole_mm = (rate_ul_s / (0.62 * (2 * 127000 / DENSITY_KG_M3) ** 0.5 * 1000) * 4 / 3.14159) ** 0.5
    assert abs(rate.hole_um / 1000 / hole_mm - 1) < 0.13
    assert (rate.high_ul_s - rate.low_ul_s) / 2 < 1.0 * rate_ul_s


@pytest.mark.req("REQ-DET-020")
@pytest.mark.parametrize("part", [1.0, 0.7, 0.5])
def test_rate_of_a_drop_within_one_sample_is_at_least_the_drop_and_may_be_more(part) -> None:
    rate = Estimate([LEVEL_UL] * 400 + [LEVEL_UL - int(part * 130000)], 401)
    assert abs(rate.rate_ul_s / (part * 1300000) - 1) < 0.01
    assert 0.95 * part * 1300000 < rate.low_ul_s < rate.rate_ul_s
    assert rate.high_ul_s >= 1300000


@pytest.mark.req("REQ-DET-020")
def test_rate_does_not_take_in_what_a_shutting_valve_throttles() -> None:
    whole = ramp(600, 40, 580.0)
    rate = Estimate(whole, 570)
    for age in range(1, 6):
        rate.next(whole[-1] - 20 * age)
    assert abs(rate.rate_ul_s / 5800 - 1) < 0.02
    # It stands when the first segment has shut.
    rate.close()
    before = rate.rate_ul_s
    for _ in range(30):
        rate.next(whole[-1])
    assert rate.rate_ul_s == before


@pytest.mark.req("REQ-DET-020")
def test_rate_with_unrest_is_as_wide_as_unrest_over_its_time() -> None:
    whole = ramp(9000, 336, 9.2)
    calm, unrest = Estimate(whole, 8964), Estimate(whole, 8964, 13000)
    assert calm.rate_ul_s == unrest.rate_ul_s
    wider = (unrest.high_ul_s - unrest.rate_ul_s) - (calm.high_ul_s - calm.rate_ul_s)
    assert abs(wider / (10000 / 33.6) - 1) < 0.15


@pytest.mark.req("REQ-DET-020")
def test_rate_without_history_is_the_drop_over_its_time() -> None:
    rate = Estimate([LEVEL_UL] * 10 + [LEVEL_UL - 5000], 11)
    assert rate.rate_ul_s == 5000 * 10 // 11
    assert rate.low_ul_s < rate.rate_ul_s < rate.high_ul_s
    assert rate.lost_ul == 5000


@pytest.mark.req("REQ-DET-001")
@pytest.mark.parametrize(("m", "slope_ul"), [(10, 2000.0), (20, 300.0), (50, 90.0)])
def test_ramp_stands_on_the_level_right_before_it(m, slope_ul) -> None:
    """What the inventory was a minute before that is none of a ramp's business: it had been its level, and a drift a ramp."""
    found = []
    for earlier_ul in (0, 4000, -4000, 200000):
        values = ramp(256, m, slope_ul)
        for i in range(256 - m - 64):
            values[i] += earlier_ul
        out = array("i", (0,) * lk.R_SIZE)
        signal = lk.fit_ramp(ring_of(values), 100, 2, m, 0, lk.ramp_norm(True), out)
        found.append((signal, out[lk.R_SAMPLES], out[lk.R_SLOPE_Q4], out[lk.R_LEVEL_UL]))
    assert all(one == found[0] for one in found[:3])
    assert abs(found[3][0] / found[0][0] - 1) < 0.01  # a sample of 200 mL costs a bit of resolution
    signal, samples, slope_q4, level_ul = found[0]
    assert m - m // 8 - 1 <= samples <= m
    assert abs(slope_q4 / 16 / slope_ul - 1) < 0.25
    assert abs(level_ul - LEVEL_UL) < slope_ul + 2
    squares = m * (m + 1) * (2 * m + 1) / 6
    expected = slope_ul * squares / (squares + (m * (m + 1) / 2) ** 2 / 64) ** 0.5
    assert 0.97 < signal / expected < 1.1
