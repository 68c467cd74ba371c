"""A slow line costs resolution, never control; a fast one is used."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from isoloop.flight import fly
from isoloop.schema import load_scenario

SCENARIO = """schema = "isoloop.scenario/1"
name = "rate"
duration_s = {duration_s}
tick_ms = {tick_ms}
[link]
baud = {baud}
[params]
mode = "armed"
[[event]]
at_s = 10
kind = "leak"
segment = "rad2"
hole_mm = 2.0
[[event]]
at_s = 12
kind = "command"
name = "param_dump"
"""


def flown(folder: Path, baud: int, tick_ms: int = 100, duration_s: int = 60) -> dict[str, Any]:
    path = folder / f"{baud}.toml"
    path.write_text(SCENARIO.format(baud=baud, tick_ms=tick_ms, duration_s=duration_s))
    return fly(load_scenario(path), "unix", folder / str(baud))


def column(path: Path, name: str) -> list[str]:
    with path.open() as stream:
        return [row[name] for row in csv.DictReader(stream)]


@pytest.mark.req("REQ-LNK-005")
@pytest.mark.parametrize("baud", [9600, 1200])
def test_slow_line_degrades_resolution_and_not_control(tmp_path: Path, baud: int) -> None:
    fast, slow = flown(tmp_path, 115_200), flown(tmp_path, baud)
    # What the plant went through is what the valves did: not one tick of it depends on the line.
    assert (tmp_path / str(baud) / "truth.csv").read_bytes() == (tmp_path / "115200" / "truth.csv").read_bytes()
    assert slow["t_isolated_s"] == fast["t_isolated_s"] is not None
    for key in ("t_detect_s", "t_isolate_cmd_s"):
        assert slow[key] == fast[key] is not None  # events wait their turn with the tick of their emission
    assert slow["ticks_late"] == slow["alloc_faults"] == 0
    rows = {name: len(column(tmp_path / name / "telemetry.csv", "t_s")) for name in ("115200", str(baud))}
    assert rows[str(baud)] < rows["115200"] * baud / 10_000
    assert int(column(tmp_path / str(baud) / "telemetry.csv", "reports_skipped")[-1]) > 0
    sent = len((tmp_path / str(baud) / "link.bin").read_bytes())
    assert sent <= 60 * baud / 10


def test_fast_line_is_filled_when_there_is_something_to_send(tmp_path: Path) -> None:
    flown(tmp_path, 115_200, tick_ms=10, duration_s=20)
    times = [float(text) for text in column(tmp_path / "115200" / "telemetry.csv", "t_s")]
    data = (tmp_path / "115200" / "link.bin").read_bytes()
    quiet_bytes = 11 * 230  # a report a second before the leak, the boot's events and a platform report
    first = next(at for at in times if at > 10 and at % 1 > 0.005)
    assert len(data) - quiet_bytes >= 0.95 * 11_520 * (20 - first)
