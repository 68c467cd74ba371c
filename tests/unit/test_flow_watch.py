"""FlowWatch: the class around the kernels, on CPython and, bit for bit the same, under MicroPython with the heap locked."""

from __future__ import annotations

import subprocess
import sys
import types
from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from isoloop import paths
from isoloop.targets.interpreter import find_interpreter

LEVEL_UL_S = 500_000
UNKNOWN = -0x40000000

_TICKS = 6200
_SCRIPT = """
import sys
from array import array
from micropython import heap_lock, heap_unlock
sys.path.insert(0, {firmware!r})
from tcs import tables
from tcs.flow_watch import FlowWatch
params = array("i", tables.PARAM_DEFAULTS)
params[tables.P_STALE_MS] = 5000
watch = FlowWatch(params)
trace = array("i", [0] * (5 * {ticks}))
flows = array("i", [{flows}])

def fly():
    heap_lock()
    for tick in range({ticks}):
        flow = flows[tick]
        at = 5 * tick
        trace[at] = watch.update(flow, 0 if flow == {unknown} else 1, tick)
        trace[at + 1] = watch.flow_ul_s
        trace[at + 2] = watch.baseline_ul_s
        trace[at + 3] = watch.statistic_permille
        trace[at + 4] = watch.floor_ul_s
    heap_unlock()

fly()
for value in trace:
    print(value)
"""


@pytest.fixture
def firmware(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.SimpleNamespace]:
    """The firmware's modules on CPython, gone again afterwards."""
    micropython = types.ModuleType("micropython")
    monkeypatch.setattr(micropython, "const", lambda number: number, raising=False)
    monkeypatch.setattr(micropython, "native", lambda function: function, raising=False)
    monkeypatch.setitem(sys.modules, "micropython", micropython)
    monkeypatch.setattr("builtins.ptr32", int, raising=False)
    monkeypatch.syspath_prepend(str(paths.firmware_dir()))
    before = set(sys.modules)
    from tcs import flow_watch, tables

    yield types.SimpleNamespace(FlowWatch=flow_watch.FlowWatch, tables=tables)
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "tcs":
            del sys.modules[name]


def parameters(tables: Any) -> Any:
    params = array("i", tables.PARAM_DEFAULTS)
    params[tables.P_STALE_MS] = 5000
    return params


def flows(ticks: int = _TICKS) -> list[int]:
    """One row a second: 420 s of normal flow, a gap of 20 s, then a loss of 6 % at 480 s, at last silence."""
    rng = np.random.default_rng(3)
    rows = [UNKNOWN] * ticks
    for tick in range(0, ticks - 200, 10):
        level = LEVEL_UL_S * (0.94 if tick >= 4800 else 1)
        rows[tick] = round(rng.normal(level, 0.004 * LEVEL_UL_S))
    rows[4200:4400] = [UNKNOWN] * 200
    return rows


def trace(watch: Any, rows: list[int]) -> list[tuple[int, ...]]:
    found = []
    for tick, flow in enumerate(rows):
        verdict = watch.update(flow, int(flow != UNKNOWN), tick)
        found.append((verdict, watch.flow_ul_s, watch.baseline_ul_s, watch.statistic_permille, watch.floor_ul_s))
    return found


def test_flow_watch_life_of_a_loop_has_every_verdict(firmware: Any) -> None:
    ok, suspect, loss, stale = range(4)
    found = trace(firmware.FlowWatch(parameters(firmware.tables)), flows())
    verdicts = [row[0] for row in found]
    assert verdicts[0] == ok
    assert set(verdicts[:4240]) == {ok}
    assert verdicts[4300] == stale
    assert found[4300][1] == UNKNOWN
    assert verdicts[4400] == ok
    assert verdicts.index(suspect) > 4800
    assert 4800 + 150 <= verdicts.index(loss) <= 4800 + 300
    assert set(verdicts[verdicts.index(loss) :]) == {loss}, "latched, through silence too"
    assert found[-1][1] == UNKNOWN
    assert found[5900][3] == 1000


def test_flow_watch_without_a_sample_is_stale_and_knows_nothing(firmware: Any) -> None:
    watch = firmware.FlowWatch(parameters(firmware.tables))
    assert watch.update(UNKNOWN, 0, 0) == 3
    assert watch.update(UNKNOWN, 1, 1) == 3, "a fresh sample of a channel that is not ok is none"
    assert (watch.flow_ul_s, watch.baseline_ul_s, watch.statistic_permille, watch.settled) == (UNKNOWN, UNKNOWN, 0, False)


def test_flow_watch_old_sample_is_not_taken_twice(firmware: Any) -> None:
    watch = firmware.FlowWatch(parameters(firmware.tables))
    watch.update(LEVEL_UL_S, 1, 0)
    for tick in range(1, 50):
        watch.update(LEVEL_UL_S, 0, tick)
    assert watch.update(LEVEL_UL_S, 0, 51) == 3


def test_flow_watch_restart_forgets_the_loss(firmware: Any) -> None:
    watch = firmware.FlowWatch(parameters(firmware.tables))
    assert trace(watch, flows())[-1][0] == 2
    watch.restart()
    assert watch.baseline_ul_s == UNKNOWN
    assert watch.update(LEVEL_UL_S, 1, 7000) == 0


def test_flow_watch_ten_samples_a_second_say_what_one_says(firmware: Any) -> None:
    """A meter sampled every tick is averaged to steps of a second: the same baseline, no quicker alarm than the hold allows."""
    rng = np.random.default_rng(9)
    rows = [round(rng.normal(LEVEL_UL_S * (0.94 if tick >= 4800 else 1), 0.012 * LEVEL_UL_S)) for tick in range(_TICKS)]
    found = trace(firmware.FlowWatch(parameters(firmware.tables)), rows)
    verdicts = [row[0] for row in found]
    assert 4800 + 150 <= verdicts.index(2) <= 4800 + 250
    assert found[4700][2] == pytest.approx(LEVEL_UL_S, rel=0.002)


def test_flow_watch_micropython_under_heap_lock_is_bit_identical(firmware: Any) -> None:
    rows = flows()
    script = _SCRIPT.format(firmware=str(paths.firmware_dir()), ticks=_TICKS, flows=",".join(map(str, rows)), unknown=UNKNOWN)
    done = subprocess.run([*find_interpreter().command, "-X", "heapsize=8M", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    values = [int(line) for line in done.stdout.split()]
    expected = [value for row in trace(firmware.FlowWatch(parameters(firmware.tables)), rows) for value in row]
    assert values == expected
