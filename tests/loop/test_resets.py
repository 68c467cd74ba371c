"""Closed loop through resets, brown-outs and commands: what was shut stays shut, a loss while off is called, a loop of resets ends."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from fakes.fault_matrix import LEAK_S, Case, event, unsafe
from isoloop.flight import fly
from isoloop.schema import load_scenario

HOLE = (("rad2", 0.8),)
TRIAL_RATIO = 0.2  # a cracked valve
MORE_S = [60.4, 61.9, 63.1, 64.0, 65.2, 66.4, 67.6, 68.4, 72.0, 78.7, 79.6, 80.4, 81.3, 82.2, 84.0, 86.0, 88.5, 92.0, 97.0, 101.0, 112.0]


def rows(run: Path, name: str) -> list[dict[str, str]]:
    """Rows of a file of a run folder."""
    with (run / name).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def flown(text: str, folder: Path, seed: int = 7, duration_s: float = 300.0) -> tuple[dict[str, Any], list[tuple[float, str, str]]]:
    """Fly ms22's loop with events; summary, and (time, event, fields)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "scenario.toml"
    case = Case("reset", (), text, seed=seed, duration_s=duration_s)
    path.write_text(case.toml(), encoding="utf-8")
    summary = fly(load_scenario(str(path)), "unix", folder / "run", seed)
    return summary, [(float(row["t_s"]), row["name"], row["fields"]) for row in rows(folder / "run", "events.csv")]


def leak(at_s: float, hole_mm: float, segment: str = "rad2") -> str:
    return event(at_s, "leak", segment=segment, hole_mm=hole_mm)


def assert_never_open_again(run: Path, after_s: float, segment: str = "rad2") -> None:
    """Both valves of the holed segment are never open at once again, beyond the crack of a trial."""
    shut = False
    for row in rows(run, "truth.csv"):
        opening = min(float(row[f"valve_{segment}_in_ratio"]), float(row[f"valve_{segment}_out_ratio"]))
        shut = shut or (float(row["t_s"]) > after_s and opening <= 0.0)
        assert not shut or opening <= TRIAL_RATIO, row["t_s"]
    assert shut


def reset_in_between(at_s: float, folder: Path) -> None:
    case = Case("reset", HOLE, event(at_s, "power", mode="brownout", off_s=1.0), seed=7)
    broken, summary = unsafe(case, folder / "case")
    assert broken == []
    assert summary["verdict"]["segment"] == "rad2"
    assert_never_open_again(sorted((folder / "case").rglob("run"))[0], LEAK_S)


@pytest.mark.req("REQ-LOC-005")
@pytest.mark.parametrize("at_s", [62.4, 79.2, 90.0])
def test_reset_in_travel_in_a_trial_and_in_recovery_opens_nothing_onto_the_hole(at_s: float, tmp_path: Path) -> None:
    reset_in_between(at_s, tmp_path)


@pytest.mark.long
@pytest.mark.req("REQ-LOC-005")
@pytest.mark.parametrize("at_s", MORE_S)
def test_reset_at_any_point_opens_nothing_onto_the_hole(at_s: float, tmp_path: Path) -> None:
    reset_in_between(at_s, tmp_path)


@pytest.mark.req("REQ-LOC-005")
def test_loss_while_the_processor_was_off_is_called_and_isolated(tmp_path: Path) -> None:
    text = event(130.0, "power", mode="brownout", off_s=60.0) + leak(131.0, 1.0)
    summary, events = flown(text, tmp_path, duration_s=420.0)
    lost = [fields for _, name, fields in events if name == "LOSS_WHILE_OFF"]
    assert len(lost) == 1
    assert 300_000 < int(lost[0].split("=")[1]) < 800_000
    assert summary["verdict"]["segment"] == "rad2"
    assert summary["reopened"] == ["rad1", "rad3"]


@pytest.mark.req("REQ-LOC-005")
def test_resets_in_a_loop_end_in_a_mode_that_moves_nothing_and_say_so(tmp_path: Path) -> None:
    text = "".join(event(20.0 + 15 * i, "power", mode="reset") for i in range(6)) + leak(180.0, 0.8)
    summary, events = flown(text, tmp_path)
    assert [fields for _, name, fields in events if name == "SAFE_MODE"]
    assert summary["t_detect_s"] is not None
    assert "passive=1" in next(fields for _, name, fields in events if name == "ISOLATION_COMMANDED")
    last = rows(tmp_path / "run", "truth.csv")[-1]
    assert all(float(last[f"valve_rad{i}_in_ratio"]) == 1.0 for i in (1, 2, 3))


