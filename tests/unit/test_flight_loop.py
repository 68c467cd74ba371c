"""The flight loop around a trivial firmware and a plant that only counts."""

import csv
import json
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fakes.firmware import TRIVIAL_APP, make_tree
from fakes.plant import TRUTH_NAMES, CountingPlant
from isoloop.errors import OutputError, TargetError, UsageError
from isoloop.flight import fly
from isoloop.flight.loop import WATCHDOG_MS
from isoloop.plant import PlantConfig
from isoloop.schema import Event, Scenario
from isoloop.targets.unix import UnixTarget

PUMP_ON = 1 << 14


def scenario(duration_s: float = 3.0, tick_ms: int = 100, events: tuple[Event, ...] = (), **params: int) -> Scenario:
    config = PlantConfig.from_preset("soyuz")
    return Scenario("test", "a test", duration_s, tick_ms, 1, config, params=params, events=events, expect={"no_alarm": True})


def power(at_s: float, off_s: float, mode: str = "brownout") -> Event:
    return Event(at_s, "power", {"mode": mode, "off_s": off_s}, 1)


class Flight:
    """One flight into tmp_path/run, and what it left there."""

    def __init__(self, folder: Path, main: str = TRIVIAL_APP) -> None:
        self.folder = folder / "run"
        self.tree = make_tree(folder / "firmware", main)
        self.plant = CountingPlant()
        self.told: list[tuple[float, str, Mapping[str, int | None]]] = []
        self.progress: list[int] = []
        self.target = UnixTarget(firmware=self.tree, hang_s=5)

    def fly(self, flown: Scenario, **options: Any) -> dict[str, Any]:
        return fly(
            flown,
            self.target,
            self.folder,
            plant=self.plant,
            truth_names=TRUTH_NAMES,
            on_event=lambda t_s, name, severity, fields: self.told.append((t_s, name, fields)),
            on_progress=self.progress.append,
            **options,
        )

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.folder / name).open(newline="") as stream:
            return list(csv.DictReader(stream))


@pytest.fixture
def flight(tmp_path: Path) -> Flight:
    return Flight(tmp_path)


@pytest.mark.req("REQ-APP-004")
def test_every_file_is_written_and_says_what_was_flown(flight: Flight) -> None:
    summary = flight.fly(scenario(mode=1), seed=7)
    assert sorted(path.name for path in flight.folder.iterdir()) == [
        "crew.csv",
        "events.csv",
        "link.bin",
        "summary.json",
        "telemetry.csv",
        "truth.csv",
    ]
    assert json.loads((flight.folder / "summary.json").read_text()) == summary
    assert (summary["schema"], summary["scenario"], summary["target"], summary["seed"]) == ("isoloop.run/1", "test", "unix", 7)
    assert (summary["ticks"], summary["sim_s"], summary["ok"]) == (30, 3.0, True)
    assert summary["truth"] == {"leaks": [], "leak": None}
    assert summary["lost_ml"] == summary["lost_before_isolation_ml"] == 30
    assert summary["lost_pct"] == pytest.approx(100 * 30 / 49_000, abs=1e-6)
    telemetry = flight.rows("telemetry.csv")
    assert [(row["t_s"], row["p_comp_a_pa"], row["mode"]) for row in telemetry] == [
        ("0.00", "0", "passive"),
        ("1.00", "10", "passive"),
        ("2.00", "20", "passive"),
    ]
    assert [row["t_s"] for row in flight.rows("truth.csv")] == ["0", "1", "2", "3"]
    assert [row["name"] for row in flight.rows("events.csv")] == ["BOOT", "PARAMETERS_LOADED"]
    assert flight.rows("events.csv")[1]["fields"] == "source=slot_a sequence=1"
    assert flight.told[0] == (0.0, "BOOT", {"reset_cause": 0})
    assert flight.progress == [10, 20, 30]


