"""Target rig: two emulated Picos wired to each other, the rig's firmware on one and the release image on the other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from isoloop.errors import TargetError, UsageError
from isoloop.flight import fly
from isoloop.flight.loop import own_plant
from isoloop.flight.records import build_nor
from isoloop.schema import Scenario, load_scenario
from isoloop.targets import Nor, open_target
from isoloop_hil import memory
from isoloop_hil.console import RigPort
from isoloop_hil.target import voltages

if TYPE_CHECKING:
    from isoloop_hil.emulated.pair import LivePair

EXAMPLE = Path(__file__).resolve().parents[2] / "hil" / "example"
LEAK_S = 12.0


def cut_of_ms22(duration_s: float) -> Scenario:
    scenario = load_scenario("ms22")
    return replace(scenario, duration_s=duration_s, events=(replace(scenario.events[0], at_s=LEAK_S),), expect={})


def memory_of(name: str, **params: int) -> Nor:
    scenario = load_scenario(name)
    plant, _ = own_plant(scenario, 1)
    return build_nor({**plant.firmware_params(), "tick_ms": 100, "link_baud": 115200, **params}, plant.calibration())


@pytest.mark.req("REQ-HIL-002")
def test_board_with_a_memory_of_its_own_flies_the_default_loop_alone() -> None:
    memory.refuse_what_differs(memory_of("ms22"), "bench.toml")
    with pytest.raises(UsageError, match=r'bench\.toml: .*\(gas_max_ml = 5000, not 7750\).*memory = "scenario"'):
        memory.refuse_what_differs(memory_of("ms22", gas_max_ml=5000), "bench.toml")


@pytest.mark.req("REQ-HIL-002")
def test_voltages_for_a_real_converter_read_as_the_plants_counts_once_it_has_its_wide_codes() -> None:
    from isoloop.plant.adc import transfer

    starts, ends, gain = transfer((9.0,) * 4)
    shown = np.frombuffer(voltages(np.arange(0, 65520, 7, dtype=np.uint16)), np.uint16).astype(float)
    wide = sum(np.clip((shown - start) / (end - start), 0, 1) * 16 for start, end in zip(starts, ends, strict=True))
    narrow = shown - sum(np.clip(shown, start, end) - start for start, end in zip(starts, ends, strict=True))
    assert np.abs(narrow * gain + wide - np.arange(0, 65520, 7)).max() < 2.0


@pytest.mark.req("REQ-HIL-005")
def test_rig_whose_port_vanishes_says_so() -> None:
    master, slave = os.openpty()
    port = RigPort(os.ttyname(slave), 5.0)
    os.close(slave)
    os.close(master)
    with pytest.raises(TargetError, match=r"the rig's port .* vanished .*: plug its cable in again"):
        port.identify()
    port.close()


@pytest.mark.req("REQ-HIL-005")
def test_port_that_is_silent_or_no_rig_says_so() -> None:
    master, slave = os.openpty()
    port = RigPort(os.ttyname(slave), 0.5)
    with pytest.raises(TargetError, match="no rig answers"):
        port.identify()
    os.write(master, b"MicroPython v1.25\r\n>>> \r\n")
    with pytest.raises(UsageError, match="MicroPython's prompt"):
        port.identify()
    port.close()
    os.close(master)
    os.close(slave)


@pytest.fixture(scope="module")
def pair(rig_uf2: Path, pico_uf2: Path) -> Iterator[LivePair]:
    from isoloop_hil.emulated.pair import LivePair

    with LivePair(rig_uf2, pico_uf2) as live:
        live.wait(0.4)
        yield live


@pytest.fixture(scope="module")
def rig_file(pair: LivePair, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rig") / "bench.toml"
    head = f'schema = "isoloop.rig/1"\nname = "emulated"\nwait_s = 300\n\n[rig]\nport = "{pair.port}"\n'
    path.write_text(f'{head}\n[board]\nport = "{pair.board_port}"\nmemory = "scenario"\nconverter = "ideal"\n')
    return path


@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.req("REQ-HIL-002")
def test_cut_of_ms22_on_two_emulated_picos_is_called_and_isolated_as_on_unix(pair: LivePair, rig_file: Path, tmp_path: Path) -> None:
    scenario = cut_of_ms22(30.0)
    target = open_target(f"rig:{rig_file}")
    flown = fly(scenario, target, tmp_path / "rig")
    on_host = fly(scenario, "unix", tmp_path / "unix")
    assert flown["verdict"]["class"] == on_host["verdict"]["class"] == "coolant_leak"
    assert abs(flown["t_detect_s"] - on_host["t_detect_s"]) < 1.0
    assert abs(flown["t_isolated_s"] - on_host["t_isolated_s"]) < 1.5
    assert (flown["alloc_faults"], flown["false_alarms"], flown["false_isolations"]) == (0, 0, 0)
    assert flown["firmware"]["image_sha256"] != on_host["firmware"]["image_sha256"]
    seen = target.statistics  # type: ignore[attr-defined]
    assert (seen.ticks, seen.silent) == (300, 0)
    assert not pair.pair.parts.is_on


@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.req("REQ-HIL-003")
def test_plugin_flies_on_the_emulated_rig(rig_file: Path, tmp_path: Path) -> None:
    names = "ping or itself or power_cut"
    options = ["-k", names, "--isoloop-target", f"rig:{rig_file}", "--isoloop-timeout", "900", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", str(EXAMPLE / "tests"), *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1400, check=False)
    assert "3 passed" in done.stdout, done.stdout


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.req("REQ-HIL-004")
def test_plugin_flies_what_labgrid_names(rig_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("labgrid")
    (tmp_path / "labgrid.yaml").write_text((EXAMPLE / "labgrid.yaml").read_text().replace("bench.toml", str(rig_file)))
    lines = ["def test_it(clock, link, target):"]
    lines += ["    clock.run(1.0)", "    assert link.events('BOOT')", "    assert target.get_driver('LoopDriver')"]
    (tmp_path / "test_it.py").write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "pytest", "--lg-env", "labgrid.yaml", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=800, check=False)
    assert "1 passed" in done.stdout, done.stdout


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.req("REQ-HIL-005")
def test_rig_refuses_to_judge_another_image(rig_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(rig_file.read_text() + 'image = "1234567890ab"\n')
    target = open_target(f"rig:{other}")
    with pytest.raises(UsageError, match="runs on the board, 12345678 is to be tested"):
        target.identity()
    target.close()
