"""Peers: what else is used to find a leak in such a record, on the same traces and tuned by the same search.

The search: a peer's threshold is its largest excursion in the tuning days, so none has raised an alarm there. Of each peer's settings
the one that is quickest at a size counts at that size, an advantage to it. `trace` is (ticks, 2): voted compensator pressure in kPa and,
for all but the limits and the plain CUSUM, the compensated inventory in mL, which is a gift of the flight code.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

SKIP_TICKS = 1200
LIMIT_OF = ((1, 1), (5, 8), (20, 30), (100, 150))
RATE_TICKS = (3, 10, 30, 100, 300, 1000, 6000)
EWMA_TICKS = ((10, 600), (30, 1200), (100, 3000), (300, 9000), (1000, 30000), (6000, 180000))
CUSUM_KPA_S = (0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)


def _keys() -> list[tuple[str, str]]:
    names = [("low-pressure limit", f"{n} of {m}") for n, m in LIMIT_OF]
    names += [("rate of change", f"{n / 10:g} s") for n in RATE_TICKS]
    names += [("EWMA", f"{a / 10:g} against {b / 10:g} s") for a, b in EWMA_TICKS]
    names += [("CUSUM, not compensated", f"{k:g} kPa/s") for k in CUSUM_KPA_S]
    return names


FAST = _keys()
"""Peer and setting of each column of the compiled statistics."""


def label(peer: str, setting: str) -> str:
    """One key of a peer with a setting."""
    return f"{peer} | {setting}"


@cache
def _kernels() -> SimpleNamespace:
    import numba

    limit_of, rate_ticks = np.array(LIMIT_OF), np.array(RATE_TICKS)
    ewma_ticks, cusum_kpa_s = np.array(EWMA_TICKS, np.float64), np.array(CUSUM_KPA_S)
    limits, rates, ewmas, cusums = len(LIMIT_OF), len(RATE_TICKS), len(EWMA_TICKS), len(CUSUM_KPA_S)

    @numba.njit
    def rates_of(trace: Any, first: int, thresholds: Any, peak: Any, found: Any) -> None:
        """Largest statistic of each peer after `first`, and the first tick from there on over its threshold.

        N of M is taken as "N samples running below": the mean over N, which a limit checker with persistence comes to with white noise.
        """
        n = trace.shape[0]
        sums = np.zeros(limits)
        blocks = np.zeros(rates)
        before = np.zeros(rates)
        fast = np.full(ewmas, trace[0, 1])
        slow = np.full(ewmas, trace[0, 1])
        total = np.zeros(cusums)
        for t in range(n):
            p, v = trace[t, 0], trace[t, 1]
            if p < -1e3:
                p = trace[max(t - 1, 0), 0]
                trace[t, 0] = p
            live = t >= first
            k = 0
            for i in range(limits):
                count = limit_of[i, 0]
                sums[i] += p
                if t >= count:
                    sums[i] -= trace[t - count, 0]
                    _note(-sums[i] / count, k, t, live, thresholds, peak, found)
                k += 1
            for i in range(rates):
                count = rate_ticks[i]
                blocks[i] += p
                if t >= count:
                    blocks[i] -= trace[t - count, 0]
                if t >= 2 * count:
                    before[i] += trace[t - count, 0] - trace[t - 2 * count, 0]
                    _note((before[i] - blocks[i]) / count, k, t, live, thresholds, peak, found)
                elif t >= count:
                    before[i] += trace[t - count, 0]
                k += 1
            for i in range(ewmas):
                fast[i] += (v - fast[i]) / ewma_ticks[i, 0]
                slow[i] += (v - slow[i]) / ewma_ticks[i, 1]
                _note(slow[i] - fast[i], k, t, live, thresholds, peak, found)
                k += 1
            for i in range(cusums):
                if t > 0:
                    total[i] = max(0.0, total[i] + trace[t - 1, 0] - p - cusum_kpa_s[i] * 0.1)
                _note(total[i], k, t, live, thresholds, peak, found)
                k += 1

    @numba.njit
    def _note(value: float, k: int, t: int, live: bool, thresholds: Any, peak: Any, found: Any) -> None:
        if live:
            if value > peak[k]:
                peak[k] = value
            if found[k] < 0 and value > thresholds[k]:
                found[k] = t

    return SimpleNamespace(run=rates_of)


def excursions(trace: FloatArray) -> dict[str, float]:
    """Largest statistic of each compiled peer and setting over a trace, start-up left out."""
    peak, _ = _run(trace, SKIP_TICKS, np.full(len(FAST), np.inf))
    return {label(*key): float(value) for key, value in zip(FAST, peak, strict=True)}


def delays(trace: FloatArray, onset_tick: int, thresholds: dict[str, float]) -> dict[str, float | None]:
    """First alarm (s after the onset) of each compiled peer and setting; None without one. An alarm before the onset is not looked for."""
    _, found = _run(trace, onset_tick, np.array([thresholds[label(*key)] for key in FAST]))
    return {label(*key): None if tick < 0 else (int(tick) - onset_tick) / 10.0 for key, tick in zip(FAST, found, strict=True)}


def _run(trace: FloatArray, first: int, thresholds: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    peak, found = np.full(len(FAST), -np.inf), np.full(len(FAST), -1, np.int64)
    _kernels().run(trace, first, thresholds, peak, found)
    return peak, found
