"""Jobs over the cores: spawned processes, a progress bar on a terminal, Ctrl-C that leaves nothing behind."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

from isoloop.bench import epa, trials
from isoloop.bench.kept import Kept
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
    """Worker processes that keep their compiled kernels from one batch to the next.

    Args:
        workers: processes; one a core by default.
        kept: results of earlier runs, which are not flown again; takes the new ones.
    """

    def __init__(self, workers: int | None = None, kept: Kept | None = None) -> None:
        self._kept = kept or Kept(None)
        context = multiprocessing.get_context("spawn")  # numba has threads, which a fork would tear
        self._executor = ProcessPoolExecutor(workers or cores(), mp_context=context)

    def kept(self, jobs: Sequence[Job]) -> int:
        """How many of the jobs need not be flown."""
        return sum(self._kept.get(job) is not None for job in jobs)

    def map(self, label: str, jobs: Sequence[Job], on_stdout: bool) -> list[Result]:
        """Results in the order of the jobs."""
        bar = Bar(label, len(jobs), on_stdout)
        results = {index: kept for index, job in enumerate(jobs) if (kept := self._kept.get(job)) is not None}
        futures = {self._executor.submit(run, job): index for index, job in enumerate(jobs) if index not in results}
        try:
            for done in as_completed(futures):
                index = futures[done]
                results[index] = done.result()
                self._kept.put(jobs[index], results[index])
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
