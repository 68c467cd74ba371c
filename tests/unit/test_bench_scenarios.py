"""Built-in scenarios on the compiled flight kernels: seeds that have called a leak that was none, or one too late."""

import tomllib
from pathlib import Path

import pytest

import isoloop
from isoloop.bench.flight import Flight
from isoloop.plant import PlantConfig, PlantEvent

ONSET_S = 60.0


def _flight(name, seed):
    """The flight of a built-in scenario, and how long it lasts."""
    scenario = tomllib.loads((Path(isoloop.__file__).parent / "scenarios" / f"{name}.toml").read_text())
    plant = {key: value for key, value in scenario["plant"].items() if key != "preset"}
    fields = [{**event} for event in scenario["event"]]
    events = [PlantEvent(event.pop("at_s"), event.pop("kind"), event) for event in fields]
    return Flight(PlantConfig.from_preset(scenario["plant"]["preset"], **plant), seed, events), scenario["duration_s"]


def _alarms_s(name, seed):
    flight, duration_s = _flight(name, seed)
    flight.fly(duration_s, lambda: name == "cold-leak")
    return [alarm[0] for alarm in flight.alarms]


@pytest.mark.req("REQ-SAF-001", "REQ-DET-001")
@pytest.mark.parametrize("seed", [2, 8, 10, 12, 15, 19])
def test_an_abrupt_attitude_change_is_no_leak(seed) -> None:
    assert not _alarms_s("attitude-change", seed)


@pytest.mark.long
@pytest.mark.req("REQ-SAF-001")
@pytest.mark.parametrize("name", ["attitude-change", "heat-step", "pump-trip"])
def test_no_transient_is_a_leak_in_a_hundred_seeds(name) -> None:
    assert not [seed for seed in range(1, 101) if _alarms_s(name, seed)]


@pytest.mark.req("REQ-DET-001")
@pytest.mark.parametrize("seed", [14, 18, 22, 25, 36])
def test_a_leak_in_the_cold_a_minute_after_boot_is_called_in_six_seconds(seed) -> None:
    first_s = _alarms_s("cold-leak", seed)[0]
    assert ONSET_S < first_s <= ONSET_S + 6.0


@pytest.mark.req("REQ-DET-001", "REQ-SAF-002")
@pytest.mark.parametrize(("temp_c", "hole_mm", "seed"), [(-30.0, 0.323, 5091), (-20.0, 0.304, 5045), (30.0, 0.325, 5180)])
def test_a_leak_with_the_pump_off_is_no_temperature_sensor_s_fault(temp_c, hole_mm, seed) -> None:
    stop = PlantEvent(30.0, "pump", {"mode": "off"})
    leak = PlantEvent(60.0, "leak", {"segment": "rad2", "hole_mm": hole_mm, "ramp_s": 0.0})
    flight = Flight(PlantConfig.from_preset("soyuz", coolant_temp_c=temp_c), seed, [stop, leak])
    assert flight.fly(200.0, lambda: True)
    assert ONSET_S < flight.alarms[0][0] <= ONSET_S + 60.0


@pytest.mark.req("REQ-SAF-001", "REQ-DET-001")
@pytest.mark.parametrize("common_noise_kpa", [0.0, 0.05])
def test_noise_is_no_leak_in_the_cold_nor_in_the_warm(common_noise_kpa) -> None:
    """Two hours at each temperature, from three minutes after boot on: until then the noise is not known."""
    for seed, temp_c in enumerate((20.0, -20.0, 30.0, 0.0), start=8000):
        flight = Flight(PlantConfig.from_preset("soyuz", coolant_temp_c=temp_c, common_noise_kpa=common_noise_kpa), seed, [])
        flight.fly(7200.0, lambda: False)
        assert not [alarm for alarm in flight.alarms if alarm[0] > 180.0], temp_c


@pytest.mark.req("REQ-SAF-001", "REQ-INV-005")
@pytest.mark.parametrize("is_stopped_first", [False, True])
@pytest.mark.parametrize("head_share", [0.2, 0.34, 0.5])
def test_a_weak_pump_is_no_leak(head_share, is_stopped_first) -> None:
    """At a third of the head the flow was once taken for begun and stopped hundreds of times, and a leak called."""
    events = [PlantEvent(400.0, "pump", {"mode": "degrade", "value": head_share})]
    if is_stopped_first:
        events.insert(0, PlantEvent(200.0, "pump", {"mode": "off"}))
    flight = Flight(PlantConfig.from_preset("soyuz"), 1, events)
    flight.fly(1500.0)
    assert not flight.alarms


@pytest.mark.req("REQ-DET-001")
@pytest.mark.parametrize("head_share", [0.2, 0.34])
def test_a_leak_beside_a_weak_pump_is_called(head_share) -> None:
    weak = PlantEvent(100.0, "pump", {"mode": "degrade", "value": head_share})
    leak = PlantEvent(700.0, "leak", {"segment": "rad2", "hole_mm": 0.3, "ramp_s": 0.0})
    flight = Flight(PlantConfig.from_preset("soyuz"), 1, [weak, leak])
    assert flight.fly(800.0, lambda: True)
    assert 700.0 < flight.alarms[0][0] <= 730.0


@pytest.mark.req("REQ-DET-020", "REQ-SAF-008")
def test_a_burst_that_stops_the_flow_is_still_known_by_its_rate() -> None:
    """The history had begun afresh with the flow's stop, in the very sample of the alarm: 34 to 400 mL/s had been said of 360."""
    for seed in range(1, 7):
        flight, duration_s = _flight("ms21", seed)
        assert flight.fly(duration_s, lambda: True)
        assert 300_000 < flight.begin_rate().rate_ul_s < 420_000, seed
