"""Sensing: calibration, converter table, ratiometric values, and each status one tick or one count either side of its limit.

Runs under CPython and, by tests/mp/run.py, under MicroPython.
"""

from array import array

import pytest

from boards import reference
from fakes.flight_rig import ALL, CHANNELS, HIGHS, KINDS, LOWS, NOMINAL, STRAIGHT_ADC, UNKNOWN, V_REF, counts_of, parameters
from tcs import sensing_kernel as sk
from tcs.sensing import Sensing

P_RAD1 = 4  # no rate limit: valves and bursts move it at once
T_SUPPLY = 9
START_TICKS = 10
RECOVER_TICKS = 20


class Bench:
    """Sixteen channels at nominal that change by one count every tick, so that nothing is stuck; .held ones do not."""

    def __init__(self, adc=STRAIGHT_ADC, kinds=KINDS, **params):
        self.sensing = Sensing(kinds, LOWS, HIGHS, adc, parameters(**params))
        self.base = [counts_of(channel, NOMINAL[channel]) for channel in range(CHANNELS)]
        self.counts = array("H", [0] * CHANNELS)
        self.held = 0
        self.tick = 0

    def run(self, ticks=1, fresh=ALL):
        for _ in range(ticks):
            self.tick += 1
            for channel in range(CHANNELS):
                self.counts[channel] = self.base[channel] + (0 if (self.held >> channel) & 1 else self.tick & 1)
            self.sensing.update(self.counts, fresh, self.tick, 1, 7)
        return self

    def status(self, channel):
        return self.sensing.status(channel)

    def value(self, channel):
        return self.sensing.value(channel)


def settled(**params):
    return Bench(**params).run(100)


@pytest.mark.req("REQ-SEN-001")
def test_sensing_calibration_agrees_with_the_float_formula_over_the_whole_span() -> None:
    bench = Bench(stuck_ms=0)
    worst = 0.0
    for raw in range(sk.LOW_COUNTS, sk.HIGH_COUNTS - 40, 40):
        for channel in range(V_REF):
            bench.base[channel] = raw
        bench.held = ALL
        bench.run()
        if bench.tick <= START_TICKS:
            continue
        for channel in range(V_REF):
            span = HIGHS[channel] - LOWS[channel]
            exact = LOWS[channel] + (raw - 6552) * span / 52416
            worst = max(worst, abs(bench.value(channel) - exact) * 52416 / span)
    assert worst < 1.1, worst  # counts


@pytest.mark.req("REQ-SEN-001")
def test_sensing_converter_table_takes_out_the_wide_codes() -> None:
    bench = Bench(adc=reference.ADC, stuck_ms=0).run(50)
    # Code 1536 begins 64 counts late: measured 24560..24576 is ideal 24496..24640.
    for measured, ideal in ((24560, 24496), (24568, 24568), (24576, 24640), (40944, 40880), (32760, 32760), (16368, 16368)):
        bench.base[P_RAD1] = measured
        bench.held = 1 << P_RAD1
        bench.run()
        exact = (ideal - 6552) * 600000 // 52416
        assert abs(bench.value(P_RAD1) - exact) <= 12, (measured, bench.value(P_RAD1), exact)  # one count is 11.4 Pa


@pytest.mark.req("REQ-SEN-001")
@pytest.mark.parametrize("permille", [950, 980, 1020, 1050])
def test_sensing_supply_that_moves_all_channels_leaves_the_values(permille) -> None:
    bench = settled(stuck_ms=0)
    for channel in range(CHANNELS):
        bench.base[channel] = counts_of(channel, NOMINAL[channel]) * permille // 1000
    bench.run(1000)
    assert abs(bench.value(0) - 118000) < 30
    assert abs(bench.value(T_SUPPLY) - 20000) < 30


def test_sensing_failed_supply_reference_keeps_the_last_good_one() -> None:
    bench = settled(stuck_ms=0)
    bench.base[V_REF] = 0
    bench.run(100)
    assert bench.status(V_REF) == sk.OPEN
    assert bench.value(V_REF) == UNKNOWN
    assert abs(bench.value(0) - 118000) < 10


