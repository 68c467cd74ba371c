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
    return [LEVEL_UL - slope_ul * max(0, m - age) + noise_ul * noise.draw() for age in reversed(range(count))]


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
@pytest.mark.parametrize("count", [52, 100, 251])
@pytest.mark.parametrize(("m", "slope_ul"), [(3, 90000.0), (12, 600.0), (25, 6000.0), (30, 100.0)])
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

    def __init__(self, base):
        self.periods = PERIODS
        self.rings = []
        self.newest = array("i", (0, 0, 0))
        self.filled = array("i", (0, 0, 0))
        for level, period in enumerate(PERIODS):
            blocks = len(base) // period
            first = len(base) - blocks * period
            means = [sum(base[first + i * period : first + (i + 1) * period]) // period for i in range(max(0, blocks - lk.RING), blocks)]
            self.rings.append(ring_of(means, len(means) - 1) if means else array("i", (0,) * lk.RING))
            self.newest[level] = max(0, len(means) - 1)
            self.filled[level] = len(means)


class Detector:
    """What the estimate asks of the detector."""

    def __init__(self, base):
        self.base = [int(value) for value in base]
        self.history = History(self.base)
        self.onset_tick = 0

    def noise_ul(self):
        return NOISE_UL

    def reference_ul(self):
        return LEVEL_UL

    def drop_ul(self):
        return LEVEL_UL - self.base[-1]


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


def estimate(base, after=(), unrest_ul=0):
    """The estimate after the alarm at the end of `base` and these further samples."""
    rate = LeakRate(parameters(), DENSITY_KG_M3)
    rate.begin(Detector(base), Sensed(), Inventory(int(base[-1]), unrest_ul), len(base))
    base = list(base)
    for sample in after:
        base.append(sample)
        rate.refine(Detector(base), Inventory(int(sample), unrest_ul), len(base))
    return rate


@pytest.mark.req("REQ-DET-020")
@pytest.mark.parametrize(
    ("rate_ul_s", "at_alarm", "noise_ul"), [(5800, 10, 1270), (830, 50, 1270), (92, 300, 600), (92, 1200, 600), (23, 4000, 600)]
)
def test_rate_and_hole_are_right_from_the_scale_that_shows_them(rate_ul_s, at_alarm, noise_ul) -> None:
    whole = ramp(22000 if at_alarm > 1000 else 9000, at_alarm + 36, rate_ul_s / 10, noise_ul)
    rate = estimate(whole[:-36], whole[-36:])
    assert rate.low_ul_s <= rate_ul_s <= rate.high_ul_s
    assert abs(rate.rate_ul_s / rate_ul_s - 1) < 0.25
    hole_mm = (rate_ul_s / (0.62 * (2 * 127000 / DENSITY_KG_M3) ** 0.5 * 1000) * 4 / 3.14159) ** 0.5
    assert abs(rate.hole_um / 1000 / hole_mm - 1) < 0.13
    assert (rate.high_ul_s - rate.low_ul_s) / 2 < 1.0 * rate_ul_s


@pytest.mark.req("REQ-DET-020")
def test_rate_of_a_drop_within_one_sample_is_wide_and_of_its_order() -> None:
    rate = estimate([LEVEL_UL] * 400 + [LEVEL_UL - 130000])
    assert 650000 <= rate.rate_ul_s <= 2600000  # 130 mL in a tick or part of one
    assert rate.low_ul_s <= 1300000 <= rate.high_ul_s


@pytest.mark.req("REQ-DET-020")
def test_rate_does_not_take_in_what_a_shutting_valve_throttles() -> None:
    whole = ramp(600, 40, 580.0)
    throttled = [whole[-1] - 20.0 * age for age in range(1, 6)]
    rate = estimate(whole[:-30], whole[-30:] + throttled)
    assert abs(rate.rate_ul_s / 5800 - 1) < 0.02
    # It stands when the first segment has shut.
    rate.close()
    before = rate.rate_ul_s
    rate.refine(Detector([*whole, *([whole[-1]] * 30)]), Inventory(int(whole[-1])), 1000)
    assert rate.rate_ul_s == before


@pytest.mark.req("REQ-DET-020")
def test_rate_with_unrest_is_as_wide_as_unrest_over_its_time() -> None:
    whole = ramp(9000, 336, 9.2)
    calm, unrest = estimate(whole[:-36], whole[-36:]), estimate(whole[:-36], whole[-36:], unrest_ul=13000)
    assert calm.rate_ul_s == unrest.rate_ul_s
    wider = (unrest.high_ul_s - unrest.rate_ul_s) - (calm.high_ul_s - calm.rate_ul_s)
    assert abs(wider / (10000 / 33.6) - 1) < 0.15


@pytest.mark.req("REQ-DET-020")
def test_rate_without_history_is_the_drop_over_its_time() -> None:
    rate = estimate([LEVEL_UL] * 10 + [LEVEL_UL - 5000])
    assert rate.rate_ul_s == 5000 * 10 // 11
    assert rate.low_ul_s < rate.rate_ul_s < rate.high_ul_s
    assert rate.lost_ul == 5000
