"""Recorded logs of a real water loop, and made-up logs of ours, through the firmware on target `unix`."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isoloop.replay import load_log, replay
from isoloop.schema import load_map

# Seconds after the first row: before the first an alarm is before the change; the flow is seen to leave its level at the second.
CHANGES_S = {"leak-a": (610, 634), "leak-b": (840, 870), "valve-closing": (600, 629)}

Flown = tuple[dict[str, Any], Path]


def fly(log: Path, map_source: str | Path, out: Path) -> dict[str, Any]:
    replay_map = load_map(map_source)
    return replay(load_log(log, replay_map), replay_map, "unix", out)


def events(folder: Path) -> list[dict[str, str]]:
    with (folder / "events.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.req("REQ-RPL-002", "REQ-RPL-003")
@pytest.mark.parametrize("name", CHANGES_S)
def test_replay_real_loss_is_a_flow_loss_within_45_s_and_never_an_isolation(skab_dir: Path, tmp_path: Path, name: str) -> None:
    summary = fly(skab_dir / f"{name}.csv", "skab", tmp_path / "run")
    earliest_s, change_s = CHANGES_S[name]
    assert summary["verdict"]["class"] == "flow_loss"
    assert earliest_s <= summary["t_detect_s"] <= change_s + 45
    assert summary["t_isolate_cmd_s"] is None
    assert summary["false_isolations"] == 0
    assert summary["latched"] is True
    assert summary["truth"] is None
    assert summary["alloc_faults"] == 0
    raised = [row["name"] for row in events(tmp_path / "run") if float(row["t_s"]) < earliest_s]
    assert set(raised) <= {"BOOT", "PARAMETERS_LOADED"}
    with (tmp_path / "run" / "blackbox-1.csv").open(encoding="utf-8", newline="") as stream:
        kept = list(csv.DictReader(stream))
    assert float(kept[0]["t_s"]) < summary["t_detect_s"] < float(kept[-1]["t_s"])
    assert any(row["flow_ul_s"] for row in kept)


@pytest.mark.req("REQ-RPL-002")
def test_replay_log_with_nothing_wrong_has_no_verdict(skab_dir: Path, tmp_path: Path) -> None:
    summary = fly(skab_dir / "anomaly-free.csv", "skab", tmp_path / "run")
    assert summary["verdict"]["class"] == "none"
    assert summary["t_detect_s"] is None
    assert summary["false_alarms"] == 0
    assert summary["latched"] is False
    assert summary["sim_s"] == 9960.1
    assert summary["ok"] is True


def test_replay_twice_gives_the_same_bytes(skab_dir: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        fly(skab_dir / "valve-closing.csv", "skab", tmp_path / name)
    for file in ("link.bin", "telemetry.csv", "events.csv"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_replay_command_writes_a_run_folder_and_one_document(skab_dir: Path, tmp_path: Path, isoloop: Callable[..., Any]) -> None:
    done = isoloop("replay", skab_dir / "leak-a.csv", "--map", "skab", "--out", tmp_path / "runs", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    folder = tmp_path / "runs" / "leak-a-unix-s0"
    assert document["ok"] is True
    assert document["runs"] == [json.loads((folder / "summary.json").read_text())]
    assert document["runs"][0]["scenario"] == "leak-a"
    assert {path.name for path in folder.iterdir()} >= {"summary.json", "telemetry.csv", "events.csv", "link.bin", "report.html"}


COMPENSATOR_MAP = """
time = {column = "time", unit = "s"}
[channels]
p_comp_a = {column = "pa", unit = "kPa"}
p_comp_b = {column = "pb", unit = "kPa"}
p_comp_c = {column = "pc", unit = "mmHg"}
t_gas    = {column = "gas", unit = "degC"}
t_supply = {column = "supply", unit = "degC"}
t_return = {column = "return", unit = "K"}
t_rad1   = {column = "supply", unit = "degC"}
t_rad2   = {column = "supply", unit = "degC"}
t_rad3   = {column = "supply", unit = "degC"}
"""


def compensator_log(path: Path, leak_ml_s: float, seconds: int = 240, onset_s: float = 120.0) -> Path:
    """The reference loop's compensator at 20 degC, logged at 10 Hz: gas of 358 kPa L that takes up what leaks out."""
    rng = np.random.default_rng(4)
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["time", "pa", "pb", "pc", "gas", "supply", "return"])
        for tick in range(seconds * 10):
            gas_l = 3.03 + leak_ml_s / 1000 * max(0.0, tick / 10 - onset_s)
            pressures = 358.0 / gas_l + rng.normal(0, 0.12, 3)
            degrees = 20 + rng.normal(0, 0.005, 3)
            cells = [pressures[0], pressures[1], pressures[2] / 0.133322387415, degrees[0], degrees[1], degrees[2] + 273.15]
            rows.writerow([f"{tick / 10:.1f}", *(f"{cell:.4f}" for cell in cells)])
    return path


