"""How quickly the flight kernels run on this host, kernel by kernel, one core."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from isoloop.bench.chain import chain
from isoloop.bench.flight import Flight
from isoloop.kernels import firmware
from isoloop.plant import PlantConfig

TICKS = 200_000
REPEATS = 3
PARTS = ("sense", "vote and reference", "account", "accumulate and detect")


def ticks_a_second() -> dict[str, float]:
    """Ticks a second of the detector's bank alone, of each part and all, and of the whole simulation."""
    flight = Flight(PlantConfig.from_preset("soyuz"), 1)
    flight.fly(600.0)
    found: dict[str, float] = {}
    started = time.process_time()
    flight.fly(TICKS / 10.0)
    found["plant, noise and all kernels"] = TICKS / (time.process_time() - started)

    rng = np.random.Generator(np.random.PCG64(1))
    counts = _record(flight, 20_000)
    kernels = [*flight._kernels[:7], *flight._kernels[9:11]]  # without the neighbours'
    bank, bank_cfg = kernels[7:]
    took = [_best(lambda parts=parts: chain().until(counts, 1, *kernels, flight._sample, parts), len(counts)) for parts in (1, 2, 3, 4)]
    for name, upto, before in zip(PARTS, took, (0.0, *took), strict=False):
        found[name] = 1.0 / max(upto - before, 1e-12)
    found["all kernels"] = 1.0 / took[-1]
    width = firmware("tcs.detector_kernel").WIDTH
    samples = np.zeros((TICKS, width), np.int32)
    samples[:, 0] = 49_000_000 + rng.normal(0.0, 1300.0, TICKS)
    samples[:, 1:4] = 118_000 + rng.normal(0.0, 120.0, (TICKS, 3))
    samples[:, 4:] = 20_000
    found["detector bank"] = 1.0 / _best(lambda: chain().bank(samples, 25_000, 0, bank, bank_cfg), TICKS)
    return found


def _record(flight: Flight, ticks: int) -> Any:
    counts = np.zeros((ticks, 16), np.uint16)
    for tick in range(ticks):
        counts[tick] = flight._plant.counts
        flight.fly_on(0.1)
    return counts


def _best(run: Any, ticks: int) -> float:
    """Seconds a tick, the best of a few runs; the first compiles."""
    run()
    best = float("inf")
    for _ in range(REPEATS):
        started = time.process_time()
        run()
        best = min(best, (time.process_time() - started) / ticks)
    return best
