"""Scenario events `command` and `link`: telecommands flown from the ground, and what the link does to them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from isoloop.flight import fly
from isoloop.flight.ground import GroundSegment
from isoloop.link import cobs
from isoloop.schema import load_scenario

HEAD = """schema = "isoloop.scenario/1"
name = "ground"
duration_s = {duration_s}
[link]
baud = {baud}
"""


def scenario(tmp_path: Path, events: str, duration_s: float = 20, baud: int = 115200):
    path = tmp_path / "ground.toml"
    path.write_text(HEAD.format(duration_s=duration_s, baud=baud) + events)
    return load_scenario(path)


def event(at_s: float, **keys: object) -> str:
    return f"[[event]]\nat_s = {at_s}\n" + "".join(
        f"{key} = {value}\n" if key == "args" else f"{key} = {json.dumps(value)}\n" for key, value in keys.items()
    )


def command(at_s: float, name: str, args: str = "{}") -> str:
    return event(at_s, kind="command", name=name, args=args)


def rows(folder: Path) -> list[tuple[str, str, str]]:
    with (folder / "commands.csv").open() as stream:
        return [(row["name"], row["stage"], row["reason"]) for row in csv.DictReader(stream)]


def test_commands_are_flown_verified_and_written_down(tmp_path: Path) -> None:
    text = (
        command(2, "valve_close", '{valve = "rad2_in"}')
        + command(8, "mode_set", '{mode = "passive"}')
        + command(9, "arm", '{telecommand = "mode_set"}')
        + command(10, "mode_set", '{mode = "passive"}')
    )
    summary = fly(scenario(tmp_path, text), "unix", tmp_path / "out")
    assert summary["alloc_faults"] == 0
    assert rows(tmp_path / "out") == [
        ("valve_close", "accepted", ""), ("valve_close", "started", ""), ("valve_close", "progress", ""), ("valve_close", "completed", ""),
        ("mode_set", "accepted", ""), ("mode_set", "start failed", "not_armed"),
        ("arm", "accepted", ""), ("arm", "started", ""), ("arm", "completed", ""),
        ("mode_set", "accepted", ""), ("mode_set", "started", ""), ("mode_set", "completed", ""),
    ]  # fmt: skip
    with (tmp_path / "out" / "telemetry.csv").open() as stream:
        last = list(csv.DictReader(stream))[-1]
    assert (last["mode"], last["valve_rad2_in"]) == ("passive", "closed")


def test_link_that_is_down_loses_commands_and_reports_and_comes_back(tmp_path: Path) -> None:
    text = (
        event(5, kind="link", mode="down", duration_s=5)
        + command(6, "pump_off")
        + event(12, kind="link", mode="down")
        + event(14, kind="link", mode="up")
        + command(15, "ping")
    )
    fly(scenario(tmp_path, text), "unix", tmp_path / "out")
    assert rows(tmp_path / "out") == [("ping", "accepted", ""), ("ping", "started", ""), ("ping", "completed", "")]
    with (tmp_path / "out" / "telemetry.csv").open() as stream:
        times = [float(row["t_s"]) for row in csv.DictReader(stream)]
    assert times == [*range(5), 10, 11, *range(14, 20)]


def test_noise_damages_frames_and_nothing_wrong_is_believed(tmp_path: Path) -> None:
    text = event(0, kind="link", ber=1e-3) + "".join(command(1 + k / 4, "pump_off" if k % 2 else "pump_on") for k in range(60))
    flown = scenario(tmp_path, text)
    fly(flown, "unix", tmp_path / "a")
    fly(flown, "unix", tmp_path / "b")
    assert (tmp_path / "a" / "link.bin").read_bytes() == (tmp_path / "b" / "link.bin").read_bytes()
    stages = [stage for _, stage, _ in rows(tmp_path / "a")]
    assert 20 < stages.count("completed") < 60
    assert all(not reason for _, _, reason in rows(tmp_path / "a"))


def test_uplink_keeps_to_the_baud_rate(tmp_path: Path) -> None:
    flown = scenario(tmp_path, command(1, "ping") + command(1, "param_dump"), baud=1200)
    ground = GroundSegment(flown, 1)
    assert ground.wake_tick == 10
    sent = [ground.uplink(tick) for tick in range(10, 30)]
    assert max(map(len, sent)) == 12
    assert len([block for block in b"".join(sent).split(b"\0") if block and cobs.decode(block)]) == 2
    assert ground.wake_tick > 10**9


@pytest.mark.parametrize("target", ["unix32"])
def test_commands_fly_on_the_32_bit_target_too(tmp_path: Path, target: str) -> None:
    from isoloop import images

    if images.find("unix32") is None:
        pytest.skip("no image unix32: python -m isoloop.images build unix32")
    text = command(2, "param_set", '{parameter = "stale_ms", value = 1500}') + command(3, "param_dump") + command(4, "events_disabled")
    summary = fly(scenario(tmp_path, text, 8), target, tmp_path / "out")
    quiet = fly(scenario(tmp_path, "", 8), target, tmp_path / "quiet")
    assert summary["alloc_faults"] == quiet["alloc_faults"]
    assert [stage for _, stage, _ in rows(tmp_path / "out")] == ["accepted", "started", "completed"] * 3


def test_ground_of_a_lasting_board_goes_on_from_the_counter_of_the_flight_before(monkeypatch, tmp_path) -> None:
    from isoloop.link.telecommand import Credentials

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    scenario = load_scenario("ms22")
    credentials = Credentials(b"\xff" * 8)
    numbers = []
    for _ in range(2):
        ground = GroundSegment(scenario, 1, credentials, is_lasting=True)
        ground.command("ping", ())
        ground.request("ping", ())
        numbers += sorted(ground.names)
        assert ground.uplink(0)
    assert len(set(numbers)) == 2
    assert ground.next_number() > 2**20
