"""Flights in which bits of the firmware's live state flip, told through the bridge; the application itself is what is flashed."""

from __future__ import annotations

import csv
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fakes.fault_matrix import Case, judge
from isoloop import paths
from isoloop.errors import TargetError
from isoloop.flight import fly
from isoloop.schema import load_scenario
from isoloop.targets.base import TickAnswer
from isoloop.targets.unix import UnixTarget

HERE = Path(__file__).resolve().parent
SPARE_WORD = 14  # byte offset of word 7 in the tick frame
FLIPS_A_FLIGHT = 200
FIRST_TICK = 100
WATCHDOG = 1
LEAKS = ((("rad1", 0.8),), (("rad2", 0.5),), (("rad3", 2.0),), (("rad2", 8.0),), (("internal", 1.0),), ())


class FlippingTarget(UnixTarget):
    """Target unix whose harness flips bit number `flips[tick]` before that tick is looked at."""

    def __init__(self, folder: Path, flips: Mapping[int, int]) -> None:
        super().__init__(firmware=harness(folder))
        self._flips = flips
        self.resets = 0

    def tick(self, counts: Any, fresh: int, switches: int, tick: int, uplink: bytes = b"") -> TickAnswer:
        try:
            return self._marked(self._flips.get(tick, 0), counts, fresh, switches, tick, uplink)
        except TargetError:
            # It stopped: on a board the watchdog bites.
            self.resets += 1
            self.start(self._nor, WATCHDOG)
            return super().tick(counts, fresh, switches, tick, uplink)

    def _marked(self, number: int, counts: Any, fresh: int, switches: int, tick: int, uplink: bytes) -> TickAnswer:
        if not number:
            return super().tick(counts, fresh, switches, tick, uplink)
        write = os.write

        def marked(handle: int, data: Any) -> int:
            frame = bytearray(data)
            frame[SPARE_WORD : SPARE_WORD + 2] = number.to_bytes(2, "little")
            return write(handle, frame)

        os.write = marked
        try:
            return super().tick(counts, fresh, switches, tick, uplink)
        finally:
            os.write = write


def harness(folder: Path) -> Path:
    """A tree whose main.py is the harness's and all else the firmware's."""
    tree = folder / "firmware"
    tree.mkdir(parents=True)
    for part in ("tcs", "boards", "start.py"):
        (tree / part).symlink_to(paths.firmware_dir() / part)
    (tree / "main.py").symlink_to(HERE / "flip_bits" / "main.py")
    return tree


def plan(number: int, every: int = 10) -> dict[int, int]:
    """Flips of flight `number`: tick -> number of the flip, never 0."""
    dice = random.Random(number)
    return {FIRST_TICK + every * i + dice.randrange(every): dice.randrange(1, 65536) for i in range(FLIPS_A_FLIGHT)}


def flight(number: int, folder: Path, flips: Mapping[int, int] | None = None) -> tuple[list[str], dict[str, int]]:
    """Fly one flight with its flips; what of it was unsafe, and the counts of outcomes."""
    flips = plan(number) if flips is None else flips
    holes = LEAKS[number % len(LEAKS)]
    is_warm = not holes or holes[0][0] == "internal"
    temp_c = 20.0 if is_warm else (20.0, 0.0, -20.0)[number % 3]
    case = Case(f"flips-{number}", holes, seed=900 + number, temp_c=temp_c)
    folder.mkdir(parents=True)
    path = folder / "scenario.toml"
    path.write_text(case.toml(), encoding="utf-8")
    run = folder / "run"
    target = FlippingTarget(folder, flips)
    summary = fly(load_scenario(str(path)), target, run, case.seed)
    broken = judge(case, summary, run)
    with (run / "events.csv").open(newline="", encoding="utf-8") as stream:
        rows = [row["name"] + " " + row["fields"] for row in csv.DictReader(stream)]
    corrected = sum(int(row.split("words=")[1].split()[0]) for row in rows if row.startswith("MEMORY_CORRECTED"))
    lost = sum(row.startswith("MEMORY_FAULT") for row in rows)
    discarded = int(summary["alloc_faults"])
    return broken, {"flips": len(flips), "corrected": corrected, "lost": lost, "discarded": discarded, "resets": target.resets}


def guilty(number: int, folder: Path) -> dict[int, int]:
    """The smallest part of a flight's flips, by halving, that is still unsafe."""
    flips = plan(number)
    step = 0
    while len(flips) > 1:
        ticks = sorted(flips)
        for half in (ticks[: len(ticks) // 2], ticks[len(ticks) // 2 :]):
            step += 1
            part = {tick: flips[tick] for tick in half}
            if flight(number, folder / str(step), part)[0]:
                flips = part
                break
        else:
            break
    return flips
