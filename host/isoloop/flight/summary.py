"""summary.json, schema `isoloop.run/1`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from isoloop.flight.expect import evaluate
from isoloop.flight.firmware_record import FirmwareRecord
from isoloop.flight.recorder import fail
from isoloop.flight.truth_record import TruthRecord
from isoloop.targets import Identity

SCHEMA = "isoloop.run/1"
SUMMARY_NAME = "summary.json"


@dataclass(frozen=True)
class RunHead:
    """What was flown, and how long it took."""

    scenario: str
    target: str
    seed: int
    ticks: int
    tick_ms: int
    wall_s: float
    firmware: Identity


@dataclass(frozen=True)
class TruthEnd:
    """The plant's side of a run that is over.

    Attributes:
        record: what was watched.
        values: the truth at the end.
        noticed_s: first onset of a leak, gas loss or cabin leak; None without one.
        loss_s: first onset of a leak or gas loss; None without one.
    """

    record: TruthRecord
    values: Sequence[float]
    noticed_s: float | None
    loss_s: float | None


def build_summary(
    head: RunHead, said: FirmwareRecord, truth: TruthEnd | None, expect: Mapping[str, Any], is_complete: bool = True
) -> dict[str, Any]:
    """The summary of a run.

    Args:
        head: what was flown.
        said: what the firmware said.
        truth: None for a replayed log. Then every would-be isolation counts as false, and what only the plant knows is null.
        expect: expectations of the scenario.
        is_complete: false when the run was broken off: it is not ok then, whatever held.
    """
    summary: dict[str, Any] = {
        "schema": SCHEMA,
        "scenario": head.scenario,
        "target": head.target,
        "seed": head.seed,
        "ticks": head.ticks,
        "sim_s": head.ticks * head.tick_ms / 1000,
        "wall_s": round(head.wall_s, 3),
        "firmware": head.firmware.document(),
        "truth": None if truth is None else _truth(truth.record),
        "verdict": said.verdict(),
        "t_detect_s": _first_s(said.alarms_ms),
        "t_isolate_cmd_s": _first_s(said.isolations_ms),
        **_plant_side(said, truth),
        "false_isolations": _count_before(said.isolations_ms, None if truth is None else truth.loss_s),
        "false_alarms": _count_before(said.alarms_ms, None if truth is None else truth.noticed_s),
        "reopened": [] if truth is None else truth.record.reopened(truth.values, said.closed_segments),
        "latched": said.is_latched,
        **_extremes(truth),
        "alloc_faults": said.alloc_faults,
        "ticks_late": said.late_ticks,
    }
    rows = evaluate(expect, summary, None if truth is None else truth.noticed_s)
    summary["expect"] = rows
    summary["ok"] = is_complete and all(row["ok"] for row in rows)
    return summary


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write summary.json; OutputError when that fails."""
    try:
        (folder / SUMMARY_NAME).write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        fail(folder, error)


def _truth(record: TruthRecord) -> dict[str, Any]:
    leaks = [asdict(leak) for leak in record.leaks]
    return {"leaks": leaks, "leak": leaks[0] if leaks else None}


def _plant_side(said: FirmwareRecord, truth: TruthEnd | None) -> dict[str, Any]:
    if truth is None:
        return dict.fromkeys(("t_isolated_s", "lost_ml", "lost_pct", "lost_before_isolation_ml", "residual_release_ml"))
    record = truth.record
    lost_ml = record.lost_ml(truth.values)
    before_ml = record.lost_before_isolation_ml(truth.values)
    return {
        "t_isolated_s": None if record.isolated_ms is None else record.isolated_ms / 1000,
        "lost_ml": _round(lost_ml),
        "lost_pct": _round(record.lost_pct(truth.values)),
        "lost_before_isolation_ml": _round(before_ml),
        "residual_release_ml": _round(lost_ml - before_ml),
    }


def _extremes(truth: TruthEnd | None) -> dict[str, float | None]:
    names = {"max_bay_temp_c": "max_bay_degc", "max_segment_pressure_kpa": "max_segment_kpa", "min_loop_pressure_kpa": "min_loop_kpa"}
    return {key: None if truth is None else _round(truth.record.value(truth.values, name)) for key, name in names.items()}


def _first_s(times_ms: Sequence[int]) -> float | None:
    return times_ms[0] / 1000 if times_ms else None


def _count_before(times_ms: Sequence[int], onset_s: float | None) -> int:
    """How many of these were raised before the onset; all of them without one."""
    return sum(1 for time_ms in times_ms if onset_s is None or time_ms < onset_s * 1000)


def _round(value: float) -> float:
    """Six decimals: below a microlitre and a millikelvin there is only the arithmetic."""
    return round(value, 6) + 0.0  # no negative zero
