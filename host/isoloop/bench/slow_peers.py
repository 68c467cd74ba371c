"""Peers that are not compiled: river's Page-Hinkley and ADWIN, and ruptures offline, on the 1 s means of the compensated inventory.

They see the steps from one second to the next, in which a leak is a shift of the mean. Tuned by the same search as the others, on as many
nuisance days as fit the time given (an advantage to them): the threshold is raised at each alarm until none is left.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

RUPTURES_POINTS = 5000
PAGE_HINKLEY_ML_S = (0.005, 0.05, 0.5)
RAISE = 1.25
START_POINTS = 120


@dataclass
class Tuned:
    """A slow peer with its threshold: `delay_s` of a trace (1 s means, onset) and the nuisance that it was tuned on."""

    name: str
    delay_s: Callable[[FloatArray, int], float | None]
    seconds: float


def is_there() -> bool:
    """True when both libraries are installed (extra `bench`)."""
    return all(importlib.util.find_spec(name) is not None for name in ("river", "ruptures"))


def tune(traces: Sequence[FloatArray], budget_s: float) -> list[Tuned]:
    """Tune all of them, each within `budget_s` of wall time."""
    peers = [_tune_page_hinkley(drop, traces, budget_s / len(PAGE_HINKLEY_ML_S)) for drop in PAGE_HINKLEY_ML_S]
    return [*peers, _tune_adwin(traces, budget_s), _tune_ruptures(traces, budget_s)]


def _steps(trace: FloatArray) -> npt.NDArray[np.float64]:
    return np.diff(trace.astype(np.float64))


def _tune_page_hinkley(drop_ml_s: float, traces: Sequence[FloatArray], budget_s: float) -> Tuned:
    from river.drift import PageHinkley

    def make(threshold: float) -> Any:
        return PageHinkley(min_instances=30, delta=drop_ml_s, threshold=threshold, alpha=0.9999, mode="down")

    threshold, seconds = 1.0, 0.0
    end = time.monotonic() + budget_s
    for trace in traces:
        detector = make(threshold)
        for x in _steps(trace[START_POINTS:]).tolist():
            detector.update(x)
            if detector.drift_detected:
                threshold *= RAISE
                detector = make(threshold)
        seconds += len(trace)
        if time.monotonic() > end:
            break
    return Tuned("river Page-Hinkley", lambda trace, onset: _online(make(threshold), trace, onset), seconds)


def _tune_adwin(traces: Sequence[FloatArray], budget_s: float) -> Tuned:
    from river import drift

    adwin: Any = drift.ADWIN
    delta, seconds = 1e-3, 0.0
    end = time.monotonic() + budget_s
    for trace in traces:
        detector = adwin(delta=delta)
        for x in _steps(trace[START_POINTS:]).tolist():
            detector.update(x)
            if detector.drift_detected and delta > 1e-290:
                delta /= 10.0
                detector = adwin(delta=delta)
        seconds += len(trace)
        if time.monotonic() > end:
            break
    return Tuned("river ADWIN", lambda trace, onset: _online(adwin(delta=delta), trace, onset), seconds)


def _online(detector: Any, trace: FloatArray, onset: int) -> float | None:
    """First alarm after the onset, s; one before it starts the detector afresh as it would be in service."""
    for i, x in enumerate(_steps(trace[START_POINTS:]).tolist()):
        detector.update(x)
        at_s = i + START_POINTS + 1
        if detector.drift_detected and at_s >= onset:
            return float(at_s - onset + 1)
    return None


def _tune_ruptures(traces: Sequence[FloatArray], budget_s: float) -> Tuned:
    import ruptures

    def changes(steps: npt.NDArray[np.float64], penalty: float) -> bool:
        model = ruptures.KernelCPD(kernel="linear", min_size=2).fit(steps.reshape(-1, 1))
        return len(model.predict(pen=penalty)) > 1

    penalty, seconds = 10.0, 0.0
    end = time.monotonic() + budget_s
    starts = range(START_POINTS, min(len(trace) for trace in traces) - RUPTURES_POINTS, RUPTURES_POINTS)
    windows = [trace[start : start + RUPTURES_POINTS] for trace in traces for start in starts]
    for window in windows:
        steps = _steps(window)
        while changes(steps, penalty):
            penalty *= RAISE
        seconds += len(window)
        if time.monotonic() > end:
            break

    def delay(trace: FloatArray, onset: int) -> float | None:
        """Shortest record past the onset in which a change is found, by bisection."""

        def found(after: int) -> bool:
            first = max(START_POINTS, onset + after - RUPTURES_POINTS)
            return changes(_steps(trace[first : onset + after]), penalty)

        low, high = 0, min(RUPTURES_POINTS - 60, len(trace) - onset)
        if high < 1 or not found(high):
            return None
        while high - low > max(1, high // 20):
            middle = (low + high) // 2
            if found(middle):
                high = middle
            else:
                low = middle
        return float(high)

    return Tuned("ruptures, offline", delay, seconds)
