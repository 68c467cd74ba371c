"""Jobs over the cores: spawned processes, a progress bar on a terminal, Ctrl-C that leaves nothing behind."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

from isoloop.bench import epa, trials
from isoloop.cli.display import Bar

Job = trials.LeakJob | trials.NuisanceJob | epa.EpaJob
Result = trials.LeakResult | trials.NuisanceResult | epa.EpaResult
T = TypeVar("T")


def run(job: Job) -> Result:
    """One job, in whichever process."""
    return epa.run(job) if isinstance(job, epa.EpaJob) else trials.run(job)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool:
    """Worker processes that keep their compiled kernels from one batch to the next."""

    def __init__(self, workers: int | None = None) -> None:
        context = multiprocessing.get_context("spawn")  # numba has threads, which a fork would tear
        self._executor = ProcessPoolExecutor(workers or cores(), mp_context=context)

    def map(self, label: str, jobs: Sequence[Job], on_stdout: bool) -> list[Result]:
        """Results in the order of the jobs."""
        bar = Bar(label, len(jobs), on_stdout)
        futures = {self._executor.submit(run, job): index for index, job in enumerate(jobs)}
        results: dict[int, Result] = {}
        try:
            for done in as_completed(futures):
                results[futures[done]] = done.result()
                bar.at(len(results))
        finally:
            for future in futures:
                future.cancel()
            bar.close()
        return [results[index] for index in sorted(results)]

    def close(self) -> None:
        """End the processes."""
        self._executor.shutdown(wait=True, cancel_futures=True)


def only(kind: type[T], results: Iterable[object]) -> list[T]:
    """The results of one kind."""
    return [result for result in results if isinstance(result, kind)]