@pytest.fixture
def compensator_map(tmp_path: Path) -> Path:
    path = tmp_path / "compensator.toml"
    path.write_text(COMPENSATOR_MAP)
    return path


@pytest.mark.req("REQ-RPL-001")
def test_replay_pressures_and_temperatures_watch_the_inventory(tmp_path: Path, compensator_map: Path) -> None:
    summary = fly(compensator_log(tmp_path / "leak.csv", 5.8), compensator_map, tmp_path / "run")
    assert summary["verdict"]["class"] == "coolant_leak"
    assert 120 <= summary["t_detect_s"] <= 126
    assert summary["t_isolate_cmd_s"] is not None, "passive: what it would have done is said"
    assert summary["false_isolations"] == 1, "of a log every would-be isolation counts"
    assert summary["latched"] is True
    with (tmp_path / "run" / "telemetry.csv").open() as stream:
        words = {int(row["drive_word"]) & 0xBFFF for row in csv.DictReader(stream)}
    assert words == {0}, "and no valve was driven"


def test_replay_tight_loop_has_no_verdict(tmp_path: Path, compensator_map: Path) -> None:
    summary = fly(compensator_log(tmp_path / "tight.csv", 0.0), compensator_map, tmp_path / "run")
    assert summary["verdict"]["class"] == "none"
    assert summary["t_detect_s"] is None


FLOW_MAP = 'time = {column = "s", unit = "s"}\n[channels]\nflow = {column = "q", unit = "mL/s", span = [0, 200]}\n'


def test_replay_flow_alone_at_ten_hertz_is_watched(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    flow = 100 * np.where(np.arange(5400) < 4800, 1.0, 0.93) + rng.normal(0, 0.5, 5400)
    log = tmp_path / "flow.csv"
    log.write_text("s,q\n" + "".join(f"{tick / 10:.1f},{value:.3f}\n" for tick, value in enumerate(flow)))
    (tmp_path / "flow.toml").write_text(FLOW_MAP)
    summary = fly(log, tmp_path / "flow.toml", tmp_path / "run")
    assert summary["verdict"]["class"] == "flow_loss"
    assert 480 + 15 <= summary["t_detect_s"] <= 480 + 30


def test_replay_meter_off_scale_is_a_sensor_fault_and_no_loss(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    flow = 100 + rng.normal(0, 0.5, 600)
    flow[500:] = -1000
    log = tmp_path / "flow.csv"
    log.write_text("s,q\n" + "".join(f"{second},{value:.3f}\n" for second, value in enumerate(flow)))
    (tmp_path / "flow.toml").write_text(FLOW_MAP)
    summary = fly(log, tmp_path / "flow.toml", tmp_path / "run")
    assert summary["verdict"]["class"] == "sensor_fault"
    assert summary["t_detect_s"] is None


@pytest.mark.req("REQ-INP-002")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("s,q\n0,nan\n", ":2: q: nan"),
        ("s,q\n0,1\n", None),
        ("s,x\n0,1\n", ":1: q: no such column"),
        ("s,q\n1,1\n0,1\n", ":3: s: time goes backwards"),
    ],
)
def test_replay_command_refuses_bad_logs_before_anything_is_written(
    tmp_path: Path, isoloop: Callable[..., Any], content: str, said: str | None
) -> None:
    (tmp_path / "flow.toml").write_text(FLOW_MAP)
    (tmp_path / "bad.csv").write_text(content)
    done = isoloop("replay", "bad.csv", "--map", "flow.toml", "--out", "runs")
    if said is None:
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "bad.csv" in done.stderr
    assert said in done.stderr
    assert not (tmp_path / "runs").exists()
