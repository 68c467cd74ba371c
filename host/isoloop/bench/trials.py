"""Trials: one leak flown until it is called; one stretch of nuisance; both as plain jobs for worker processes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isoloop.bench.flight import Flight
from isoloop.bench.nuisance import CAUSES, DAY_S, nuisance
from isoloop.bench.peers import delays, excursions
from isoloop.kernels import firmware
from isoloop.plant import TRUTH_NAMES, PlantConfig, PlantEvent

SEGMENT_PA = 127000.0
"""In a radiator at 20 C: compensator and head."""
DENSITY_KG_M3 = 694.0
DISCHARGE = 0.62
WARM_UP_S = 900.0
SLOW_WARM_UP_S = 7200.0
SLOW_MM = 0.06
RATE_WARM_UP_S = 2700.0
"""Before a leak whose rate is asked: fills the history; where in the orbit it comes is up to the plant's own phase."""

RATE_SPREAD_S = 300.0
RATE_SHUT_LIMIT_S = 10.0
SHUT = 2  # of a valve's two drive bits
ORBIT_S = 5562.0


def hole_of_ml_h(rate_ml_h: float) -> float:
    """Diameter (mm) of the sharp-edged hole in a radiator that passes this at 20 C."""
    speed_m_s = math.sqrt(2.0 * SEGMENT_PA / DENSITY_KG_M3)
    area_m2 = rate_ml_h * 1e-6 / 3600.0 / (DISCHARGE * speed_m_s)
    return 1000.0 * math.sqrt(4.0 * area_m2 / math.pi)


@dataclass(frozen=True)
class LeakJob:
    """One leak in radiator 2, a step, at a random place of the orbit."""

    seed: int
    hole_mm: float
    limit_s: float
    overrides: dict[str, float] = field(default_factory=dict)
    rate: bool = False  # fly on after the call, for the rate estimate
    peers: dict[str, float] | None = None  # thresholds: also run the compiled peers on the trace, to the end of the limit
    keep: bool = False  # keep the trace at 1 Hz


@dataclass
class LeakResult:
    """What came of it; delays in s from the onset, None when nothing was called within the limit."""

    job: LeakJob
    delay_s: float | None = None
    stage: int | None = None
    false_alarms: int = 0
    suspects: int = 0
    before_s: float = 0.0
    rate: dict[str, float] | None = None
    peer_delays: dict[str, float | None] = field(default_factory=dict)
    slow: Any = None  # inventory at 1 Hz, mL, and the onset's place in it is before_s


@dataclass(frozen=True)
class NuisanceJob:
    """Days without a leak."""

    seed: int
    days: float
    only: str | None = None
    peers: bool = False


@dataclass
class NuisanceResult:
    """Leak verdicts (s, stage, cause), suspect episodes, peaks by cause and stage in permille, and the peers' largest excursions."""

    job: NuisanceJob
    alarms: list[tuple[float, int, str]]
    suspects: int
    suspect_s: float
    peaks: list[list[int]]
    excursions: dict[str, float] = field(default_factory=dict)
    slow: Any = None  # 1 Hz inventory for the peers that are not compiled


def run(job: LeakJob | NuisanceJob) -> LeakResult | NuisanceResult:
    """Fly one job."""
    return _leak(job) if isinstance(job, LeakJob) else _nuisance(job)


def _nuisance(job: NuisanceJob) -> NuisanceResult:
    plan = nuisance(job.seed, job.days, job.only)
    flight = Flight(plan.config, job.seed, plan.events, plan.orders, plan.blames, len(CAUSES))
    trace = np.zeros((round(job.days * DAY_S * 10), 2)) if job.peers else None
    flight.fly(job.days * DAY_S, trace=trace)
    result = NuisanceResult(
        job, [(at, stage, CAUSES[row]) for at, stage, row in flight.alarms], flight.suspects, flight.suspect_s, flight.peaks.tolist()
    )
    if trace is not None:
        result.excursions = excursions(trace)
        result.slow = trace[:, 1].reshape(-1, 10).mean(axis=1).astype(np.float32)
    return result


