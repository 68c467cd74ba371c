"""Judge a run by the `[expect]` table of its scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Summary = Mapping[str, Any]


def evaluate(expect: Mapping[str, Any], summary: Summary, onset_s: float | None) -> list[dict[str, Any]]:
    """One row {name, ok, got, want} for each expectation, in the file's order.

    Args:
        expect: checked expectations by key.
        summary: of the run, complete but for its judgement.
        onset_s: first onset of what the firmware should notice; None when the scenario has no such thing.
    """
    return [_row(key, want, summary, onset_s) for key, want in expect.items()]


def _row(key: str, want: Any, summary: Summary, onset_s: float | None) -> dict[str, Any]:
    got, holds = _RULES[key](summary, onset_s)
    return {"name": key, "ok": bool(holds(want)), "got": got, "want": want}


Judgement = tuple[Any, Callable[[Any], bool]]


def _equal(got: Any) -> Judgement:
    return got, lambda want: bool(got == want)


def _at_most(got: float | None) -> Judgement:
    return got, lambda want: got is not None and got <= want


def _delay(time_s: float | None, onset_s: float | None) -> Judgement:
    # Rounded, because 63.5 - 60.1 in binary must not miss a limit of 3.4.
    got = None if time_s is None or onset_s is None else round(time_s - onset_s, 6)
    return got, lambda want: got is not None and 0 <= got <= want


_RULES: dict[str, Callable[[Summary, float | None], Judgement]] = {
    "class": lambda summary, _: _equal(summary["verdict"]["class"]),
    "segment": lambda summary, _: _equal(summary["verdict"]["segment"]),
    "detect_within_s": lambda summary, onset_s: _delay(summary["t_detect_s"], onset_s),
    "isolate_within_s": lambda summary, onset_s: _delay(summary["t_isolated_s"], onset_s),
    "lost_ml_max": lambda summary, _: _at_most(summary["lost_before_isolation_ml"]),
    "false_isolations": lambda summary, _: _equal(summary["false_isolations"]),
    "false_alarms": lambda summary, _: _equal(summary["false_alarms"]),
    "reopened": lambda summary, _: (summary["reopened"], lambda want: set(summary["reopened"]) == set(want)),
    "latched": lambda summary, _: _equal(summary["latched"]),
    "no_alarm": lambda summary, _: (summary["t_detect_s"] is None, lambda want: (summary["t_detect_s"] is None) == want),
    "max_bay_temp_c": lambda summary, _: _at_most(summary["max_bay_temp_c"]),
    "max_segment_pressure_kpa": lambda summary, _: _at_most(summary["max_segment_pressure_kpa"]),
}