@pytest.mark.req("REQ-SEN-002")
def test_sensing_channel_is_stale_until_it_was_good_for_a_second() -> None:
    bench = Bench().run(START_TICKS - 1)
    assert bench.status(0) == sk.STALE
    assert bench.value(0) == UNKNOWN
    bench.run()
    assert bench.status(0) == sk.OK
    assert abs(bench.value(0) - 118000) < 10


@pytest.mark.req("REQ-SEN-002")
def test_sensing_channel_without_a_sample_is_stale_one_tick_after_the_limit() -> None:
    bench = settled(stale_ms=1000)
    without = ALL - (1 << T_SUPPLY)
    bench.run(10, fresh=without)
    assert bench.status(T_SUPPLY) == sk.OK
    bench.run(1, fresh=without)
    assert bench.status(T_SUPPLY) == sk.STALE
    assert bench.value(T_SUPPLY) == UNKNOWN
    assert bench.status(T_SUPPLY + 1) == sk.OK


@pytest.mark.req("REQ-SEN-002")
@pytest.mark.parametrize(
    ("counts", "status"),
    [(3275, sk.OPEN), (3276, sk.OK), (0, sk.OPEN), (62244, sk.OK), (62245, sk.SHORT), (65535, sk.SHORT)],
)
def test_sensing_out_of_range_is_open_or_short_one_count_beyond_the_limit(counts, status) -> None:
    bench = settled()
    bench.held = 1 << P_RAD1
    bench.base[P_RAD1] = counts
    bench.run()
    assert bench.status(P_RAD1) == status
    assert (bench.value(P_RAD1) == UNKNOWN) == (status != sk.OK)
    assert (bench.sensing.unfit() >> P_RAD1) & 1 == (status != sk.OK)


@pytest.mark.req("REQ-SEN-002")
def test_sensing_channel_that_never_changes_is_stuck_after_the_limit_and_not_a_tick_before() -> None:
    bench = settled(stuck_ms=5000)
    bench.held = 1 << P_RAD1
    bench.run(49)
    assert bench.status(P_RAD1) == sk.OK
    bench.run()
    assert bench.status(P_RAD1) == sk.STUCK
    assert bench.value(P_RAD1) == UNKNOWN


@pytest.mark.req("REQ-SEN-006")
def test_sensing_frozen_channel_is_not_stuck_where_its_noise_may_be_below_a_count() -> None:
    bench = settled(stuck_ms=0)
    bench.held = ALL
    bench.run(20000)
    for channel in range(CHANNELS):
        assert bench.status(channel) == sk.OK, channel


@pytest.mark.req("REQ-SEN-006")
@pytest.mark.parametrize("first_wide", [512, 1536, 2560, 3584])
def test_sensing_code_frozen_in_a_wide_code_of_the_converter_is_not_a_stuck_sensor(first_wide) -> None:
    for code in range(first_wide - 4, first_wide + 4):
        bench = Bench(stuck_ms=5000)
        bench.base[P_RAD1] = code * 16 + 3
        bench.held = 1 << P_RAD1
        bench.run(120)
        is_wide = first_wide - 2 <= code <= first_wide + 1
        expected = sk.OPEN if code * 16 + 3 < sk.LOW_COUNTS else sk.OK if is_wide else sk.STUCK
        assert bench.status(P_RAD1) == expected, code


@pytest.mark.req("REQ-SEN-002", "REQ-SEN-004")
@pytest.mark.parametrize(
    ("channel", "limit_counts"),
    [(0, 5241), (1, 5241), (2, 5241), (3, 19656), (7, 2096), (9, 291), (14, 291), (15, 655)],
)
def test_sensing_rate_is_implausible_one_count_beyond_the_limit(channel, limit_counts) -> None:
    for sign in (1, -1):
        for step, status in ((limit_counts, sk.OK), (limit_counts + 1, sk.IMPLAUSIBLE)):
            bench = settled()
            bench.held = 1 << channel
            bench.run()
            bench.base[channel] += sign * step
            bench.run()
            assert (bench.status(channel) == sk.IMPLAUSIBLE) == (status == sk.IMPLAUSIBLE), (channel, sign * step)


