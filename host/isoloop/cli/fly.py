"""One job flown and reported: every way that it can end becomes an `Outcome`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

from isoloop.cli.outcome import Outcome
from isoloop.cli.outdir import output_error
from isoloop.cli.request import Job
from isoloop.errors import IsoloopError


class Observer(Protocol):
    """Who is told while a run flies."""

    def on_event(self, t_s: float, name: str, severity: str, fields: Mapping[str, int | None]) -> None:
        """The firmware reported an event."""

    def on_progress(self, tick: int) -> None:
        """So many control cycles are flown; called now and then."""


class Silent:
    """Nobody is told."""

    def on_event(self, t_s: float, name: str, severity: str, fields: Mapping[str, int | None]) -> None:
        """Nothing."""

    def on_progress(self, tick: int) -> None:
        """Nothing."""


def fly_job(job: Job, observer: Observer | None = None) -> Outcome:
    """Fly `job` into its folder, which is replaced, and build its report.

    Args:
        job: what to fly.
        observer: told of events and progress while it flies.
    """
    from isoloop.flight import fly
    from isoloop.report import build_report

    watcher = observer or Silent()
    started = time.perf_counter()
    summary: dict[str, Any] | None = None
    error: IsoloopError | None = None
    interrupted = False
    try:
        summary = fly(
            job.scenario,
            job.target,
            job.folder,
            job.seed,
            speed=job.speed,
            on_event=watcher.on_event,
            on_progress=watcher.on_progress,
        )
        build_report(job.folder)
    except KeyboardInterrupt:
        interrupted = True
    except IsoloopError as trouble:
        error = trouble
    except OSError as trouble:
        error = output_error(job.folder, trouble)
    return Outcome(job, summary, error, time.perf_counter() - started, interrupted)