@pytest.mark.parametrize("tick_ms", [10, 20, 50, 100])
def test_every_tick_length_flies_the_whole_duration(flight: Flight, tick_ms: int) -> None:
    flight.plant = CountingPlant(tick_ms)
    summary = flight.fly(scenario(2.045, tick_ms))
    assert summary["ticks"] == len(flight.plant.drives) == -(-2045 // tick_ms)
    assert [row["t_s"] for row in flight.rows("telemetry.csv")] == ["0.00", "1.00", "2.00"]


def test_power_event_restarts_the_firmware_while_the_plant_flies_on(flight: Flight) -> None:
    summary = flight.fly(scenario(4.0, events=(power(1.05, 0.5), power(2.0, 0.0, "reset"))))
    boots = [(t_s, fields) for t_s, name, fields in flight.told if name == "BOOT"]
    assert boots == [(0.0, {"reset_cause": 0}), (1.6, {"reset_cause": 3}), (2.0, {"reset_cause": 2})]
    loads = [fields for _, name, fields in flight.told if name == "PARAMETERS_LOADED"]
    assert loads == [{"source": 1, "sequence": 1}] * 3  # what survives is in the slots
    assert summary["ticks"] == len(flight.plant.drives) == 40
    assert flight.plant.drives == [PUMP_ON] * 11 + [0] * 5 + [PUMP_ON] * 24
    assert [row["t_s"] for row in flight.rows("truth.csv")] == ["0", "1", "2", "3", "4"]


def test_power_that_does_not_come_back_leaves_the_plant_alone_to_the_end(flight: Flight) -> None:
    summary = flight.fly(scenario(3.0, events=(power(1.0, 100.0),)))
    assert summary["ticks"] == 30
    assert flight.plant.drives == [PUMP_ON] * 10 + [0] * 20


def test_erase_lets_the_plant_fly_on_with_the_old_drives(tmp_path: Path) -> None:
    main = """
board = UnixBoard()
while True:
    board.sample()
    if board.tick == 3:
        board.nor_erase(5)
    board.finish(board.tick, True)
"""
    flight = Flight(tmp_path, main)
    flight.plant = CountingPlant(10)
    flight.fly(scenario(0.12, 10))
    # 45 ms are five ticks of 10 ms: ticks 3 to 7 see the drives of tick 2, and the next tick that the firmware sees is 9.
    assert flight.plant.drives == [0, 1, 2, 2, 2, 2, 2, 2, 3, 9, 10, 11]


def test_starved_watchdog_resets_the_firmware(tmp_path: Path) -> None:
    main = TRIVIAL_APP.replace("board.finish(1 << 14, True)", "board.finish(1 << 14, board.reset_cause == 1)")
    flight = Flight(tmp_path, main)
    flight.fly(scenario(10.0))
    boots = [(t_s, fields) for t_s, name, fields in flight.told if name == "BOOT"]
    assert boots == [(0.0, {"reset_cause": 0}), (WATCHDOG_MS / 1000, {"reset_cause": 1})]


@pytest.mark.req("REQ-TGT-003")
def test_dying_firmware_keeps_what_was_recorded(tmp_path: Path) -> None:
    main = TRIVIAL_APP.replace("        heap_unlock()\n", "        heap_unlock()\n        if board.tick == 25: raise ValueError('worn')\n")
    flight = Flight(tmp_path, main)
    with pytest.raises(TargetError, match="at tick 25: ValueError: worn") as caught:
        flight.fly(scenario(5.0))
    assert "main.py" in caught.value.traceback
    summary = json.loads((flight.folder / "summary.json").read_text())
    assert (summary["ticks"], summary["ok"]) == (25, False)
    assert [row["t_s"] for row in flight.rows("telemetry.csv")] == ["0.00", "1.00", "2.00"]


@pytest.mark.req("REQ-CLI-008")
def test_ctrl_c_keeps_what_was_recorded(flight: Flight) -> None:
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        flight.fly(scenario(86_400.0), speed=10.0)
    timer.join()
    summary = json.loads((flight.folder / "summary.json").read_text())
    assert 10 <= summary["ticks"] < 864_000
    assert not summary["ok"]
    assert len(flight.rows("telemetry.csv")) == -(-summary["ticks"] // 10)
    assert flight.target._process is None


def test_speed_holds_the_flight_back(flight: Flight) -> None:
    summary = flight.fly(scenario(2.0), speed=8.0)
    assert summary["wall_s"] >= 2.0 / 8.0


@pytest.mark.req("REQ-INP-003")
def test_folder_that_cannot_be_made_is_an_output_error(flight: Flight, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    flight.folder = tmp_path / "file" / "run"
    with pytest.raises(OutputError, match="cannot be written"):
        flight.fly(scenario())
    assert flight.target._process is None


@pytest.mark.req("REQ-INP-003")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("name", ["link.bin", "telemetry.csv", "events.csv", "truth.csv"])
def test_full_disk_is_an_output_error(flight: Flight, name: str) -> None:
    flight.folder.mkdir()
    (flight.folder / name).symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left"):
        flight.fly(scenario(3.0))
    assert flight.target._process is None


def test_unknown_target_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no target"):
        fly(scenario(), "unx", tmp_path / "run", plant=CountingPlant(), truth_names=TRUTH_NAMES)
    assert not (tmp_path / "run").exists()
