"""From the options of `isoloop run` to the list of runs: everything that can be refused is refused here, before any flight."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from isoloop.errors import UsageError
from isoloop.schema import Scenario, load_scenario
from isoloop.schema.scenario import SEED_MAX

RUNS_MAX = 100_000


@dataclass(frozen=True)
class RunRequest:
    """The options of `isoloop run` as typed."""

    scenarios: list[str]
    target: str
    seed: int | None
    seeds: str | None
    repeat: int
    out: Path
    speed: str
    jobs: int | None
    junit: Path | None
    json: bool


@dataclass(frozen=True)
class Job:
    """One run to fly.

    Attributes:
        scenario: what to fly; its own seed is not used.
        target: target string.
        seed: of this run.
        folder: run folder; its name identifies the run everywhere.
        speed: times real time; None is as fast as it goes.
    """

    scenario: Scenario
    target: str
    seed: int
    folder: Path
    speed: float | None

    @property
    def name(self) -> str:
        """The run's name, which is its folder's."""
        return self.folder.name


def plan(request: RunRequest) -> list[Job]:
    """Every run that the request asks for, all files read and checked.

    Raises:
        InputError: a scenario that is refused.
        UsageError: options that contradict each other or mean nothing.
    """
    scenarios = [load_scenario(source) for source in request.scenarios]
    speed = parse_speed(request.speed)
    seeds = parse_seeds(request.seed, request.seeds)
    if request.repeat < 1:
        raise UsageError(f"--repeat must be at least 1, not {request.repeat}")
    if request.jobs is not None and request.jobs < 1:
        raise UsageError(f"--jobs must be at least 1, not {request.jobs}")
    if len(scenarios) * max(1, len(seeds or ())) * request.repeat > RUNS_MAX:
        raise UsageError(f"that is more than {RUNS_MAX} runs")
    jobs: list[Job] = []
    for scenario in scenarios:
        for seed in seeds or (scenario.seed,):
            for repeat in range(1, request.repeat + 1):
                name = run_name(scenario.name, request.target, seed, repeat if request.repeat > 1 else None)
                jobs.append(Job(scenario, request.target, seed, request.out / name, speed))
    seen: set[str] = set()
    for job in jobs:
        if job.name in seen:
            raise UsageError(f"two of the scenarios would write the same run folder {job.name}: give them different names")
        seen.add(job.name)
    return jobs


def run_name(scenario: str, target: str, seed: int, repeat: int | None = None) -> str:
    """`<scenario>-<target>-s<seed>[-rN]`, safe as a folder name."""
    name = f"{scenario}-{target}-s{seed}" + (f"-r{repeat}" if repeat is not None else "")
    return re.sub(r"[:/\\]", "_", name)


def parse_speed(text: str) -> float | None:
    """`max` is None; `1x`, `0.5x`, `20x` are numbers.

    Raises:
        UsageError: anything else.
    """
    if text == "max":
        return None
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)x", text)
    if match is None or float(match.group(1)) == 0:
        raise UsageError(f"--speed must be max, 1x or a multiple such as 20x, not '{text}'")
    return float(match.group(1))


def parse_seeds(seed: int | None, seeds: str | None) -> range | tuple[int, ...] | None:
    """The seeds that `--seed` or `--seeds` names; None leaves each scenario its own.

    Raises:
        UsageError: both given, a malformed range, or out of range.
    """
    if seed is not None and seeds is not None:
        raise UsageError("--seed and --seeds exclude each other")
    if seed is not None:
        if not 0 <= seed <= SEED_MAX:
            raise UsageError(f"--seed must be from 0 to {SEED_MAX}, not {seed}")
        return (seed,)
    if seeds is None:
        return None
    match = re.fullmatch(r"(\d{1,10})-(\d{1,10})", seeds)
    if match is None:
        raise UsageError(f"--seeds must be a range such as 1-20, not '{seeds}'")
    first, last = int(match.group(1)), int(match.group(2))
    if first > last or last > SEED_MAX:
        raise UsageError(f"--seeds must rise and end at {SEED_MAX} at most, not '{seeds}'")
    return range(first, last + 1)


def parallel(request: RunRequest, runs: int) -> int:
    """How many runs fly at a time: `--jobs`, else one a core; a physical board flies one."""
    if request.target.startswith(("serial:", "rig:")):
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(runs, request.jobs or cores)
