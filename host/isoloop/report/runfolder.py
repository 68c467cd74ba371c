"""What a run folder holds: the summary, the recorded tables and the events, read once and checked."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isoloop.dictionary import Dictionary, load_dictionary
from isoloop.errors import InputError
from isoloop.report.tables import Table, read_table

SUMMARY_NAME = "summary.json"
SCHEMA = "isoloop.run/1"

_CAPTURES_MAX = 8
_EVENTS_MAX = 4000         # rows of the event table; the rest is counted and said
_NUMBER_MAX = 1e15         # beyond it a summary holds no quantity, and no time that milliseconds can count
_TIME_MAX_S = 4_294_967.0  # the page counts ms in u32: 49 days
_WINDOW_BEFORE_MS = 30_000
_WINDOW_AFTER_MS = 120_000
_SEVERITIES = ("high", "medium", "low", "info")

Summary = dict[str, Any]


@dataclass(frozen=True)
class Event:
    """One event report: scenario time, name, severity, and its fields as text."""

    t_ms: int
    name: str
    severity: str
    detail: str
    text: str


@dataclass
class Run:
    """One run folder, read."""

    folder: Path
    summary: Summary
    telemetry: Table
    truth: Table
    events: list[Event]
    events_total: int
    windows_ms: list[tuple[int, int]]
    dictionary: Dictionary
    notes: list[str]
    captures: list[tuple[int, Table]] = field(default_factory=list)
    """Captures of the black box by number, oldest first."""

    @property
    def end_ms(self) -> int:
        """End of the shared time axis: what was simulated, or the last thing recorded."""
        simulated = number(self.summary.get("sim_s"))
        last = max([self.telemetry.end_ms, self.truth.end_ms, *(event.t_ms for event in self.events)])
        return max(last, 0 if simulated is None else round(simulated * 1000), 1)


def number(value: Any) -> float | None:
    """A JSON number as float; None for null, absent, not finite or anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < _NUMBER_MAX else None


def mapping(value: Any) -> Mapping[str, Any]:
    """A JSON object; an empty one for null, absent or anything else."""
    return value if isinstance(value, dict) else {}


def read_summary(run_dir: Path) -> Summary:
    """The summary of a run folder.

    Raises:
        InputError: the folder or its summary is missing, no JSON, or of another schema.
    """
    if not run_dir.exists():
        raise InputError(run_dir, None, None, "there is no such run folder")
    if not run_dir.is_dir():
        raise InputError(run_dir, None, None, "is a file, not a run folder")
    path = run_dir / SUMMARY_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(run_dir, None, None, f"is not a run folder: it holds no {SUMMARY_NAME}") from None
    except UnicodeDecodeError:
        raise InputError(path, None, None, "is not text, so no summary") from None
    except OSError as error:
        raise InputError(path, None, None, f"cannot be read: {error.strerror}") from None
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(path, error.lineno, None, f"is not whole JSON: {error.msg}") from None
    except RecursionError:
        raise InputError(path, None, None, "is nested too deeply to be a summary") from None
    if not isinstance(document, dict):
        raise InputError(path, 1, None, "must hold one JSON object")
    if document.get("schema") != SCHEMA:
        raise InputError(path, _line_of(text, "schema"), "schema", f'must be "{SCHEMA}", not {json.dumps(document.get("schema"))[:40]}')
    for key in ("scenario", "target"):
        if not isinstance(document.get(key), str):
            raise InputError(path, _line_of(text, key), key, "must be a text")
    for key in ("truth", "verdict", "firmware"):
        if document.get(key) is not None and not isinstance(document[key], dict):
            raise InputError(path, _line_of(text, key), key, "must be an object or null")
    for key in ("t_detect_s", "t_isolate_cmd_s", "t_isolated_s", "sim_s", "lost_ml", "lost_pct", "lost_before_isolation_ml"):
        if document.get(key) is not None and number(document[key]) is None:
            raise InputError(path, _line_of(text, key), key, "must be a number or null")
    for key in ("t_detect_s", "t_isolate_cmd_s", "t_isolated_s", "sim_s"):
        if not 0 <= (number(document.get(key)) or 0.0) <= _TIME_MAX_S:
            raise InputError(path, _line_of(text, key), key, f"must be 0 to {_TIME_MAX_S:g} s or null")
    for key, value in (("expect", document.get("expect")), ("leaks", mapping(document.get("truth")).get("leaks"))):
        if value is not None and not isinstance(value, list):
            raise InputError(path, _line_of(text, key), key, "must be a list")
    return document


def _line_of(text: str, key: str) -> int | None:
    for index, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith(f'"{key}"'):
            return index
    return None


def key_times_s(summary: Summary) -> dict[str, float]:
    """Onset, detection, isolation command and isolation, those that happened, in seconds of scenario time."""
    times = {
        "onset": first_onset_s(summary),
        "detected": number(summary.get("t_detect_s")),
        "commanded": number(summary.get("t_isolate_cmd_s")),
        "isolated": number(summary.get("t_isolated_s")),
    }
    return {name: time for name, time in times.items() if time is not None}


