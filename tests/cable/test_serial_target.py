"""Target serial: a flight over a cable is the flight, and whatever is on the cable instead is told apart in one sentence."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.bench_board import BenchBoard
from isoloop.errors import TargetError, UsageError
from isoloop.flight import fly
from isoloop.schema import load_scenario
from isoloop.targets import open_target
from isoloop.targets.serial import SerialTarget


@pytest.mark.req("REQ-BRD-001")
def test_ms22_over_the_cable_is_byte_for_byte_that_of_the_unix_target(tmp_path: Path) -> None:
    scenario = replace(load_scenario("ms22"), duration_s=75.0)
    with BenchBoard() as board:
        over_cable = fly(scenario, f"serial:{board.port}", tmp_path / "serial")
    on_host = fly(scenario, "unix", tmp_path / "unix")
    assert over_cable["verdict"] == on_host["verdict"]
    assert over_cable["verdict"]["class"] == "coolant_leak"
    assert over_cable["t_isolate_cmd_s"] == on_host["t_isolate_cmd_s"]
    assert "e660123456789abc" in over_cable["firmware"]["micropython"]
    assert (tmp_path / "serial" / "telemetry.csv").read_bytes() == (tmp_path / "unix" / "telemetry.csv").read_bytes()


@pytest.mark.req("REQ-BRD-001")
def test_board_that_flew_waits_for_the_next_host(tmp_path: Path) -> None:
    scenario = replace(load_scenario("nominal-orbit"), duration_s=6.0)
    with BenchBoard() as board:
        summaries = [fly(scenario, f"serial:{board.port}", tmp_path / name) for name in ("first", "again")]
    assert [summary["ticks"] for summary in summaries] == [60, 60]
    assert (tmp_path / "first" / "link.bin").read_bytes() == (tmp_path / "again" / "link.bin").read_bytes()


@pytest.mark.req("REQ-BRD-004")
@pytest.mark.parametrize(
    ("hello", "kind", "told"),
    [
        ("isoloop bench 1 e66 0123 dead MicroPython_v1.25.0", UsageError, "dictionary 0xDEAD.*isoloop flash"),
        ("isoloop bench refused: armed", UsageError, "armed for flight.*passive"),
        (">>> isoloop bench?\r\nSyntaxError: invalid syntax\r\n>>> ", UsageError, "MicroPython's prompt.*isoloop flash"),
        ("hello, I am a GPS receiver", UsageError, "talks, but not as isoloop.*isoloop doctor"),
        ("", TargetError, "nothing answers.*bench strap.*isoloop flash"),
    ],
)
def test_what_is_no_bench_is_said_in_one_sentence(hello: str, kind: type[Exception], told: str) -> None:
    with BenchBoard(hello) as board:
        target = SerialTarget(board.port, 5.0, ask_s=1.0)
        try:
            with pytest.raises(kind, match=told) as caught:
                target.identity()
        finally:
            target.close()
    assert "\n" not in str(caught.value)


@pytest.mark.req("REQ-BRD-004")
def test_cable_pulled_in_flight_ends_the_run_with_code_three_at_once(tmp_path: Path) -> None:
    scenario = replace(load_scenario("nominal-orbit"), duration_s=600.0)
    with BenchBoard(vanish_after=20_000) as board:
        began_s = time.monotonic()
        with pytest.raises(TargetError, match=r"vanished|did not answer") as caught:
            fly(scenario, SerialTarget(board.port, 4.0), tmp_path / "run")
        assert caught.value.exit_code == 3
        assert time.monotonic() - began_s < 30
    assert (tmp_path / "run" / "summary.json").is_file()


@pytest.mark.req("REQ-BRD-004")
def test_serial_without_a_port_is_refused() -> None:
    with pytest.raises(UsageError, match="wants a port"):
        open_target("serial:")
    with pytest.raises(UsageError, match="there is no port"):
        open_target("serial:/dev/does-not-exist")
