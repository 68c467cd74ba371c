"""One job flown and reported: every way that it can end becomes an `Outcome`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from isoloop.cli.outcome import Outcome
from isoloop.cli.outdir import output_error, replace_run_dir
from isoloop.cli.request import Job
from isoloop.errors import IsoloopError
from isoloop.report import build_report


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

    A flight that is broken off (the target dies, Ctrl-C) keeps what was recorded, with a summary and a report as far as they go.

    Args:
        job: what to fly.
        observer: told of events and progress while it flies.
    """
    from isoloop.flight import fly

    watcher = observer or Silent()
    started_s = time.perf_counter()
    summary: dict[str, Any] | None = None
    error: IsoloopError | None = None
    interrupted = False
    try:
        replace_run_dir(job.folder)
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
    if summary is None:
        summary = salvage(job.folder)
    return Outcome(job, summary, error, time.perf_counter() - started_s, interrupted)


def salvage(folder: Path) -> dict[str, Any] | None:
    """Report what a broken flight has left in `folder` and return its summary; None when there is none."""
    try:
        summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        build_report(folder)
    except (OSError, ValueError, IsoloopError):  # the trouble that broke the flight is told already
        return None
    return summary
