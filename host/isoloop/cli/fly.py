"""One job flown and reported: every way that it can end becomes an `Outcome`."""

from __future__ import annotations

import time
from typing import Any

from isoloop.cli.outcome import Outcome
from isoloop.cli.outdir import output_error, replace_run_dir
from isoloop.cli.request import Job
from isoloop.errors import IsoloopError


def fly_job(job: Job, observer: Any = None) -> Outcome:
    """Fly `job` into its folder, which is replaced, and build its report.

    Args:
        job: what to fly.
        observer: told of events and progress while it flies, or None.
    """
    from isoloop.flight import fly
    from isoloop.report import build_report

    started = time.perf_counter()
    summary: dict[str, Any] | None = None
    error: IsoloopError | None = None
    interrupted = False
    try:
        replace_run_dir(job.folder)
        summary = fly(job.scenario, job.target, job.folder, job.seed, speed=job.speed, observer=observer)
        build_report(job.folder)
    except KeyboardInterrupt:
        interrupted = True
    except IsoloopError as trouble:
        error = trouble
    except OSError as trouble:
        error = output_error(job.folder, trouble)
    return Outcome(job, summary, error, time.perf_counter() - started, interrupted)
