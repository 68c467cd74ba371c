"""The run in plain words: headline and key figures. Pure functions of the summary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isoloop.report.formats import amount, interval, seconds
from isoloop.report.runfolder import Summary, first_onset_s, leaks, mapping, number

CHARGE_L = 49.0            # default loop: 34 kg at 20 degC (derived from a weak source)
SEGMENT_L = 7.35           # default loop: 15 % of it in each radiator segment (ours)
_CHARGE_TOLERANCE = 0.02    # a run whose own charge differs by more flew another loop, and those two figures are not its

_CLASS_WORDS = {
    "none": "nothing wrong",
    "coolant_leak": "coolant leak",
    "cabin_leak": "cabin leak",
    "flow_loss": "loss of flow",
    "sensor_fault": "sensor or data-path fault",
    "accumulator_gas_loss": "loss of compensator gas",
    "pump_fault": "pump fault",
    "valve_fault": "valve fault",
}


@dataclass(frozen=True)
class Figure:
    """One key figure: label, value with unit, and a line of smaller print."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Headline:
    """The top of the page."""

    title: str
    outcome: str
    outcome_kind: str  # good, bad or plain
    sentences: tuple[str, ...]
    figures: tuple[Figure, ...]


def segment_words(segment: Any) -> str:
    """A segment as a reader calls it."""
    if segment == "internal":
        return "the lines inside the cabin"
    text = str(segment)
    return f"radiator segment {text[3:]}" if text.startswith("rad") and text[3:].isdigit() else text


def hole_interval_mm(verdict: Mapping[str, Any]) -> tuple[float, float] | None:
    """Hole size at the bounds of the rate's interval: by the orifice law the area goes with the rate at one pressure."""
    hole, rate = number(verdict.get("hole_mm")), number(verdict.get("rate_ml_s"))
    bounds = _interval(verdict)
    if not hole or not rate or rate < 0 or bounds is None or bounds[0] < 0:
        return None
    return hole * math.sqrt(bounds[0] / rate), hole * math.sqrt(bounds[1] / rate)


def _interval(verdict: Mapping[str, Any]) -> tuple[float, float] | None:
    bounds = verdict.get("rate_ml_s_ci95")
    if not isinstance(bounds, list) or len(bounds) != 2:
        return None
    low, high = number(bounds[0]), number(bounds[1])
    return None if low is None or high is None else (low, high)


def confidence_percent(verdict: Mapping[str, Any]) -> float | None:
    """Confidence in percent; the summary holds a ratio of 0..1."""
    value = number(verdict.get("confidence"))
    return None if value is None else value * 100 if value <= 1 else value


def headline(summary: Summary) -> Headline:
    """Title, outcome, sentences and key figures of a run."""
    found = [mapping(row) for row in summary.get("expect") or [] if isinstance(row, dict)]
    failed = [row for row in found if row.get("ok") is not True]
    if failed:
        outcome, kind = f"{len(failed)} of {len(found)} expectations failed", "bad"
    elif summary.get("ok") is False:
        outcome, kind = "broken off before its end", "bad"
    elif found:
        outcome, kind = ("the one expectation held" if len(found) == 1 else f"all {len(found)} expectations held"), "good"
    else:
        outcome, kind = "no expectations were set", "plain"
    sentences = [_happened(summary), _detected(summary), _isolated(summary), _lost(summary), _verdict(summary), _trapped(summary)]
    return Headline(str(summary["scenario"]), outcome, kind, tuple(text for text in sentences if text), tuple(_figures(summary)))


def is_replay(summary: Summary) -> bool:
    """True for a replayed log: no truth, and nothing was moved."""
    return summary.get("truth") is None


def _happened(summary: Summary) -> str:
    if is_replay(summary):
        return "This is a recorded log, replayed open loop: what really happened is not known here, and the firmware moved nothing."
    found = leaks(summary)
    if not found:
        return "No coolant leak was put into the plant."
    parts = []
    for leak in found:
        into = "the lines inside the cabin" if leak.get("segment") == "internal" else segment_words(leak.get("segment"))
        parts.append(f"a hole of {amount(number(leak.get('hole_mm')), 'mm')} in {into}, from {seconds(number(leak.get('onset_s')))}")
    return f"Put into the plant: {'; '.join(parts)}."


def _after(time_s: float, onset_s: float | None) -> str:
    if onset_s is None:
        return ""
    delay = time_s - onset_s
    return f", {seconds(delay)} after the onset" if delay >= 0 else f", {seconds(-delay)} before any coolant leak began"


def _detected(summary: Summary) -> str:
    detect, onset = number(summary.get("t_detect_s")), first_onset_s(summary)
    false_alarms = number(summary.get("false_alarms")) or 0
    if detect is None:
        text = "No leak alarm was raised" if not is_replay(summary) else "No alarm was raised"
        return text + (": the leak went unnoticed." if onset is not None else ".")
    if is_replay(summary):  # a loss of flow may be a leak or a closing valve, and without a truth no alarm is false
        return f"The first alarm came at {seconds(detect)}."
    text = f"The leak alarm came at {seconds(detect)}{_after(detect, onset)}."
    if false_alarms:
        text += f" {_counted(false_alarms, 'alarm')} came without a cause."
    return text


def _counted(count: float, noun: str) -> str:
    return f"{count:g} {noun}{'' if count == 1 else 's'}"


