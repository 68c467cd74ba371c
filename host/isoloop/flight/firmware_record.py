"""What the firmware said over a whole run, as the summary needs it."""

from __future__ import annotations

from typing import Any

from isoloop.dictionary import load_dictionary
from isoloop.dictionary.model import UNKNOWN_BY_TYPE, Structure
from isoloop.link.decoder import EventReport, Report, StructureReport
from isoloop.schema.names import SEGMENTS

ALARM_EVENTS = ("LEAK_ALARM", "CABIN_LEAK", "FLOW_LOSS")
ALARM_CLASSES = ("coolant_leak", "cabin_leak", "flow_loss", "accumulator_gas_loss")


class FirmwareRecord:
    """Takes every report of a run. Times are in ms of scenario time.

    Attributes:
        alarms_ms: when leak alarms were raised, ascending; several events of one tick are one alarm.
        isolations_ms: when isolation sequences were commanded, or would have been in passive mode.
        closed_segments: names of the segments that isolation was commanded to close, passive mode left out.
    """

    def __init__(self) -> None:
        self.alarms_ms: list[int] = []
        self.isolations_ms: list[int] = []
        self.closed_segments: set[str] = set()
        self._dictionary = load_dictionary()
        self._classes = self._dictionary.groups["leak_class"]
        self._last: dict[str, StructureReport] = {}
        self._allocation_events = 0
        self._before_restart = {"alloc_faults": 0, "late_ticks": 0}

    def take(self, report: Report) -> None:
        """Take the next report."""
        if isinstance(report, StructureReport):
            self._last[report.structure.name] = report
            return
        if not isinstance(report, EventReport):
            return
        name = report.event.name
        if name in ALARM_EVENTS:
            if name != "LEAK_ALARM" or self._classes.get(report.value("leak_class")) in ALARM_CLASSES:
                _append_once(self.alarms_ms, report.time_ms)
        elif name == "ISOLATION_COMMANDED":
            _append_once(self.isolations_ms, report.time_ms)
            if not report.value("passive"):
                mask = report.value("segments_mask")
                self.closed_segments.update(segment for bit, segment in enumerate(SEGMENTS) if mask >> bit & 1)
        elif name == "ALLOCATION":
            self._allocation_events += 1

    def restart(self) -> None:
        """The firmware restarts, and its counters with it."""
        platform = self._values("platform")
        for name in self._before_restart:
            self._before_restart[name] += platform.get(name) or 0
        self._last.pop("platform", None)

    @property
    def alloc_faults(self) -> int:
        """Control cycles whose stages tried to allocate: by the platform report, or by their events where no report came after them."""
        counted = self._before_restart["alloc_faults"] + (self._values("platform").get("alloc_faults") or 0)
        return max(counted, self._allocation_events)

    @property
    def late_ticks(self) -> int:
        """Control cycles that took longer than their tick."""
        return self._before_restart["late_ticks"] + (self._values("platform").get("late_ticks") or 0)

    @property
    def is_latched(self) -> bool:
        """True when a leak alarm is latched at the end."""
        values = self._values("housekeeping")
        leak = self._dictionary.state_number("verdict", "leak")
        bits = sum(1 << self._dictionary.state_number("leak_class", name) for name in ALARM_CLASSES)
        return values.get("verdict") == leak or bool((values.get("alarms") or 0) & bits)

    def verdict(self) -> dict[str, Any]:
        """The `verdict` object of the summary, from the last housekeeping report."""
        values = self._values("housekeeping")
        rate_ml_s = _scaled(values.get("rate_ul_s"), 1000)
        low, high = (_scaled(values.get(name), 1000) for name in ("rate_lo_ul_s", "rate_hi_ul_s"))
        diagnosis, segment = values.get("diagnosis"), values.get("segment")
        return {
            "class": "none" if diagnosis is None else self._classes.get(diagnosis, str(diagnosis)),
            "segment": None if segment is None else self._dictionary.groups["segment"].get(segment, str(segment)),
            "rate_ml_s": rate_ml_s,
            "hole_mm": _scaled(values.get("hole_um"), 1000),
            "rate_ml_s_ci95": None if low is None or high is None else [low, high],
            "confidence": _scaled(values.get("confidence_percent"), 100),
        }

    def _values(self, structure: str) -> dict[str, int | None]:
        report = self._last.get(structure)
        return {} if report is None else named_values(report.structure, report.values)


def named_values(structure: Structure, values: tuple[int, ...]) -> dict[str, int | None]:
    """Values by field name, None where unknown."""
    return {
        field.name: None if field.nullable and value == UNKNOWN_BY_TYPE[field.type] else value
        for field, value in zip(structure.fields, values, strict=True)
    }


def _append_once(times: list[int], time: int) -> None:
    if not times or times[-1] != time:
        times.append(time)


def _scaled(value: int | None, divisor: int) -> float | None:
    return None if value is None else value / divisor
