"""Pump watch, cabin watch, diagnosis, data path and the orifice law: each at its limit.

Runs under CPython and, by tests/mp/run.py, under MicroPython.
"""

from array import array

import pytest

from fakes.flight_rig import ALL, CHANNELS, HIGHS, KINDS, LOWS, NOMINAL, STRAIGHT_ADC, UNKNOWN, counts_of, parameters
from tcs import leak_rate_kernel as lk
from tcs import tables
from tcs.cabin_watch import CabinWatch
from tcs.data_path import TRUSTED, DataPath
from tcs.diagnosis import Diagnosis
from tcs.pump_watch import PumpWatch
from tcs.sensing import Sensing

PERIOD_MS = 200
SETTLE_PERIODS = 25
CONFIRM_PERIODS = 10
COMP_PA = 118000
HEAD_PA = 30000


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
        assert watch.step(pressure) is False
    periods = 0
    while not watch.step(pressure):
        pressure -= 4  # 20 Pa/s
        periods += 1
        assert periods < 200
    assert 120 <= periods <= 140  # 500 Pa at 20 Pa/s, means of a second
    assert 17 <= watch.rate_pa_s <= 21


def test_cabin_weather_is_no_leak_and_the_alarm_comes_once() -> None:
    watch = CabinWatch(parameters(cabin_drop_pa=500), PERIOD_MS)
    for period in range(20000):
        assert watch.step(101300 - period // 40) is False  # 0.125 Pa/s
    calls = 0
    for period in range(1000):
        calls += 1 if watch.step(100800 - 20 * period) else 0
    assert calls == 1
    assert watch.step(UNKNOWN) is False


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
        self.faults = []
        self.run(100)

    def run(self, ticks, frozen=False):
        for _ in range(ticks):
            self.tick += 1
            if not frozen:
                for channel in range(CHANNELS):
                    self.counts[channel] = counts_of(channel, NOMINAL[channel]) + (self.tick & 1) + self.offset
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
