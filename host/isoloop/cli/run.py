"""`isoloop run`: check everything, fly everything, say how it went."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from isoloop import jsonout
from isoloop.cli.display import Bar, Timeline, paint, show_head, show_verdict
from isoloop.cli.fly import fly_job
from isoloop.cli.junit import write_junit
from isoloop.cli.outcome import Outcome, exit_code
from isoloop.cli.outdir import check_file, check_out
from isoloop.cli.preflight import check_target
from isoloop.cli.request import Job, RunRequest, parallel, plan
from isoloop.cli.verdict import expectation_lines, one_line, verdict_lines
from isoloop.errors import EXIT_INTERRUPTED, EXIT_OK, TargetError


def run(request: RunRequest) -> int:
    """Fly what the request asks for and return the exit code.

    Raises:
        IsoloopError: something is refused; nothing has flown.
    """
    jobs = plan(request)
    check_target(request.target)
    if request.junit is not None:
        check_file(request.junit)
    check_out(request.out, [job.folder for job in jobs], sum(job.scenario.duration_s for job in jobs))
    outcomes = _fly(request, jobs)
    interrupted = len(outcomes) < len(jobs) or any(outcome.interrupted for outcome in outcomes)
    if request.junit is not None:
        write_junit(request.junit, outcomes)
    _report(request, jobs, outcomes, interrupted)
    return EXIT_INTERRUPTED if interrupted else exit_code(outcome.code for outcome in outcomes)


def _fly(request: RunRequest, jobs: Sequence[Job]) -> list[Outcome]:
    workers = parallel(request, len(jobs))
    if len(jobs) == 1 and not request.json:
        return [_fly_live(jobs[0])]
    if workers == 1:
        return _fly_in_turn(request, jobs)
    from isoloop.cli.pool import fly_all

    bar = Bar(f"{len(jobs)} runs", len(jobs), on_stdout=not request.json)
    done: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        done.append(outcome)
        bar.at(len(done))
        _tell(request, outcome)

    try:
        return fly_all(jobs, workers, tell)
    finally:
        bar.close()


def _fly_live(job: Job) -> Outcome:
    show_head(job.scenario, job.target, job.seed)
    timeline = Timeline(job.scenario)
    try:
        return fly_job(job, timeline)
    finally:
        timeline.close()


def _fly_in_turn(request: RunRequest, jobs: Sequence[Job]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    bar = Bar(f"{len(jobs)} runs", len(jobs), on_stdout=not request.json)
    try:
        for job in jobs:
            outcomes.append(fly_job(job))
            bar.at(len(outcomes))
            _tell(request, outcomes[-1])
            if outcomes[-1].interrupted:
                break
    finally:
        bar.close()
    return outcomes


def _tell(request: RunRequest, outcome: Outcome) -> None:
    """One line a run of many."""
    if request.json:
        return
    name = f"{outcome.job.name:<28}"
    if outcome.error is not None:
        print(f"{paint('DIED  ', '31;1')} {name} {outcome.error}", flush=True)
    elif outcome.summary is not None:
        mark = paint("ok    ", "32") if outcome.summary["ok"] else paint("FAILED", "31;1")
        print(f"{mark} {name} {one_line(outcome.summary)}", flush=True)


def _report(request: RunRequest, jobs: Sequence[Job], outcomes: Sequence[Outcome], interrupted: bool) -> None:
    """The end: one JSON document, or words for people with the troubles on stderr."""
    troubles = [outcome for outcome in outcomes if outcome.error is not None]
    for outcome in troubles:
        if isinstance(outcome.error, TargetError) and outcome.error.traceback:
            print(outcome.error.traceback.rstrip(), file=sys.stderr)
        print(f"isoloop: {outcome.job.name}: {outcome.error}", file=sys.stderr)
    if interrupted:
        print(f"isoloop: interrupted; what was recorded is in {request.out}", file=sys.stderr)
    summaries = [outcome.summary for outcome in outcomes if outcome.summary is not None]
    if request.json:
        _emit(outcomes, troubles, interrupted)
    elif len(jobs) > 1:
        held = sum(outcome.code == EXIT_OK for outcome in outcomes)
        print(f"\n{len(outcomes)} of {len(jobs)} runs flown, every expectation held in {held}; folders in {request.out}")
    elif summaries and not interrupted and not troubles:
        show_verdict(verdict_lines(summaries[0], jobs[0].scenario.plant), expectation_lines(summaries[0]), jobs[0].folder)


def _emit(outcomes: Sequence[Outcome], troubles: Sequence[Outcome], interrupted: bool) -> None:
    summaries = [outcome.summary for outcome in outcomes if outcome.summary is not None]
    document: dict[str, object] = {
        "ok": not interrupted and all(outcome.code == EXIT_OK for outcome in outcomes),
        "runs": summaries,
    }
    if troubles and troubles[0].error is not None:
        document["error"] = troubles[0].error.document()
    elif interrupted:
        document["error"] = {"file": None, "line": None, "key": None, "text": "interrupted"}
    jsonout.emit(document)
