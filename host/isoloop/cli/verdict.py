"""The end of a run in plain words: what happened, when, how much was lost, and what the expectations say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isoloop.plant.config import PlantConfig

Summary = Mapping[str, Any]

CLASS_WORDS = {
    "none": "nothing wrong",
    "coolant_leak": "coolant leak",
    "cabin_leak": "cabin leak",
    "flow_loss": "loss of flow",
    "sensor_fault": "sensor fault",
    "accumulator_gas_loss": "gas loss of the compensator",
    "pump_fault": "pump fault",
    "valve_fault": "valve fault",
}


def verdict_lines(summary: Summary, plant: PlantConfig | None = None) -> list[str]:
    """The verdict block of one run.

    Args:
        summary: of the run.
        plant: the loop that was flown; None for a recorded log, whose loop nobody knows.
    """
    return [_diagnosis(summary), *_leak(summary, plant), *_alarms(summary), *_faults(summary)]


def expectation_lines(summary: Summary) -> list[str]:
    """One line an expectation, the failed ones in capitals so that they are seen without colour."""
    lines = []
    for row in summary["expect"]:
        mark = "ok    " if row["ok"] else "FAILED"
        lines.append(f"{mark} {row['name']}: {shown(row['got'])} (wanted {_wanted(row['name'], row['want'])})")
    return lines


def one_line(summary: Summary) -> str:
    """A run among many: what was called, when, and what failed."""
    parts = [CLASS_WORDS.get(summary["verdict"]["class"], summary["verdict"]["class"])]
    leak = _truth_leak(summary)
    for key, word in (("t_detect_s", "detected"), ("t_isolated_s", "isolated")):
        if summary[key] is not None:
            parts.append(f"{word} {summary[key] - leak['onset_s']:.1f} s after onset" if leak else f"{word} at {summary[key]:.1f} s")
    if leak and summary["lost_before_isolation_ml"] is not None:
        parts.append(f"{summary['lost_before_isolation_ml']:.1f} mL lost")
    parts += [f"{row['name']} FAILED: {shown(row['got'])}" for row in summary["expect"] if not row["ok"]]
    return ", ".join(parts)


def shown(value: object) -> str:
    """A JSON value as people read it."""
    if value is None:
        return "never"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _wanted(name: str, want: object) -> str:
    if name.endswith(("_within_s", "_max")) or name.startswith("max_"):
        return f"at most {shown(want)}"
    return shown(want)


def _truth_leak(summary: Summary) -> Mapping[str, Any] | None:
    truth = summary["truth"]
    leak: Mapping[str, Any] | None = truth["leak"] if truth else None
    return leak


def _diagnosis(summary: Summary) -> str:
    verdict = summary["verdict"]
    text = f"The firmware's diagnosis: {CLASS_WORDS.get(verdict['class'], verdict['class'])}"
    if verdict["segment"]:
        text += f" in {verdict['segment']}"
    if verdict["rate_ml_s"] is not None and verdict["class"] in ("coolant_leak", "flow_loss"):
        text += f", {verdict['rate_ml_s']:.2g} mL/s"
    if verdict["hole_mm"] is not None and verdict["class"] == "coolant_leak":
        text += f", like a hole of {verdict['hole_mm']:.2g} mm"
    return text + "."


def _leak(summary: Summary, plant: PlantConfig | None) -> list[str]:
    leak = _truth_leak(summary)
    detect_s, isolated_s = summary["t_detect_s"], summary["t_isolated_s"]
    if leak is None:
        return [] if detect_s is None else [f"First alarm at {detect_s:.1f} s."]
    place = "between loop and cabin" if leak["segment"] == "internal" else f"in {leak['segment']}"
    onset_s = leak["onset_s"]
    lines = [
        f"What was true: a hole of {leak['hole_mm']:g} mm {place} from {onset_s:.1f} s on.",
        "It was NOT noticed." if detect_s is None else f"Noticed {detect_s - onset_s:.1f} s after it began.",
        "It was NOT closed off."
        if isolated_s is None
        else f"Closed off, both valves confirmed shut, {isolated_s - onset_s:.1f} s after it began.",
    ]
    lost_ml = summary["lost_before_isolation_ml"]
    if lost_ml is not None:
        share = f", {lost_ml / plant.volume_ml:.2%} of the coolant" if plant else ""
        lines.append(f"Lost {'in all' if isolated_s is None else 'before isolation'}: {lost_ml:.1f} mL{share}.")
    if isolated_s is not None and leak["segment"] != "internal":
        lines.append(_trapped(summary, leak["segment"], plant))
    return lines


def _trapped(summary: Summary, segment: str, plant: PlantConfig | None) -> str:
    """What isolation does not save, which nobody must read past."""
    content = ""
    if plant is not None:
        content = f", {plant.radiator_volume_ml / 1000:.2f} L or {plant.radiator_volume_ml / plant.volume_ml:.0%} of the coolant,"
    text = f"Isolation does not save {segment}: what is trapped in it{content} still goes out through its hole"
    released_ml = summary["residual_release_ml"]
    return text + (f" ({released_ml / 1000:.2f} L of it by the end of the run)." if released_ml else ".")


def _alarms(summary: Summary) -> list[str]:
    if summary["truth"] is None:  # a recorded log: nobody knows what was true, so no alarm is false
        would_be = summary["false_isolations"]
        return [f"It would have commanded {_count(would_be, 'isolation')}."] if would_be else []
    alarms, isolations = summary["false_alarms"], summary["false_isolations"]
    if not alarms and not isolations:
        return ["No false alarm, no false isolation."]
    return [f"{_count(alarms, 'FALSE alarm')}, {_count(isolations, 'FALSE isolation')}."]


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _faults(summary: Summary) -> list[str]:
    lines = []
    if summary["alloc_faults"]:
        lines.append(f"{summary['alloc_faults']} control cycles tried to allocate memory.")
    if summary["ticks_late"]:
        lines.append(f"{summary['ticks_late']} ticks came late.")
    return lines
