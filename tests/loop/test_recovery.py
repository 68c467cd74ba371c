"""Closed loop: the right segment is named, the healthy ones come back, and neither a reset nor a valve nor a sensor undoes it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from fakes.fault_matrix import LEAK_S, Case, event, unsafe
from isoloop.flight import fly
from isoloop.schema import load_scenario

HOLE = (("rad2", 0.8),)


def flown(case: Case, folder: Path) -> dict[str, Any]:
    """Fly a case that must be safe; its summary."""
    broken, summary = unsafe(case, folder / "case")
    assert broken == []
    return summary


@pytest.mark.req("REQ-LOC-001")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ms22_is_localised_and_recovered_within_two_minutes(seed: int, tmp_path: Path) -> None:
    ended_s = []
    summary = fly(
        load_scenario("ms22"),
        "unix",
        tmp_path / "run",
        seed,
        on_event=lambda t, name, *_: ended_s.append(t) if name == "RECOVERY_ENDED" else None,
    )
    assert (summary["verdict"]["segment"], summary["reopened"]) == ("rad2", ["rad1", "rad3"])
    assert ended_s[0] - LEAK_S <= 120.0
    assert summary["max_bay_temp_c"] < 40.0
    assert summary["ok"]


@pytest.mark.req("REQ-LOC-001")
@pytest.mark.parametrize(
    ("segment", "hole_mm", "temp_c"),
    [("rad1", 0.35, 20.0), ("rad3", 0.5, -30.0), ("rad2", 1.2, 0.0), ("rad1", 3.0, 20.0), ("rad3", 8.0, 10.0)],
)
def test_leak_is_localised_whatever_its_size_place_and_temperature(segment: str, hole_mm: float, temp_c: float, tmp_path: Path) -> None:
    summary = flown(Case("leak", ((segment, hole_mm),), seed=11, temp_c=temp_c), tmp_path)
    assert summary["verdict"]["segment"] == segment


@pytest.mark.req("REQ-LOC-001")
def test_second_leak_after_recovery_is_found_behind_the_latched_alarm(tmp_path: Path) -> None:
    later = event(200.0, "leak", segment="rad3", hole_mm=0.8)
    _, summary = unsafe(Case("second", HOLE, later, seed=5, duration_s=420.0), tmp_path / "case")
    assert summary["reopened"] == ["rad1"]


@pytest.mark.req("REQ-LOC-005")
@pytest.mark.parametrize(("at_s", "off_s"), [(62.6, 1.0), (70.0, 5.0), (83.0, 2.0), (95.0, 5.0), (150.0, 10.0)])
def test_reset_undoes_nothing(at_s: float, off_s: float, tmp_path: Path) -> None:
    summary = flown(Case("reset", HOLE, event(at_s, "power", mode="brownout", off_s=off_s), seed=7), tmp_path)
    assert summary["verdict"]["segment"] == "rad2"
    assert summary["latched"]


@pytest.mark.req("REQ-LOC-006")
@pytest.mark.parametrize("mode", ["stuck_open", "switch_open", "switch_short", "slow"])
@pytest.mark.parametrize("valve", ["rad2_in", "rad1_out"])
def test_valve_that_misbehaves_costs_neither_verdict_nor_recovery(valve: str, mode: str, tmp_path: Path) -> None:
    stuck = ((valve, mode),) if mode.startswith("stuck") else ()
    summary = flown(Case("valve", HOLE, event(30.0, "valve", valve=valve, mode=mode), stuck, seed=7), tmp_path)
    assert summary["verdict"]["segment"] == "rad2"


@pytest.mark.req("REQ-LOC-006")
@pytest.mark.parametrize(
    ("channel", "mode", "value"), [("p_rad2", "open", 0.0), ("p_rad1", "open", 0.0), ("p_rad2", "bias", 200.0), ("p_rad1", "bias", -60.0)]
)
def test_segment_pressure_that_lies_costs_neither(channel: str, mode: str, value: float, tmp_path: Path) -> None:
    fields = {"value": value} if mode == "bias" else {}
    summary = flown(Case("sensor", HOLE, event(40.0, "sensor", channel=channel, mode=mode, **fields), seed=8), tmp_path)
    assert summary["verdict"]["segment"] == "rad2"


@pytest.mark.req("REQ-LOC-007")
def test_internal_leak_convicts_no_segment_and_all_come_back(tmp_path: Path) -> None:
    summary = flown(Case("internal", (("internal", 0.8),), seed=3, duration_s=400.0), tmp_path)
    assert (summary["verdict"]["segment"], summary["reopened"]) == ("internal", ["rad1", "rad2", "rad3"])


@pytest.mark.req("REQ-LOC-008")
def test_loss_estimate_stands_still_once_everything_connected_is_tight(tmp_path: Path) -> None:
    fly(load_scenario("ms22"), "unix", tmp_path / "run", 1)
    with (tmp_path / "run" / "telemetry.csv").open(newline="", encoding="utf-8") as stream:
        rows = [(float(row["t_s"]), int(row["lost_ul"])) for row in csv.DictReader(stream)]
    lost = {lost_ul for t_s, lost_ul in rows if t_s > 75.0}
    assert len(lost) == 1
    assert 15000 < lost.pop() < 45000
