"""Processor in the loop on the emulated Pico, over its USB port: the firmware's own processor gives what the host's gives."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from isoloop.errors import TargetError
from isoloop.flight import fly
from isoloop.schema import load_scenario
from isoloop.targets.serial import SerialTarget

try:
    from isoloop.emulator.live import LiveBoard
except TargetError as error:
    if os.environ.get("CI") == "true":
        raise
    pytest.skip(str(error), allow_module_level=True)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.req("REQ-BRD-001")
def test_cut_of_ms22_on_the_emulated_board_is_that_of_the_unix_target(pico_uf2: Path, tmp_path: Path) -> None:
    scenario = load_scenario("ms22")
    leak = replace(scenario.events[0], at_s=12.0)
    scenario = replace(scenario, duration_s=18.0, events=(leak,))
    with LiveBoard(pico_uf2, bench=True, files={}) as board:
        board.wait(0.5)
        over_cable = fly(scenario, SerialTarget(board.port, 120.0, ask_s=60.0), tmp_path / "serial")
    on_host = fly(scenario, "unix", tmp_path / "unix")
    assert over_cable["verdict"] == on_host["verdict"]
    assert over_cable["t_detect_s"] == on_host["t_detect_s"] is not None
    assert (tmp_path / "serial" / "telemetry.csv").read_bytes() == (tmp_path / "unix" / "telemetry.csv").read_bytes()
    assert over_cable["alloc_faults"] == 0