def _leak(job: LeakJob) -> LeakResult:
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence((job.seed, 0x1EA4))))
    warm_up_s = RATE_WARM_UP_S if job.rate else WARM_UP_S if job.hole_mm > SLOW_MM else SLOW_WARM_UP_S
    before_s = warm_up_s + round(float(rng.uniform(0.0, RATE_SPREAD_S if job.rate else ORBIT_S)), 1)
    config = PlantConfig.from_preset("soyuz", **job.overrides)
    event = PlantEvent(before_s, "leak", {"segment": "rad2", "hole_mm": job.hole_mm, "ramp_s": 0.0})
    flight = Flight(config, job.seed, [event])
    result = LeakResult(job, before_s=before_s)
    trace = np.zeros((round((before_s + job.limit_s) * 10), 2)) if job.peers is not None else None

    flight.fly(before_s, trace=trace)
    result.false_alarms, result.suspects = len(flight.alarms), flight.suspects
    if flight.fly(job.limit_s, lambda: True, trace[flight.tick :] if trace is not None else None):
        at_s, result.stage, _ = flight.alarms[-1]
        result.delay_s = round(at_s - before_s, 1)
        if job.rate:
            result.rate = _rate(flight, job)
    if trace is not None and job.peers is not None:
        rest = round((before_s + job.limit_s) * 10) - flight.tick
        if rest > 0:
            flight.fly_on(rest / 10.0, trace[flight.tick :])
        result.peer_delays = delays(trace, round(before_s * 10), job.peers)
        if job.keep:
            result.slow = trace[:, 1][: len(trace) // 10 * 10].reshape(-1, 10).mean(axis=1).astype(np.float32)
    return result


def _rate(flight: Flight, job: LeakJob) -> dict[str, float]:
    """The flight's estimate when the first segment has shut, and the mean of the true rate from the alarm until the valves move."""
    tables = firmware("tcs.tables")
    confirm_ticks = int(flight.params[tables.P_CONFIRM_MS]) // 100
    names = {name: i for i, name in enumerate(TRUTH_NAMES)}
    estimate = flight.begin_rate()
    found = _estimate(estimate)
    lost_ml, at_tick = flight.truth[names["lost_total_ml"]], flight.tick
    if estimate.rate_ul_s >= int(flight.params[tables.P_BURST_UL_S]):
        flight.refine_rate()  # the truth needs a tick; a burst does not wait, and the estimate of the call stands
        true_ml, ticks = flight.truth[names["lost_total_ml"]] - lost_ml, 1
    else:
        for _ in range(max(1, confirm_ticks)):
            flight.refine_rate()
        true_ml, ticks = flight.truth[names["lost_total_ml"]] - lost_ml, flight.tick - at_tick
        # As isolation does it: the bypass opens, all pairs but the least suspect shut.
        last = max(range(3), key=lambda rad: flight.sensing.value(4 + rad))
        pairs = [rad for rad in range(3) if rad != last]
        flight.drive(sum((SHUT << 4 * rad) | (SHUT << 4 * rad + 2) for rad in pairs), RATE_SHUT_LIMIT_S)
        valves = [[names[f"valve_rad{rad + 1}_{end}_ratio"] for end in ("in", "out")] for rad in pairs]
        is_shut = False
        while not is_shut and flight.tick < at_tick + round(RATE_SHUT_LIMIT_S * 10):
            is_shut = any(max(flight.truth[valve] for valve in pair) <= 0.0 for pair in valves)
            flight.refine_rate()  # the tick that shows it shut is the last one counted
        found = _estimate(estimate)
    true_ul_s = float(true_ml * 1000.0 / (ticks / 10.0))
    return {**found, "true": true_ul_s, "true_hole_mm": job.hole_mm}


def _estimate(estimate: Any) -> dict[str, float]:
    return {
        "rate": float(estimate.rate_ul_s),
        "low": float(estimate.low_ul_s),
        "high": float(estimate.high_ul_s),
        "hole_mm": estimate.hole_um / 1000.0,
    }