def command(at_s: float, name: str, args: str) -> str:
    return f'[[event]]\nat_s = {at_s}\nkind = "command"\nname = "{name}"\nargs = {{{args}}}\n'


@pytest.mark.req("REQ-MOD-002")
def test_command_to_open_a_convicted_segment_is_refused_with_a_reason_and_told(tmp_path: Path) -> None:
    text = leak(60.0, 0.8) + command(200.0, "arm", "telecommand = 2") + command(202.0, "valve_open", 'valve = "rad2_in"')
    _, events = flown(text, tmp_path, duration_s=230.0)
    assert [fields for _, name, fields in events if name == "OPEN_REFUSED"] == ["valve=rad2_in segment_state=convicted"]
    assert float(rows(tmp_path / "run", "truth.csv")[-1]["valve_rad2_in_ratio"]) == 0.0


@pytest.mark.req("REQ-MOD-002")
def test_rearm_by_command_clears_the_latch_moves_nothing_and_lets_the_ground_open(tmp_path: Path) -> None:
    text = leak(60.0, 0.8) + command(200.0, "arm", "telecommand = 27") + command(204.0, "rearm", "")
    _, events = flown(text + command(208.0, "valve_open", 'valve = "rad2_in"'), tmp_path, duration_s=215.0)
    told = [name for t_s, name, _ in events if t_s > 199.0]
    assert "REARMED" in told
    assert "OPEN_REFUSED" not in told
    last = rows(tmp_path / "run", "truth.csv")[-1]
    assert float(last["valve_rad2_out_ratio"]) == 0.0
    assert float(last["valve_rad2_in_ratio"]) == 1.0


def diagnoses(events: list[tuple[float, str, str]], after_s: float) -> list[str]:
    return [fields for t_s, name, fields in events if name == "DIAGNOSIS" and t_s > after_s]


@pytest.mark.req("REQ-LOC-005")
def test_gas_loss_is_still_one_after_a_reset_and_isolates_nothing_again(tmp_path: Path) -> None:
    text = event(60.0, "gas", rate_ml_s=3.0) + event(400.0, "power", mode="brownout", off_s=1.0)
    summary, events = flown(text, tmp_path, duration_s=470.0)
    assert "cause=gas_loss" in diagnoses(events, 250.0)[0]
    assert ["cause=gas_loss" in fields for fields in diagnoses(events, 400.0)] == [True]
    assert summary["verdict"]["class"] == "accumulator_gas_loss"
    assert len([name for _, name, _ in events if name == "ISOLATION_COMMANDED"]) == 1
    assert {"rad1", "rad2", "rad3"} == set(summary["reopened"])


@pytest.mark.req("REQ-LOC-005")
def test_conviction_by_elimination_is_no_surer_after_a_reset(tmp_path: Path) -> None:
    stuck = event(10.0, "valve", valve="rad2_in", mode="stuck_open")
    text = stuck + leak(60.0, 0.8) + event(210.0, "power", mode="brownout", off_s=1.0)
    _, events = flown(text, tmp_path, duration_s=220.0)
    said = "cause=coolant_leak_outside confidence_percent=70 evidence=1 segment=rad2"
    assert diagnoses(events, 180.0)[0] == said
    assert "confidence_percent=70" in diagnoses(events, 211.0)[0]


@pytest.mark.req("REQ-LOC-005")
@pytest.mark.parametrize(
    ("rate_ml_s", "reset_s", "leak_s", "segment", "hole_mm"), [(0.5, 500.0, 530.0, "rad1", 0.4), (3.0, 300.0, 310.0, "rad2", 0.8)]
)
def test_leak_behind_a_gas_loss_and_a_reset_is_isolated_to_its_end(
    rate_ml_s: float, reset_s: float, leak_s: float, segment: str, hole_mm: float, tmp_path: Path
) -> None:
    # The round before the reset must not be taken for this one's: the isolation was cancelled with its valves half-way.
    text = event(60.0, "gas", rate_ml_s=rate_ml_s) + event(reset_s, "power", mode="brownout", off_s=1.0) + leak(leak_s, hole_mm, segment)
    _, events = flown(text, tmp_path, duration_s=leak_s + 120.0)
    commanded = [t_s for t_s, name, _ in events if name == "ISOLATION_COMMANDED" and t_s > reset_s]
    assert len(commanded) == 1
    assert next(t_s for t_s, name, _ in events if name == "ISOLATION_COMPLETE" and t_s > reset_s) - commanded[0] < 12.0
    assert next(fields for _, name, fields in events if name == "SEGMENT_CONVICTED").startswith(f"segment={segment}")
    assert_never_open_again(tmp_path / "run", leak_s, segment)