def leaks(summary: Summary) -> list[Mapping[str, Any]]:
    """The true leaks of the run, first onset first."""
    truth = mapping(summary.get("truth"))
    found = [mapping(leak) for leak in truth.get("leaks") or [truth.get("leak")]]
    timed = [leak for leak in found if 0 <= (number(leak.get("onset_s")) or 0.0) <= _TIME_MAX_S and leak]
    return sorted(timed, key=lambda leak: number(leak.get("onset_s")) or 0.0)


def first_onset_s(summary: Summary) -> float | None:
    """Onset of the first true leak; None without one."""
    found = leaks(summary)
    return number(found[0].get("onset_s")) if found else None


def read_events(path: Path, dictionary: Dictionary, notes: list[str]) -> tuple[list[Event], int]:
    """The events of a run in time order, at most _EVENTS_MAX (the gravest first to stay), and how many there were."""
    events: list[Event] = []
    torn = 0
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as stream:
            reader = csv.DictReader(line.replace("\0", "") for line in stream)
            if "t_s" not in (reader.fieldnames or []):
                notes.append("events.csv is empty or has no column t_s")
                return [], 0
            for row in reader:
                event = _event(row, dictionary)
                if event is None:
                    torn += 1
                else:
                    events.append(event)
    except FileNotFoundError:
        notes.append("events.csv is not there")
        return [], 0
    except (OSError, csv.Error) as error:
        notes.append(f"events.csv cannot be read to its end: {error}")
    if torn:
        notes.append(f"events.csv: {torn} incomplete row{'s' if torn > 1 else ''} left out")
    total = len(events)
    if total > _EVENTS_MAX:
        gravest = sorted(events, key=lambda event: _SEVERITIES.index(event.severity))[:_EVENTS_MAX]
        events = gravest
        notes.append(f"{total} events were recorded; the {_EVENTS_MAX} gravest are on this page, events.csv has all")
    return sorted(events, key=lambda event: event.t_ms), total


def _event(row: Mapping[str | None, Any], dictionary: Dictionary) -> Event | None:
    """One row of events.csv; None when it is torn. Columns besides time, name, severity and text are its fields."""
    try:
        t_s = float(row["t_s"])
    except (TypeError, ValueError):
        return None
    if not 0 <= t_s <= _TIME_MAX_S:
        return None
    t_ms = round(t_s * 1000)
    name = str(row.get("name") or row.get("event") or "").strip()
    if not name:
        return None
    declared = dictionary.events_by_name.get(name)
    severity = str(row.get("severity") or (declared.severity if declared else "info")).lower()
    skip = {"t_s", "name", "event", "severity", "text", "number", "tick", None}
    parts = []
    for key, value in row.items():
        if key in skip or value in (None, ""):
            continue
        # A free-text column of ready-made pairs needs no key of its own in front.
        parts.append(str(value) if key in ("fields", "detail", "details", "data", "args") else f"{key}={value}")
    text = str(row.get("text") or (declared.text if declared else ""))
    return Event(t_ms, name, severity if severity in _SEVERITIES else "info", " ".join(parts), text)


def read_run(run_dir: Path) -> Run:
    """Read a whole run folder.

    Raises:
        InputError: see read_summary. All other files may be missing or torn.
    """
    summary = read_summary(run_dir)
    times_ms = sorted(round(time * 1000) for time in key_times_s(summary).values())
    windows_ms = [(time - _WINDOW_BEFORE_MS, time + _WINDOW_AFTER_MS) for time in times_ms]
    notes: list[str] = []
    dictionary = load_dictionary()
    states = {row.name for row in dictionary.structures_by_name["housekeeping"].fields if row.enum is not None}
    telemetry = read_table(run_dir / "telemetry.csv", windows_ms, states)
    truth = read_table(run_dir / "truth.csv", windows_ms)
    if summary.get("truth") is None:  # a replayed log has no truth, so its absence is no defect
        truth.notes.clear()
    notes += telemetry.notes + truth.notes
    events, total = read_events(run_dir / "events.csv", dictionary, notes)
    captures = read_captures(run_dir, notes)
    return Run(run_dir, summary, telemetry, truth, events, total, windows_ms, dictionary, notes, captures)


def read_captures(run_dir: Path, notes: list[str]) -> list[tuple[int, Table]]:
    """The tables of the folder's captures, at most _CAPTURES_MAX."""
    found = []
    for path in run_dir.glob("blackbox-*.csv"):
        text = path.stem.removeprefix("blackbox-")
        if text.isdecimal() and len(text) <= 10:
            found.append((int(text), path))
    if len(found) > _CAPTURES_MAX:
        notes.append(f"{len(found)} captures of the black box were recorded; the first {_CAPTURES_MAX} are on this page")
    captures = []
    for number_, path in sorted(found)[:_CAPTURES_MAX]:
        table = read_table(path)
        notes += table.notes
        captures.append((number_, table))
    return captures
