"""The end of a run in plain words: what happened, when, how much was lost, and what the expectations say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def verdict_lines(summary: Summary) -> list[str]:
    """The verdict block of one run."""
    lines = [_diagnosis(summary), *_leak(summary), *_alarms(summary), *_faults(summary)]
    return [line for line in lines if line]


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
    if summary["t_detect_s"] is not None:
        after = f"{summary['t_detect_s'] - leak['onset_s']:.1f} s after onset" if leak else f"at {summary['t_detect_s']:.1f} s"
        parts.append(f"detected {after}")
    if summary["t_isolated_s"] is not None:
        parts.append(f"isolated at {summary['t_isolated_s']:.1f} s")
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


def _leak(summary: Summary) -> list[str]:
    leak = _truth_leak(summary)
    if leak is None:
        if summary["t_detect_s"] is None:
            return []
        return [f"First alarm at {summary['t_detect_s']:.1f} s."]
    place = "between loop and cabin" if leak["segment"] == "internal" else f"in {leak['segment']}"
    lines = [f"What was true: a hole of {leak['hole_mm']:g} mm {place} from {leak['onset_s']:.1f} s on."]
    onset_s = leak["onset_s"]
    if summary["t_detect_s"] is None:
        lines.append("It was NOT noticed.")
    else:
        lines.append(f"Noticed {summary['t_detect_s'] - onset_s:.1f} s after it began.")
    if summary["t_isolated_s"] is None:
        lines.append("It was NOT closed off.")
    else:
        lines.append(f"Closed off, both valves confirmed, {summary['t_isolated_s'] - onset_s:.1f} s after it began.")
    lost_ml = summary["lost_before_isolation_ml"]
    if lost_ml is not None:
        share = f" ({lost_ml / _charge_ml(summary):.2%} of the coolant)" if _charge_ml(summary) else ""
        lines.append(f"Lost {'before isolation' if summary['t_isolated_s'] is not None else 'in all'}: {lost_ml:.1f} mL{share}.")
    if summary["t_isolated_s"] is not None and leak["segment"] != "internal":
        trapped = f" ({summary['residual_release_ml'] / 1000:.2f} L)" if summary["residual_release_ml"] else ""
        lines.append(f"Isolation does not save {leak['segment']}: what is trapped in it{trapped} still goes out through its hole.")
    return lines


def _charge_ml(summary: Summary) -> float:
    """The charge, from the two ways that the summary states the same loss; 0 when nothing was lost."""
    if not summary["lost_pct"] or not summary["lost_ml"]:
        return 0.0
    return float(summary["lost_ml"]) / float(summary["lost_pct"]) * 100


def _alarms(summary: Summary) -> list[str]:
    counts = [(summary["false_alarms"], "false alarm"), (summary["false_isolations"], "false isolation")]
    if not any(count for count, _ in counts):
        return ["No false alarm, no false isolation."] if summary["truth"] else []
    return [f"{count} {name}{'s' if count > 1 else ''}." for count, name in counts if count]


def _faults(summary: Summary) -> list[str]:
    lines = []
    if summary["alloc_faults"]:
        lines.append(f"{summary['alloc_faults']} control cycles tried to allocate memory.")
    if summary["ticks_late"]:
        lines.append(f"{summary['ticks_late']} ticks came late.")
    return lines