def _isolated(summary: Summary) -> str:
    command, isolated = number(summary.get("t_isolate_cmd_s")), number(summary.get("t_isolated_s"))
    onset = first_onset_s(summary)
    if command is None and is_replay(summary):
        return "The firmware would have isolated nothing."
    if command is None and isolated is None:
        return "Isolation was never commanded." if number(summary.get("t_detect_s")) is not None else ""
    if is_replay(summary):
        return f"The firmware would have commanded isolation at {seconds(command)}; it is passive here and moved nothing."
    text = f"Isolation was commanded at {seconds(command)}" if command is not None else "No isolation command is on record"
    if isolated is not None:
        text += f"; both valves of every holed segment were confirmed shut at {seconds(isolated)}{_after(isolated, onset)}."
    elif onset is not None:
        text += ", and was not complete at the end of the run: no holed segment, or not every one, was confirmed shut."
    else:
        text += ", although no coolant leaked." if number(summary.get("false_isolations")) else "."
    return text


def _lost(summary: Summary) -> str:
    if is_replay(summary) or not leaks(summary):
        return ""
    before, total = number(summary.get("lost_before_isolation_ml")), number(summary.get("lost_ml"))
    percent = number(summary.get("lost_pct"))
    share = ""
    if before is not None and total and percent is not None:
        share = f" ({amount(percent * before / total, '%', 2)} of the charge)"
    end = "before isolation was complete" if number(summary.get("t_isolated_s")) is not None else "by the end of the run, without isolation"
    text = f"{amount(before, 'mL')}{share} of coolant was lost {end}"
    if total is not None and before is not None and total > before:
        text += f"; {amount(total, 'mL')} ({amount(percent, '%', 2)}) in all by the end of the run"
    return text + "."


def _verdict(summary: Summary) -> str:
    verdict = mapping(summary.get("verdict"))
    kind = str(verdict.get("class", "none"))
    words = _CLASS_WORDS.get(kind, kind.replace("_", " "))
    if kind == "none":
        return f"The firmware's diagnosis at the end: {words}."
    text = f"The firmware's diagnosis at the end: {words}"
    if verdict.get("segment") is not None:
        text += f" in {segment_words(verdict['segment'])}"
    elif kind == "coolant_leak":
        text += ", no segment convicted"
    rate, bounds = number(verdict.get("rate_ml_s")), _interval(verdict)
    if rate is not None:
        text += f", {amount(rate, 'mL/s')}"
        if bounds is not None:
            text += f" (95\u00a0% interval {interval(*bounds, 'mL/s')})"
    hole, holes = number(verdict.get("hole_mm")), hole_interval_mm(verdict)
    if hole is not None:
        text += f", a hole of {amount(hole, 'mm')}"
        if holes is not None:
            text += f" ({interval(*holes, 'mm', 2)}, derived here from the rate's interval)"
    confidence = confidence_percent(verdict)
    if confidence is not None:
        text += f"; confidence {amount(confidence, '%')}"
    return text + "."


def flew_default_loop(summary: Summary) -> bool:
    """True when the charge that the summary implies is the default loop's."""
    lost, percent = number(summary.get("lost_ml")), number(summary.get("lost_pct"))
    if not lost or not percent or lost < 1:
        return False
    return abs(lost / percent / 10.0 / CHARGE_L - 1.0) < _CHARGE_TOLERANCE


def _trapped(summary: Summary) -> str:
    """Isolation does not save the leaking segment, and the page must not let anybody think so."""
    if is_replay(summary) or number(summary.get("t_isolated_s")) is None or not leaks(summary):
        return ""
    text = "Isolation does not save the leaking segment: what is trapped in it still leaves through the hole"
    if flew_default_loop(summary):
        text += f" (up to {SEGMENT_L:g}\u00a0L, 15\u00a0% of the charge; a figure of ours)"
    residual = number(summary.get("residual_release_ml"))
    if residual is not None:
        text += f"; {amount(residual, 'mL')} of it had left by the end of the run"
    return text + "."


def _figures(summary: Summary) -> list[Figure]:
    verdict, onset = mapping(summary.get("verdict")), first_onset_s(summary)
    figures: list[Figure] = []
    for label, key in (("Detected", "t_detect_s"), ("Isolated", "t_isolated_s")):
        time = number(summary.get(key))
        if key == "t_isolated_s" and is_replay(summary):
            continue  # nothing is moved
        if time is None:
            figures.append(Figure(label, "no", "" if onset is not None else "no coolant leak" if not is_replay(summary) else ""))
        elif onset is None:
            figures.append(Figure(label, f"at {time:g}\u00a0s", "scenario time"))
        else:
            figures.append(Figure(label, f"{time - onset:+.3f}".rstrip("0").rstrip(".") + "\u00a0s", f"from the onset; at {time:g}\u00a0s"))
    if not is_replay(summary) and leaks(summary):
        percent = amount(number(summary.get("lost_pct")), "%", 2)
        total = amount(number(summary.get("lost_ml")), "mL")
        before = amount(number(summary.get("lost_before_isolation_ml")), "mL")
        figures.append(Figure("Lost before isolation", before, f"{total} ({percent}) by the end"))
    rate, bounds = number(verdict.get("rate_ml_s")), _interval(verdict)
    if rate is not None:
        note = "" if bounds is None else f"95\u00a0%: {interval(*bounds)}"
        figures.append(Figure("Leak rate, estimate", amount(rate, "mL/s"), note))
    hole, holes = number(verdict.get("hole_mm")), hole_interval_mm(verdict)
    if hole is not None:
        note = "" if holes is None else f"{interval(*holes, digits=2)}, derived"
        figures.append(Figure("Hole, estimate", amount(hole, "mm"), note))
    kind = str(verdict.get("class", "none"))
    segment = verdict.get("segment")
    confidence = confidence_percent(verdict)
    where = "" if segment is None else f"{segment}; "
    figures.append(
        Figure(
            "Diagnosis",
            _CLASS_WORDS.get(kind, kind),
            where + ("" if confidence is None else f"confidence {amount(confidence, '%')}"),
        )
    )
    return figures