@pytest.mark.req("REQ-SEN-004")
@pytest.mark.parametrize("fall_pa", [5000, 12000, 17000])
def test_sensing_burst_of_12_mm_is_plausible_at_every_tick(fall_pa) -> None:
    bench = settled()
    pressure = 118000
    while pressure > 5000:
        pressure = max(4000, pressure - fall_pa)
        for channel in range(3):
            bench.base[channel] = counts_of(channel, pressure)
        bench.run()
        for channel in range(3):
            assert bench.status(channel) == sk.OK
        assert abs(bench.sensing.p_comp_pa - pressure) < 100


def test_sensing_supply_out_of_tolerance_is_implausible() -> None:
    for counts, status in ((32760 + 3276, sk.OK), (32760 + 3277, sk.IMPLAUSIBLE), (32760 - 3276, sk.OK), (32760 - 3277, sk.IMPLAUSIBLE)):
        bench = Bench(stuck_ms=0)
        bench.base[V_REF] = counts
        bench.held = ALL
        bench.run(100)
        assert bench.status(V_REF) == status, counts


def ticks_to_recover(bench):
    bench.base[P_RAD1] = 0
    bench.run()
    assert bench.status(P_RAD1) == sk.OPEN
    bench.base[P_RAD1] = counts_of(P_RAD1, 127000)
    ticks = 0
    while bench.status(P_RAD1) != sk.OK:
        bench.run()
        ticks += 1
        assert ticks < 1000
    return ticks


@pytest.mark.req("REQ-SEN-002")
def test_sensing_trust_takes_twice_as_long_after_each_failure_up_to_a_limit() -> None:
    bench = settled()
    assert [ticks_to_recover(bench) for _ in range(6)] == [20, 40, 80, 160, 160, 160]


@pytest.mark.req("REQ-SEN-002")
def test_sensing_good_minute_forgives_one_failure() -> None:
    bench = settled()
    assert [ticks_to_recover(bench) for _ in range(2)] == [20, 40]
    bench.run(sk.FORGIVE_TICKS)
    assert ticks_to_recover(bench) == 40


@pytest.mark.req("REQ-SEN-002")
def test_sensing_absent_channel_is_absent_and_not_unfit() -> None:
    kinds = array("i", KINDS)
    kinds[P_RAD1] = sk.KIND_ABSENT
    bench = Bench(kinds=kinds).run(100)
    assert bench.status(P_RAD1) == sk.ABSENT
    assert bench.value(P_RAD1) == UNKNOWN
    assert bench.sensing.unfit() == 0


@pytest.mark.req("REQ-SEN-002")
def test_sensing_change_mask_names_each_status_that_changed_once() -> None:
    bench = settled()
    bench.base[P_RAD1] = 0
    bench.counts[P_RAD1] = 0
    bench.tick += 1
    assert bench.sensing.update(bench.counts, ALL, bench.tick, 1, 7) == 1 << P_RAD1
    bench.tick += 1
    bench.counts[0] += 1
    assert bench.sensing.update(bench.counts, ALL, bench.tick, 1, 7) == 0


@pytest.mark.req("REQ-SEN-005")
def test_sensing_pressure_at_the_bottom_of_the_range_is_a_value_and_not_an_open_sensor() -> None:
    bench = Bench(stuck_ms=0)
    for channel in range(3):
        bench.base[channel] = counts_of(channel, 14)  # isooctane's vapour pressure at -60 C
    bench.run(100)
    assert [bench.status(channel) for channel in range(3)] == [sk.OK] * 3
    assert 0 <= bench.sensing.p_comp_pa < 30
