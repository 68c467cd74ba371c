"""The control cycle takes nothing from the heap: on the 32-bit interpreter, kernels under viper, in every state and with every fault."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from flavours import HEAP, Bench

from isoloop.flight import fly
from isoloop.paths import SCENARIOS_DIR, builtin_names
from isoloop.schema import load_scenario

CUT_S = 240.0


def measure(program: Path, tree: Path, ticks: int, seed: int = 1) -> list[str]:
    done = subprocess.run(
        [program, str(tree / HEAP), f"ticks={ticks}", f"seed={seed}", "epoch=4000"],
        env={"MICROPYPATH": f".frozen:{tree}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.timeout(300)
@pytest.mark.req("REQ-APP-001")
def test_cycle_takes_no_byte_from_the_heap(bench: Bench, unix32: Path) -> None:
    *lines, total, reached = measure(unix32, bench.viper, 32_000)
    assert lines == []
    assert total == "total 32000 0"
    # Every verdict; bypass and radiators driven both ways with the outputs enabled; valve faults.
    verdicts, drives, faults = reached.removeprefix("reached ").rsplit(" ", 2)
    assert verdicts == "[0, 1, 2, 3, 4]"
    assert int(drives) & 0xBFFF == 0xBFFF
    assert int(faults) > 0


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.req("REQ-APP-001")
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_cycle_takes_no_byte_from_the_heap_for_longer(seed: int, bench: Bench, unix32: Path) -> None:
    assert measure(unix32, bench.viper, 300_000, seed)[-2] == "total 300000 0"


def test_a_cycle_that_allocates_is_seen(bench: Bench, unix32: Path, tmp_path: Path) -> None:
    wrong = Bench(tmp_path, bench.firmware)
    path = wrong.viper / "tcs/app.py"
    text = path.read_text()
    line = "        self._last_tick = tick\n        connected ="
    assert text.count(line) == 1
    path.write_text(text.replace(line, "        junk = (tick, tick)\n" + line))
    *lines, total, _ = measure(unix32, wrong.viper, 100)
    assert len(lines) == 20
    assert total == "total 100 1600"  # a pair: one cell of 16 bytes


@pytest.mark.timeout(300)
@pytest.mark.req("REQ-APP-001")
@pytest.mark.parametrize("name", builtin_names(SCENARIOS_DIR))
def test_scenario_flies_on_32_bits_without_an_allocation_fault(name: str, unix32: Path, tmp_path: Path) -> None:
    scenario = load_scenario(name)
    summary = fly(replace(scenario, duration_s=min(CUT_S, scenario.duration_s)), "unix32", tmp_path)
    assert summary["alloc_faults"] == 0
    assert summary["ticks"] > 1000


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.req("REQ-APP-001")
@pytest.mark.parametrize("name", builtin_names(SCENARIOS_DIR))
def test_whole_scenario_flies_on_32_bits_without_an_allocation_fault(name: str, unix32: Path, tmp_path: Path) -> None:
    assert fly(load_scenario(name), "unix32", tmp_path)["alloc_faults"] == 0
