"""Closed loop on a data path that stops: the return of its frames isolates nothing, and a leak meanwhile is called."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from fakes.fault_matrix import Case, event
from isoloop.flight import fly
from isoloop.schema import load_scenario


def flown(text: str, folder: Path, seed: int, duration_s: float) -> tuple[dict[str, Any], list[tuple[float, str]]]:
    path = folder / "scenario.toml"
    path.write_text(Case("path", (), text, seed=seed, duration_s=duration_s).toml(), encoding="utf-8")
    summary = fly(load_scenario(str(path)), "unix", folder / "run", seed)
    with (folder / "run" / "events.csv").open(newline="", encoding="utf-8") as stream:
        return summary, [(float(row["t_s"]), row["name"]) for row in csv.DictReader(stream)]


def frozen(at_s: float, duration_s: float) -> str:
    return event(at_s, "relay", mode="frozen", duration_s=duration_s)


@pytest.mark.req("REQ-SAF-009")
@pytest.mark.parametrize(
    ("seed", "at_s", "duration_s"), [(3, 100.0, 20.0), (3, 100.0, 60.0), (3, 250.0, 40.0), (7, 40.0, 30.0), (29, 250.0, 40.0)]
)
def test_frozen_path_that_comes_back_calls_no_leak(seed: int, at_s: float, duration_s: float, tmp_path: Path) -> None:
    # In the first form of the rule each of these isolated: temperatures of before stood beside pressures of now.
    summary, events = flown(frozen(at_s, duration_s), tmp_path, seed, at_s + duration_s + 80.0)
    names = [name for _, name in events]
    assert "DATA_PATH_FAULT" in names
    assert "LEAK_ALARM" not in names
    assert summary["false_isolations"] == 0
    assert summary["verdict"]["class"] == "sensor_fault"


@pytest.mark.req("REQ-SAF-009")
@pytest.mark.parametrize(("again_s", "duration_s"), [(162.0, 7.5), (163.0, 6.5), (164.0, 5.8)])
def test_path_that_stops_again_in_its_dwell_begins_it_anew(again_s: float, duration_s: float, tmp_path: Path) -> None:
    summary, events = flown(frozen(100.0, 60.0) + frozen(again_s, duration_s), tmp_path, 29, 240.0)
    assert [name for _, name in events].count("DATA_PATH_FAULT") == 2
    assert "LEAK_ALARM" not in [name for _, name in events]
    assert summary["false_isolations"] == 0


@pytest.mark.req("REQ-SAF-009")
@pytest.mark.parametrize("hole_mm", [0.3, 0.8, 3.0])
def test_leak_behind_a_frozen_path_is_called_once_it_is_trusted_again(hole_mm: float, tmp_path: Path) -> None:
    text = frozen(100.0, 20.0) + event(110.0, "leak", segment="rad2", hole_mm=hole_mm)
    summary, _ = flown(text, tmp_path, 1, 220.0)
    assert 130.0 <= summary["t_detect_s"] < 140.0  # the path's dwell is 10 s
    assert summary["verdict"]["segment"] == "rad2"
