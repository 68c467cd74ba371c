"""Valves, pump and relief: what commands and faults do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from plant_rig import ENABLE, PUMP, event, fly, fly_until, reopen, shut, still, truth

RAD2_IN = 2  # valve number
SHUT_RAD2_IN = PUMP | ENABLE | 2 << (2 * RAD2_IN)


def switch(plant: object, valve: int) -> int:
    return getattr(plant, "switches") >> (2 * valve) & 3  # noqa: B009


def test_valve_travels_3_s_linearly_and_makes_its_end_switches() -> None:
    plant = fly(still(), 0.5)
    assert switch(plant, RAD2_IN) == 1
    fly(plant, 1.5, SHUT_RAD2_IN)
    assert truth(plant, "valve_rad2_in_ratio") == pytest.approx(0.5)
    assert switch(plant, RAD2_IN) == 0
    fly(plant, 1.5, SHUT_RAD2_IN)
    assert truth(plant, "valve_rad2_in_ratio") == 0.0
    assert switch(plant, RAD2_IN) == 2
    assert switch(plant, RAD2_IN + 1) == 1
    assert truth(plant, "trapped_rad2") == 0.0  # its outlet is open


@pytest.mark.parametrize(
    "word", [PUMP | 2 << 4, PUMP | ENABLE, PUMP | ENABLE | 3 << 4, PUMP], ids=["not enabled", "no bit", "both bits", "nothing"]
)
def test_valve_stays_without_enable_and_exactly_one_drive_bit(word: int) -> None:
    plant = fly(still(), 1.0, SHUT_RAD2_IN)
    there = truth(plant, "valve_rad2_in_ratio")
    assert truth(fly(plant, 2.0, word), "valve_rad2_in_ratio") == there


def test_one_shot_ends_a_drive_after_5_s_and_release_arms_it() -> None:
    plant = fly(still(event(0.0, "valve", valve="rad2_in", mode="slow")), 6.0, SHUT_RAD2_IN)
    assert truth(plant, "valve_rad2_in_ratio") == pytest.approx(1 - 5.0 / 7.5, abs=0.02)
    fly(plant, 0.1, PUMP)
    fly(plant, 3.0, SHUT_RAD2_IN)
    assert switch(plant, RAD2_IN) == 2


@pytest.mark.parametrize(("mode", "opens", "closes"), [("stuck_open", True, False), ("stuck_closed", False, True)])
def test_stuck_valve_moves_one_way_only_until_the_fault_ends(mode: str, opens: bool, closes: bool) -> None:
    plant = fly(still(event(2.0, "valve", valve="rad2_in", mode=mode, duration_s=20.0)), 1.5, SHUT_RAD2_IN)
    fly(plant, 1.0)
    fly(plant, 4.0, shut(1))
    assert (truth(plant, "valve_rad2_in_ratio") == 0.0) is closes
    fly(plant, 0.1)
    fly(plant, 4.0, reopen(1))
    assert (truth(plant, "valve_rad2_in_ratio") == 1.0) is opens
    fly(plant, 15.0)
    fly(plant, 4.0, shut(1))
    assert truth(plant, "valve_rad2_in_ratio") == 0.0


@pytest.mark.parametrize(("mode", "bits"), [("switch_open", 0), ("switch_short", 3)])
def test_switch_fault_lies_and_the_valve_works(mode: str, bits: int) -> None:
    plant = fly(still(event(1.0, "valve", valve="rad2_in", mode=mode, duration_s=10.0)), 2.0)
    assert switch(plant, RAD2_IN) == bits
    fly(plant, 4.0, SHUT_RAD2_IN)
    assert switch(plant, RAD2_IN) == bits
    assert truth(plant, "valve_rad2_in_ratio") == 0.0
    fly(plant, 10.0)
    assert switch(plant, RAD2_IN) == 2


def test_pump_without_its_bit_runs_down_and_flow_ends() -> None:
    plant = fly(still(), 1.0)
    fly(plant, 20.0, 0)
    assert truth(plant, "pump_speed_ratio") == 0.0
    assert truth(plant, "flow_ml_s") == pytest.approx(0.0, abs=0.5)
    assert truth(plant, "p_pump_kpa") == pytest.approx(truth(plant, "p_comp_kpa"), abs=0.01)


def test_all_valves_shut_leaves_the_pump_at_its_dead_head() -> None:
    plant = fly(still(), 4.0, shut(0) | shut(1) | shut(2))
    assert truth(plant, "flow_ml_s") == pytest.approx(0.0, abs=0.1)
    assert truth(plant, "p_pump_kpa") - truth(plant, "p_comp_kpa") == pytest.approx(38.0, abs=0.1)


def test_bypass_takes_the_flow_of_shut_radiators() -> None:
    plant = fly(still(), 4.0, PUMP | ENABLE | 1 << 12)
    shared = truth(plant, "flow_bypass_ml_s")
    assert 0.4 * truth(plant, "flow_ml_s") < shared < 0.6 * truth(plant, "flow_ml_s")
    fly(plant, 4.0, shut(0) | shut(1) | shut(2))
    assert truth(plant, "flow_bypass_ml_s") == pytest.approx(truth(plant, "flow_ml_s"), abs=0.1)
    assert truth(plant, "flow_ml_s") == pytest.approx(100.0, abs=1.0)


def test_pump_events_stop_weaken_roughen_and_restore() -> None:
    events = [event(10.0, "pump", mode="off"), event(20.0, "pump", mode="on"), event(30.0, "pump", mode="degrade", value=0.5)]
    plant = fly(still(*events, event(40.0, "pump", mode="cavitate"), event(60.0, "pump", mode="on")), 19.0)
    assert truth(plant, "pump_speed_ratio") == 0.0
    fly(plant, 10.0)
    assert truth(plant, "flow_ml_s") == pytest.approx(100.0, rel=0.01)
    fly(plant, 10.0)
    assert truth(plant, "flow_ml_s") == pytest.approx(100.0 * 0.5**0.5, rel=0.02)
    flows = [truth(fly(plant, 0.5), "flow_ml_s") for _ in range(40)][4:]
    assert 40.0 < sum(flows) / len(flows) < 80.0
    assert max(flows) - min(flows) > 10.0
    fly(plant, 5.0)
    assert truth(plant, "flow_ml_s") == pytest.approx(100.0, rel=0.01)


def test_pump_cavitates_by_itself_when_the_loop_is_at_its_vapour_pressure() -> None:
    plant = still(event(0.0, "leak", segment="rad1", hole_mm=8.0))
    fly_until(plant, lambda p: truth(p, "void_ml") > 100.0)
    assert truth(plant, "flow_ml_s") < 30.0
    assert truth(plant, "pump_speed_ratio") == 1.0


def test_stuck_relief_lets_a_trapped_segment_burst_its_design_pressure_and_a_good_one_does_not() -> None:
    warm = event(10.0, "coolant_temp", delta_k=1.0, ramp_s=10.0)
    stuck = fly(still(warm, event(0.0, "relief", segment="rad2", mode="stuck_closed")), 30.0, shut(1))
    good = fly(still(warm), 30.0, shut(1))
    assert truth(stuck, "max_segment_kpa") > 500.0
    assert truth(good, "max_segment_kpa") < 190.0


def test_leaking_relief_keeps_a_warming_trapped_segment_near_the_compensator() -> None:
    warm = event(5.0, "coolant_temp", delta_k=2.0, ramp_s=100.0)
    leaking = fly(still(warm, event(0.0, "relief", segment="rad2", mode="leaking")), 60.0, shut(1))
    good = fly(still(warm), 60.0, shut(1))
    assert 0.0 < truth(leaking, "p_rad2_kpa") - truth(leaking, "p_comp_kpa") < 10.0
    assert truth(good, "p_rad2_kpa") - truth(good, "p_comp_kpa") > 55.0
