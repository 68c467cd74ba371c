"""The trial of EPA 40 CFR 280.44: leaks of 11.4 L/h and tight runs, an hour each, flown closed loop on target `unix`."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from isoloop.bench.trials import hole_of_ml_h
from isoloop.flight import fly
from isoloop.schema import Event, load_scenario

RATE_ML_H = 11400.0
WITHIN_S = 3600.0
ONSET_S = 300.0
FIRST_SEED = 40_000


@dataclass(frozen=True)
class EpaJob:
    """One hour with or without the leak."""

    seed: int
    leak: bool


@dataclass(frozen=True)
class EpaResult:
    """Delay from the onset (None: not found within the hour), false alarms and false isolations."""

    job: EpaJob
    delay_s: float | None
    false_alarms: int
    false_isolations: int


def run(job: EpaJob) -> EpaResult:
    """Fly it on `unix`."""
    scenario = load_scenario("nominal-orbit")
    events: tuple[Event, ...] = ()
    if job.leak:
        events = (Event(ONSET_S, "leak", {"segment": "rad2", "hole_mm": hole_of_ml_h(RATE_ML_H), "ramp_s": 0.0}, 0),)
    one = replace(scenario, name="epa", duration_s=ONSET_S + WITHIN_S, events=events, expect={}, seed=job.seed)
    with tempfile.TemporaryDirectory(prefix="isoloop-epa-") as folder:
        summary = fly(one, "unix", Path(folder), job.seed)
    at_s = summary["t_detect_s"]
    delay = None if at_s is None or not job.leak or at_s < ONSET_S else float(at_s) - ONSET_S
    return EpaResult(job, delay, int(summary["false_alarms"]), int(summary["false_isolations"]))
