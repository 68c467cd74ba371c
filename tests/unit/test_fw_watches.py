"""Pump watch, cabin watch, diagnosis, data path and the orifice law: each at its limit.

Runs under CPython and, by tests/mp/run.py, under MicroPython.
"""

from array import array

import pytest

from fakes.flight_rig import ALL, CHANNELS, HIGHS, KINDS, LOWS, NOMINAL, STRAIGHT_ADC, UNKNOWN, counts_of, parameters
from tcs import leak_rate_kernel as lk
from tcs import sensing_kernel as sk
from tcs import tables
from tcs.cabin_watch import CabinWatch
from tcs.data_path import TRUSTED, DataPath
from tcs.diagnosis import Diagnosis
from tcs.properties import middle
from tcs.pump_watch import PumpWatch
from tcs.sensing import Sensing

PERIOD_MS = 200
SETTLE_PERIODS = 25
CONFIRM_PERIODS = 10
COMP_PA = 118000
HEAD_PA = 30000
V_REF = 32760
SPAN_PA = 250000


def pump_after_settling():
    watch = PumpWatch(parameters(), PERIOD_MS)
    for _ in range(SETTLE_PERIODS + 5):
        assert watch.step(True, COMP_PA + HEAD_PA, COMP_PA, COMP_PA + 9000) is False
    assert watch.fault == -1
    return watch


