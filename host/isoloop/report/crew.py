"""What the firmware told the crew, as it stood at the end of the run: rows of the structure `crew` in plain words."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from isoloop.report.formats import amount, clock

CREW_NAME = "crew.csv"
HORIZON_S = 57600
"""Times of the firmware that mean: not within 16 hours."""
_CAUSES = {
    "none": "nothing wrong",
    "coolant_leak_outside": "coolant leaks overboard",
    "coolant_leak_cabin": "coolant leaks into the cabin",
    "coolant_leak_unlocated": "coolant is lost, from where is not told",
    "cabin_leak": "the cabin's air leaks; the coolant loop is another matter",
    "gas_loss": "the compensator loses gas; the coolant is all there",
    "sensor_fault": "a sensor is wrong",
    "data_path_fault": "a data path is wrong",
    "pump_fault": "the pump does not deliver, or was tripped",
    "valve_fault": "a valve does not obey",
    "relief_fault": "a relief does not do its work",
    "flow_loss": "the flow left its baseline",
    "thermal_transient": "temperatures on the move, nothing lost",
}


def rows(run_dir: Path) -> list[tuple[str, str]]:
    """(what, value) of the last report of the run; none without one. A file that is torn or foreign gives what it gives."""
    last = _last_row(run_dir / CREW_NAME)
    if last is None:
        return []
    cause = last.get("cause", "")
    sure = f"; sure to {last['cause_confidence_percent']}\u00a0%" if last.get("cause_confidence_percent") else ""
    return [
        ("Cause", _CAUSES.get(cause, cause) + sure),
        ("Bay temperature", f"{_scaled(last, 'bay_trend_mk_min', 1000, 'K/min')}; limit {_time(last, 'bay_limit_s')}"),
        ("Heat load, people aboard", f"{_scaled(last, 'heat_load_w', 1, 'W')}; {last.get('crew_count', '')}"),
        ("Coolant lost by the loop", _scaled(last, "coolant_lost_ul", 1000, "mL")),
        ("Loss now", _scaled(last, "loss_rate_ul_s", 1000, "mL/s")),
        ("Let go by shut segments since", _scaled(last, "residual_ul", 1000, "mL")),
        ("Loop below its working pressure", _time(last, "loop_stop_s")),
        ("Venting overboard", "yes: optics" if last.get("venting") == "1" else "no"),
        ("Thrust of it (flashing adds an unknown factor)", _range(last, "thrust_lo_un", "thrust_hi_un", "mN")),
        ("Impulse so far", _range(last, "impulse_lo_mns", "impulse_hi_mns", "N s")),
        ("Coolant in the cabin", _scaled(last, "cabin_coolant_ul", 1000, "mL")),
        ("A tenth of the lower flammable limit, and all of it", f"{_time(last, 'lfl_10_s')}; {_time(last, 'lfl_100_s')}"),
        ("Gas in the compensator, by stiffness", _scaled(last, "gas_permille", 10, "% of the charge")),
        ("Pump tripped", "yes: only the ground starts it" if last.get("pump_tripped") == "1" else "no"),
        ("Reliefs stuck closed; leaking", f"{_segments(last, 'relief_stuck_mask')}; {_segments(last, 'relief_leaking_mask')}"),
    ]


def _last_row(path: Path) -> Mapping[str, str] | None:
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as stream:
            last = None
            for row in csv.DictReader(line.replace("\0", "") for line in stream):
                if None not in row and None not in row.values():
                    last = row
            return last
    except OSError:
        return None


def _number(row: Mapping[str, str], name: str) -> float | None:
    try:
        return float(row[name])
    except (KeyError, ValueError):
        return None


def _scaled(row: Mapping[str, str], name: str, divisor: float, unit: str) -> str:
    value = _number(row, name)
    return "unknown" if value is None else amount(value / divisor, unit)


def _range(row: Mapping[str, str], low: str, high: str, unit: str) -> str:
    return f"{_scaled(row, low, 1000, '')} to {_scaled(row, high, 1000, unit)}"


def _time(row: Mapping[str, str], name: str) -> str:
    value = _number(row, name)
    if value is None:
        return "unknown"
    if value >= HORIZON_S:
        return "not within 16 h"
    return "now" if value <= 0 else f"in {clock(value)}"


def _segments(row: Mapping[str, str], name: str) -> str:
    mask = int(_number(row, name) or 0)
    return ", ".join(f"segment {bit + 1}" for bit in range(3) if mask >> bit & 1) or "none"
