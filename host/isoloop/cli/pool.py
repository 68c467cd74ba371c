"""Runs in worker processes, one a core. A worker that dies is a bug that is shown, never a run that is missed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import cast

from isoloop.cli.fly import fly_job
from isoloop.cli.outcome import Outcome
from isoloop.cli.request import Job


def fly_all(jobs: Sequence[Job], workers: int, done: Callable[[Outcome], None]) -> list[Outcome]:
    """Fly `jobs`, `workers` at a time.

    Args:
        jobs: what to fly.
        workers: processes; each keeps to one core as long as there are enough.
        done: called here with each outcome as it comes in.

    Returns:
        The outcomes in order of `jobs`; after Ctrl-C only those that had begun.

    Raises:
        RuntimeError: a worker crashed; the message is its traceback.
    """
    pool = _Pool(workers)
    outcomes: dict[int, Outcome] = {}
    waiting = list(enumerate(jobs))[::-1]
    try:
        for link in pool.links:
            pool.give(link, waiting.pop())
        while pool.busy:
            try:
                for index, outcome, link in pool.finished():
                    outcomes[index] = outcome
                    done(outcome)
                    if waiting and not outcome.interrupted:
                        pool.give(link, waiting.pop())
            except KeyboardInterrupt:  # the workers have it too; let them write what they have
                waiting.clear()
                pool.interrupt()
    finally:
        pool.close()
    return [outcomes[index] for index in sorted(outcomes)]


class _Pool:
    def __init__(self, workers: int) -> None:
        # Spawned, not forked: numba and numpy have threads, and a fork would copy their locks.
        context = multiprocessing.get_context("spawn")
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self.processes: dict[Connection, BaseProcess] = {}
        self.busy: set[Connection] = set()
        for number in range(workers):
            ours, theirs = context.Pipe()
            core = cores[number % len(cores)] if cores else None
            process = context.Process(target=_work, args=(theirs, core), daemon=True)
            process.start()
            theirs.close()
            self.processes[ours] = process

    @property
    def links(self) -> list[Connection]:
        return list(self.processes)

    def give(self, link: Connection, job: tuple[int, Job]) -> None:
        link.send(job)
        self.busy.add(link)

    def finished(self) -> list[tuple[int, Outcome, Connection]]:
        """Wait for at least one worker."""
        results = []
        for ready in wait(list(self.busy)):
            link = cast(Connection, ready)
            try:
                result = link.recv()
            except EOFError:
                raise RuntimeError(f"a worker process ended with code {self.processes[link].exitcode}") from None
            if isinstance(result, str):
                raise RuntimeError(f"in a worker process:\n{result}")
            self.busy.discard(link)
            results.append((*result, link))
        return results

    def interrupt(self) -> None:
        """Pass Ctrl-C on: a terminal signals the workers itself, `kill -INT` of this process alone does not."""
        for link in self.busy:
            pid = self.processes[link].pid
            if pid is not None:
                os.kill(pid, signal.SIGINT)

    def close(self) -> None:
        for link, process in self.processes.items():
            if link in self.busy:
                process.terminate()
            link.close()  # an idle worker reads the end of its pipe and leaves
            process.join()


def _work(link: Connection, core: int | None) -> None:
    """A worker: fly what comes in until the pipe closes."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # between runs Ctrl-C is the parent's business
    while True:
        try:
            index, job = link.recv()
        except EOFError:
            return
        try:
            signal.signal(signal.SIGINT, _interrupt_once)
            outcome = fly_job(job)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            link.send((index, outcome))
        except BaseException:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            link.send(traceback.format_exc())


def _interrupt_once(signum: int, frame: FrameType | None) -> None:
    """Ctrl-C, of which a second (the terminal's and the parent's) must not break the writing of what was recorded."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt
