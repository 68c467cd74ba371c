"""Fly the vectors under checked arithmetic: every place that leaves its range, and the lines that came nearest the bound.

python bounds.py ticks=100000 seed=1 epoch=400     random stimulus
python bounds.py examples=500                      Hypothesis, which shrinks what it finds
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any

from isoloop import kernels
from isoloop.kernels.checked import BoundsError, Watch

FAULTS = (BoundsError, OverflowError, ZeroDivisionError, IndexError)


def prepare() -> tuple[Watch, type, tuple[object, ...]]:
    """The watch, the Flight class, and what a Flight is made of after the seed."""
    watch = Watch()
    tree = os.environ.get("VECTORS_FIRMWARE")
    watch.install(Path(tree) if tree else None)
    kernels.firmware("micropython")
    import stimulus_kernel

    import vectors
    from boards import reference
    from tcs import app, tables

    class Flight(vectors.Flight):
        """Boots unwatched."""

        def boot(self) -> None:
            watch.armed = False
            super().boot()
            watch.armed = True

    return watch, Flight, (kernels.compile_module(stimulus_kernel), tables, app, reference)


def fly(ticks: int, seed: int = 1, epoch: int = 400) -> int:
    """Fly, print, and return how many places failed. A fault costs the rest of its epoch."""
    watch, flight_class, parts = prepare()
    flight = flight_class(seed, *parts, epoch)
    found: dict[str, int] = {}
    for _ in range(ticks // epoch):
        flight.tick = 0
        try:
            for _ in range(epoch):
                flight.step()
                watch.look()
        except FAULTS as error:
            found.setdefault(place(error), flight.epoch)
    for text, number in found.items():
        print(f"FAULT {text} [epoch {number}]")
    for magnitude, text in watch.largest(10):
        print(f"peak {magnitude / (1 << 30):.3f} of 2^30  {text}")
    return len(found)


def place(error: BaseException) -> str:
    """Where in the flight source an error arose, without the value, so that one place counts once."""
    text = str(error)
    if text.startswith("tcs/"):
        return text.split(" (")[0] + ": " + text.rpartition("): ")[2]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/tcs/" in frame.filename]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}: {frames[-1].line}" if frames else "nowhere"
    return f"{type(error).__name__} at {where}"


def search(examples: int, seed: int = 1) -> int:
    """Hypothesis looks for parameters, spans and counts that leave the range; it prints the smallest that it finds."""
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    watch, flight_class, parts = prepare()
    tables = parts[1]
    import vectors

    lows, highs, defaults = tables.PARAM_MINS, tables.PARAM_MAXS, tables.PARAM_DEFAULTS
    one_count = st.sampled_from(vectors.EXTREMES) | st.integers(0, 65535)
    rows = st.lists(
        st.tuples(st.lists(one_count, min_size=16, max_size=16), st.integers(0, 7), st.booleans(), st.integers(1, 40)),
        min_size=1,
        max_size=5,
    )
    ends = st.dictionaries(st.integers(0, len(lows) - 1), st.integers(0, 2), max_size=len(lows))

    class Chosen(flight_class):  # type: ignore[misc, valid-type]
        picked: dict[int, int]
        others = 0
        coolant = 0

        def choose(self, case: int, values: Any) -> None:
            for i in range(len(lows)):
                values[i] = (defaults[i], lows[i], highs[i])[self.picked.get(i, self.others)]
            values[tables.P_COOLANT] = self.coolant

    @settings(max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(ends, st.integers(0, 2), st.integers(0, 2), rows)
    def stays_within(picked: dict[int, int], others: int, coolant: int, script: list[tuple[list[int], int, bool, int]]) -> None:
        flight = Chosen(seed, *parts)
        flight.picked, flight.others, flight.coolant = picked, others, coolant
        flight.boot()
        tick = 0
        for counts, connected, pump_on, hold in script:
            flight.app.isolation.pump_on = pump_on
            flight.app.valves.connected = lambda connected=connected: connected
            for i in range(16):
                flight.board.counts[i] = counts[i]
            for turn in range(hold):
                flight.board.counts[turn % 16] ^= 64  # else the channels would be stuck
                flight.board.fresh = 0xFFFF
                flight.app.cycle(tick)
                watch.look()
                tick += 1

    try:
        stays_within()
    except FAULTS as error:
        print("FAULT", place(error))
        print(*getattr(error, "__notes__", []), sep="\n")
        return 1
    return 0


if __name__ == "__main__":
    words = {word.split("=")[0]: int(word.split("=")[1]) for word in sys.argv[1:]}
    sys.exit(1 if (search(**words) if "examples" in words else fly(**words)) else 0)
