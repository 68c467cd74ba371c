"""Every event of a scenario acts, at its time and no longer than it lasts."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from isoloop.plant import Plant, PlantConfig
from isoloop.plant.events import FIELDS

sys.path.insert(0, str(Path(__file__).parent))
from plant_rig import PUMP, event, fly, fly_until, still, truth

ACTING = {
    "leak": [event(5.0, "leak", segment="rad1", hole_mm=1.0)],
    "sensor": [event(5.0, "sensor", channel="p_comp_a", mode="open")],
    "valve": [event(5.0, "valve", valve="rad1_in", mode="switch_short")],
    "pump": [event(5.0, "pump", mode="off")],
    "relief": [event(5.0, "relief", segment="rad1", mode="leaking")],
    "heat": [event(5.0, "heat", load_w=5000.0)],
    "attitude": [event(5.0, "attitude", orbit_swing_k=20.0, phase=0.25)],
    "gas": [event(5.0, "gas", rate_ml_s=50.0)],
    "cabin": [event(5.0, "cabin", hole_mm=10.0)],
    "coolant_temp": [event(5.0, "coolant_temp", delta_k=3.0, ramp_s=0.0)],
    "relay": [event(5.0, "relay", mode="frozen")],
}


@pytest.mark.req("REQ-PLT-003")
def test_the_table_of_kinds_is_the_tables() -> None:
    assert set(ACTING) | {"power"} == set(FIELDS)  # power is the flight loop's


@pytest.mark.req("REQ-PLT-003")
@pytest.mark.parametrize("kind", sorted(ACTING))
def test_event_changes_what_the_firmware_sees_from_its_time_on(kind: str) -> None:
    from plant_rig import shut

    with_event, without = (Plant(PlantConfig(), 1, 100, events) for events in (ACTING[kind], []))
    seen: list[float] = []
    for tick in range(1, 400):
        word = shut(0) if tick < 45 and kind == "relief" else PUMP  # a relief matters to a trapped segment
        with_event.step(word)
        without.step(word)
        if (with_event.counts != without.counts).any() or with_event.switches != without.switches:
            seen.append(tick)
    assert seen, "nothing happened"
    assert seen[0] >= 50
    assert seen[0] <= 120


def test_ramp_grows_the_diameter_linearly_from_its_start() -> None:
    plant = fly(still(event(10.0, "leak", segment="rad1", hole_mm=1.0, ramp_s=100.0)), 10.0)
    assert truth(plant, "lost_total_ml") == 0.0
    quarter, half, full = (
        truth(fly(plant, time_s), "leak_rad1_ml_s") / math.sqrt(truth(plant, "p_rad1_kpa")) for time_s in (25.0, 25.0, 55.0)
    )
    assert quarter / full == pytest.approx(1 / 16, rel=0.05)
    assert half / full == pytest.approx(1 / 4, rel=0.05)


def test_two_holes_in_one_segment_add_up() -> None:
    one = fly(still(event(1.0, "leak", segment="rad1", hole_mm=1.0)), 2.0)
    two = fly(still(*[event(1.0, "leak", segment="rad1", hole_mm=1.0)] * 2), 2.0)
    assert truth(two, "leak_rad1_ml_s") == pytest.approx(2 * truth(one, "leak_rad1_ml_s"), rel=0.1)


def test_heat_goes_to_its_load_over_its_ramp_and_warms_the_bay() -> None:
    step, ramp = (Plant(PlantConfig(orbit_swing_k=0.0), 1, 100, [event(10.0, "heat", load_w=2000.0, ramp_s=r)]) for r in (0.0, 600.0))
    before = truth(step, "t_bay_degc")
    fly(step, 300.0)
    fly(ramp, 300.0)
    assert truth(step, "t_bay_degc") > truth(ramp, "t_bay_degc") + 0.5 > before + 0.5


def test_loss_of_flow_takes_the_bay_over_its_limit_within_hours() -> None:
    plant = Plant(PlantConfig(orbit_swing_k=0.0), 1, 100, [event(0.0, "pump", mode="off")])
    limit_s = fly_until(plant, lambda p: truth(p, "t_bay_degc") > 40.0, each_s=10.0)
    assert 1200.0 < limit_s < 4 * 3600.0
    assert truth(plant, "max_bay_degc") >= 40.0


def test_attitude_sets_swing_and_phase() -> None:
    events = [event(0.0, "attitude", orbit_swing_k=10.0, phase=0.0)]
    plant = Plant(PlantConfig(orbit_spread_ratio=0.0), 1, 100, events)
    means = []
    for _ in range(5562 // 10):
        fly(plant, 10.0)
        means.append(truth(plant, "t_mean_degc"))
    angle = 2 * np.pi * np.arange(len(means)) / len(means)
    assert 2 * abs(np.mean(means * np.exp(1j * angle))) == pytest.approx(10.0, rel=0.05)
    again = [Plant(PlantConfig(orbit_spread_ratio=0.0), seed, 100, events) for seed in (1, 1)]
    assert truth(again[0], "t_mean_degc") == truth(again[1], "t_mean_degc")


def test_gas_leak_lowers_pressure_and_no_coolant_is_lost() -> None:
    plant = fly(still(event(1.0, "gas", rate_ml_s=5.0)), 61.0)
    assert truth(plant, "p_comp_kpa") == pytest.approx(118.0 * math.exp(-5.0 * 60 / 3030.0), rel=0.02)
    assert truth(plant, "lost_total_ml") == 0.0
    assert truth(plant, "gas_volume_ml") == pytest.approx(3030.0, abs=2.0)
    fly(plant, 6 * 3600.0)
    assert truth(plant, "p_comp_kpa") == pytest.approx(5.05, abs=0.4)  # all gone: the coolant's own vapour remains


def test_cabin_leak_follows_choked_flow() -> None:
    plant = fly(still(event(0.0, "cabin", hole_mm=10.0)), 600.0)
    rate_1_s = 0.62 * math.pi / 4 * 0.01**2 * math.sqrt(287.05 * 295.15) * 0.6847 / 10.0  # Cd A sqrt(R T) psi / V
    assert truth(plant, "p_cabin_kpa") == pytest.approx(101.3 * math.exp(-rate_1_s * 600.0), rel=0.01)


def test_coolant_temp_shifts_the_loop_and_it_stays() -> None:
    plant = Plant(PlantConfig(orbit_swing_k=0.0), 1, 100, [event(10.0, "coolant_temp", delta_k=4.0, ramp_s=50.0)])
    before = truth(plant, "t_mean_degc")
    assert truth(fly(plant, 35.0), "t_mean_degc") == pytest.approx(before + 2.0, abs=0.15)
    assert truth(fly(plant, 25.0), "t_mean_degc") == pytest.approx(before + 4.0, abs=0.2)
    assert truth(fly(plant, 3600.0), "t_mean_degc") == pytest.approx(before + 4.0, abs=0.6)


def test_hot_stop_makes_the_loop_stiff() -> None:
    plant = fly(still(event(1.0, "coolant_temp", delta_k=60.0, ramp_s=500.0)), 501.0)
    assert truth(plant, "gas_volume_ml") == pytest.approx(500.0)
    assert truth(plant, "p_comp_kpa") > 1000.0
    assert truth(plant, "inventory_total_ml") == pytest.approx(49000.0, rel=1e-9)


@pytest.mark.parametrize("hole_mm", [0.8, 4.0, 8.0])
def test_flashed_loop_never_pressurises_again_while_it_drains(hole_mm: float) -> None:
    plant = still(event(0.0, "leak", segment="rad2", hole_mm=hole_mm))
    fly_until(plant, lambda p: truth(p, "void_ml") > 50.0)
    for _ in range(3000):
        plant.step(PUMP)
        assert truth(plant, "p_comp_kpa") < 7.0


def test_shared_voids_let_a_flashed_loop_drain_from_one_segment() -> None:
    plant = still(event(0.0, "leak", segment="rad2", hole_mm=4.0))
    fly_until(plant, lambda p: truth(p, "lost_total_ml") > 0.85 * 49000, each_s=10.0, limit_s=30000.0)
    assert truth(plant, "inventory_connected_ml") < 0.15 * 49000


def test_bench_hole_discharges_into_the_room_and_then_draws_air() -> None:
    plant = Plant(PlantConfig.from_preset("bench"), 1, 100, [event(1.0, "leak", segment="rad1", hole_mm=2.0)])
    before = truth(plant, "p_comp_kpa")
    fly(plant, 2.0)
    assert 0.0 < truth(plant, "leak_rad1_ml_s") < 40.0
    fly(plant, 600.0)
    assert 85.0 < truth(plant, "p_rad1_kpa") < 102.5 < before