@pytest.mark.parametrize(
    ("head_pa", "fault"),
    [
        (0, tables.ST_PUMP_FAULT_NO_HEAD),
        (4400, tables.ST_PUMP_FAULT_NO_HEAD),
        (4600, tables.ST_PUMP_FAULT_LOW_HEAD),
        (22400, tables.ST_PUMP_FAULT_LOW_HEAD),
        (22600, -1),
    ],
)
def test_pump_without_its_head_is_a_fault_after_two_seconds(head_pa, fault) -> None:
    watch = pump_after_settling()
    for _ in range(CONFIRM_PERIODS - 1):
        assert watch.step(True, COMP_PA + head_pa, COMP_PA, COMP_PA + head_pa // 10) is False
    assert watch.step(True, COMP_PA + head_pa, COMP_PA, COMP_PA + head_pa // 10) is (fault >= 0)
    assert watch.fault == fault


def test_pump_sensor_that_contradicts_the_radiators_is_a_bad_sensor_and_not_a_bad_pump() -> None:
    watch = pump_after_settling()
    for _ in range(50):
        assert watch.step(True, COMP_PA, COMP_PA, COMP_PA + 9000) is False
    assert watch.fault == -1
    assert watch.sensor_disagrees


def test_pump_that_is_off_or_unseen_is_not_judged() -> None:
    for inputs in ((False, COMP_PA, COMP_PA, COMP_PA), (True, UNKNOWN, COMP_PA, COMP_PA), (True, COMP_PA, UNKNOWN, UNKNOWN)):
        watch = pump_after_settling()
        for _ in range(100):
            assert watch.step(*inputs) is False
        assert watch.fault == -1


def test_cabin_leak_is_called_when_the_fall_exceeds_the_limit_and_its_rate_is_right() -> None:
    watch = CabinWatch(parameters(cabin_drop_pa=500), PERIOD_MS)
    pressure = 101300
    for _ in range(300):
        assert watch.step(pressure, V_REF) is False
    periods = 0
    while not watch.step(pressure, V_REF):
        pressure -= 4  # 20 Pa/s
        periods += 1
        assert periods < 200
    assert 120 <= periods <= 140  # 500 Pa at 20 Pa/s, means of a second
    assert 17 <= watch.rate_pa_s <= 21


def test_cabin_weather_is_no_leak_and_the_alarm_comes_once() -> None:
    watch = CabinWatch(parameters(cabin_drop_pa=500), PERIOD_MS)
    for period in range(20000):
        assert watch.step(101300 - period // 40, V_REF) is False  # 0.125 Pa/s
    calls = 0
    for period in range(1000):
        calls += 1 if watch.step(100800 - 20 * period, V_REF) else 0
    assert calls == 1
    assert watch.step(UNKNOWN, V_REF) is False


@pytest.mark.req("REQ-FDI-004")
@pytest.mark.parametrize("step_ppm", [-20, 20, 200])
def test_cabin_alarm_is_not_raised_by_a_supply_reference_that_drifts_alone(step_ppm) -> None:
    watch = CabinWatch(parameters(cabin_drop_pa=500), PERIOD_MS, SPAN_PA)
    for period in range(1500):
        reading = 1000000 + min(50000, period * abs(step_ppm)) * (1 if step_ppm > 0 else -1)
        p_pa = (101300 + SPAN_PA // 8) * 1000000 // reading - SPAN_PA // 8
        assert watch.step(p_pa, V_REF * reading // 1000000) is False
    assert watch.reference_disagrees == (step_ppm > 0)  # an upward drift reads as a fall


@pytest.mark.req("REQ-FDI-004")
def test_cabin_alarm_is_not_raised_by_a_supply_that_really_moves() -> None:
    for direction in (-1, 1):
        watch = CabinWatch(parameters(cabin_drop_pa=500), PERIOD_MS, SPAN_PA)
        for period in range(1500):
            assert watch.step(101300, V_REF + direction * period // 10) is False
        assert not watch.reference_disagrees


@pytest.mark.req("REQ-FDI-004")
def test_cabin_leak_is_called_although_the_supply_reference_drifts_too() -> None:
    watch = CabinWatch(parameters(cabin_drop_pa=500), PERIOD_MS, SPAN_PA)
    calls = 0
    for period in range(1500):
        reading = 1000000 + period * 2
        p_pa = (101300 - 4 * period + SPAN_PA // 8) * 1000000 // reading - SPAN_PA // 8
        calls += watch.step(p_pa, V_REF * reading // 1000000)
    assert calls == 1


def rough(period, reach_pa):
    """A fluctuation with no sign of its own."""
    return (period * 7919 % 13 - 6) * reach_pa // 6


@pytest.mark.req("REQ-FDI-005")
def test_pump_that_cavitates_is_tripped_within_four_seconds() -> None:
    watch = pump_after_settling()
    tripped = -1
    for period in range(30):
        wave = rough(period, 6000)
        watch.step(True, COMP_PA + 15000 + wave, COMP_PA, COMP_PA + 4000 + wave // 4)
        if watch.trip >= 0 and tripped < 0:
            tripped = period
            assert watch.trip == tables.ST_PUMP_REASON_CAVITATION
            assert watch.fault == tables.ST_PUMP_FAULT_UNSTEADY
    assert 0 <= tripped * PERIOD_MS <= 4000


@pytest.mark.req("REQ-FDI-005")
@pytest.mark.parametrize("channel", ["pump", "compensator", "radiators", "all"])
def test_no_single_channel_trips_the_pump_and_no_burst_does(channel) -> None:
    watch = pump_after_settling()
    for period in range(300):
        wave = rough(period, 20000)
        p_pump, p_comp, p_rad = COMP_PA + HEAD_PA, COMP_PA, COMP_PA + 9000
        if channel in ("pump", "all"):
            p_pump += wave
        if channel in ("compensator", "all"):
            p_comp += wave
        if channel in ("radiators", "all"):
            p_rad += wave
        watch.step(True, p_pump, p_comp, p_rad)
        assert watch.trip < 0


@pytest.mark.req("REQ-FDI-005")
def test_one_step_of_both_pressures_is_no_cavitation() -> None:
    watch = pump_after_settling()
    for period in range(100):
        step = 100000 if period >= 20 else 0
        watch.step(True, COMP_PA + HEAD_PA + step, COMP_PA, COMP_PA + 9000 + step)
        assert watch.trip < 0


@pytest.mark.req("REQ-FDI-005")
@pytest.mark.parametrize(
    ("p_comp", "votes", "suction_mc", "head_pa", "trips"),
    [
        (13000, 3, 20000, HEAD_PA, True),  # vapour 5.1 kPa, pump 8 kPa, noise 0.5 kPa
        (14500, 3, 20000, HEAD_PA, False),
        (14500, 3, 30000, HEAD_PA, True),  # vapour 8.3 kPa
        (5000, 1, 20000, HEAD_PA, False),  # one sensor, and the pump makes its head
        (5000, 1, 20000, 2000, True),
        (5000, 2, UNKNOWN, HEAD_PA, False),
        (UNKNOWN, 3, 20000, HEAD_PA, False),
    ],
)
def test_low_suction_trips_the_pump_when_two_witnesses_see_it(p_comp, votes, suction_mc, head_pa, trips) -> None:
    watch = PumpWatch(parameters(), PERIOD_MS)
    base = COMP_PA if p_comp == UNKNOWN else p_comp
    tripped = -1
    for period in range(100):
        watch.take_suction(suction_mc)
        watch.step(True, base + head_pa, p_comp, base + head_pa * 3 // 10, votes)
        if watch.trip >= 0 and tripped < 0:
            tripped = period
            assert watch.trip == tables.ST_PUMP_REASON_LOW_SUCTION
    assert (tripped >= 0) == trips
    if trips and votes > 1:
        assert CONFIRM_PERIODS - 1 <= tripped <= CONFIRM_PERIODS + 1


@pytest.mark.parametrize(
    ("three", "expected"),
    [((1, 9, 5), 5), ((9, 9, 1), 9), ((UNKNOWN, 9, 5), 5), ((4, UNKNOWN, UNKNOWN), 4), ((UNKNOWN, UNKNOWN, UNKNOWN), UNKNOWN)],
)
def test_middle_of_three_outvotes_one(three, expected) -> None:
    assert middle(*three) == expected


@pytest.mark.parametrize("first", list(range(1, 8)))
def test_diagnosis_the_highest_class_speaks_whatever_the_order_of_the_alarms(first) -> None:
    order = [
        tables.ST_LEAK_CLASS_CABIN_LEAK,
        tables.ST_LEAK_CLASS_COOLANT_LEAK,
        tables.ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS,
        tables.ST_LEAK_CLASS_PUMP_FAULT,
        tables.ST_LEAK_CLASS_VALVE_FAULT,
        tables.ST_LEAK_CLASS_FLOW_LOSS,
        tables.ST_LEAK_CLASS_SENSOR_FAULT,
    ]
    for second in range(1, 8):
        diagnosis = Diagnosis(parameters())
        assert diagnosis.judge() == tables.ST_LEAK_CLASS_NONE
        assert diagnosis.latch(first) is True
        assert diagnosis.latch(first) is False
        diagnosis.latch(second)
        expected = order[min(order.index(first), order.index(second))]
        assert diagnosis.judge() == expected


class Watched:
    """Sensing and data path on sixteen channels."""

    def __init__(self):
        self.sensing = Sensing(KINDS, LOWS, HIGHS, STRAIGHT_ADC, parameters())
        self.path = DataPath(parameters())
        self.counts = array("H", [0] * CHANNELS)
        self.tick = 0
        self.offset = 0
        self.supply_noise = 0
        self.faults = []
        self.run(100)

    def run(self, ticks, frozen=False):
        for _ in range(ticks):
            self.tick += 1
            if not frozen:
                for channel in range(CHANNELS):
                    self.counts[channel] = counts_of(channel, NOMINAL[channel]) + (self.tick & 1) + self.offset
                if self.tick & 1:
                    self.counts[sk.V_REF] += self.supply_noise
            self.sensing.update(self.counts, ALL, self.tick, 1, 7)
            kind = self.path.step(self.sensing, self.tick)
            if kind >= 0:
                self.faults.append(kind)
        return self.path.state == TRUSTED


@pytest.mark.req("REQ-SAF-009")
def test_data_path_is_frozen_when_nothing_changes_for_five_ticks_and_trusted_when_it_does_again() -> None:
    bench = Watched()
    assert bench.run(4, frozen=True)
    assert not bench.run(1, frozen=True)
    assert not bench.run(500, frozen=True)
    assert bench.faults == [tables.ST_DATA_PATH_FROZEN]
    bench.run(1)
    assert bench.run(200)


@pytest.mark.req("REQ-SAF-009")
def test_data_path_that_jumps_is_not_trusted_until_the_jump_undoes_itself_and_a_dwell_has_passed() -> None:
    bench = Watched()
    bench.offset = 128
    assert not bench.run(1)
    assert not bench.run(3000)
    assert bench.faults == [tables.ST_DATA_PATH_JUMP]
    bench.offset = 0
    assert not bench.run(1)
    assert not bench.run(98)
    assert bench.run(30)


@pytest.mark.req("REQ-SAF-009", "REQ-SEN-001")
def test_data_path_that_is_right_again_leaves_no_supply_of_the_wrong_frames() -> None:
    bench = Watched()
    bench.offset = 1024
    bench.run(600)
    # A wrong frame's supply whose noise fails it: when the frames are right again it is not ok, and its channel cannot say so.
    bench.supply_noise = 400
    bench.run(300)
    assert bench.sensing.status(sk.V_REF) == sk.IMPLAUSIBLE
    bench.offset = bench.supply_noise = 0
    bench.run(200)
    assert bench.path.state == TRUSTED
    assert abs(bench.sensing.value(0) - 118000) < 30
    bench.run(1000)
    assert bench.sensing.status(sk.V_REF) == sk.OK
    assert abs(bench.sensing.value(0) - 118000) < 30


@pytest.mark.req("REQ-DET-001")
def test_square_root_is_exact_at_every_edge() -> None:
    for root in (0, 1, 2, 3, 100, 1000, 32766, 32767):
        assert lk.isqrt(root * root) == root
        if root:
            assert lk.isqrt(root * root - 1) == root - 1
            assert lk.isqrt(root * root + 1) == root


@pytest.mark.req("REQ-DET-001")
@pytest.mark.parametrize("hole_mm", [0.1, 0.3, 0.5, 0.8, 1.0, 3.0, 12.0])
def test_hole_diameter_agrees_with_the_orifice_law(hole_mm) -> None:
    for pressure_pa in (20000, 60000, 127000, 400000):
        speed_m_s = (2 * pressure_pa / 694) ** 0.5
        rate_ul_s = 0.62 * 3.14159265 / 4 * hole_mm * hole_mm * speed_m_s * 1000
        found_mm = lk.hole_um(int(rate_ul_s), pressure_pa, 694) / 1000
        assert abs(found_mm / hole_mm - 1) < 0.02 + 0.001 / hole_mm, (pressure_pa, found_mm)
