"""What the page's script draws: panels, strips and events as one JSON document with the numbers packed."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

from isoloop.report.boxes import spans
from isoloop.report.rules import Panel, Trace
from isoloop.report.runfolder import Run, key_times_s
from isoloop.report.strips import Strip, StripPanel
from isoloop.report.tables import Column, thin

_POINTS_ALL = 380_000       # in all lines together: 8 bytes a point, 4/3 of that as base64, so about 4 MB
_POINTS_LINE_MAX = 8_000    # a line; several points a pixel of a wide screen

_KEY_MARKS = (
    ("onset", "leak onset (truth)", "#b00020", "dash"),
    ("detected", "leak alarm", "#c04a00", "solid"),
    ("commanded", "isolation commanded", "#6a3d9a", "dot"),
    ("isolated", "isolation confirmed", "#00664b", "solid"),
)
_REPLAY_LABELS = {"detected": "first alarm", "commanded": "isolation would be commanded"}


class _Arrays:
    """Packed arrays, each kept once however many lines share it."""

    def __init__(self) -> None:
        self.packed: list[str] = []
        self._index: dict[int, int] = {}
        self._alive: list[npt.NDArray[np.int64]] = []  # an id stays one array's only while the array lives

    def times(self, t_ms: npt.NDArray[np.int64]) -> int:
        """Index of a time array: u32 ms, enough for 49 days."""
        if id(t_ms) not in self._index:
            self._alive.append(t_ms)
            self._index[id(t_ms)] = self._add(t_ms.astype("<u4").tobytes())
        return self._index[id(t_ms)]

    def values(self, column: Column, factor: float, offset: float) -> int:
        """Index of a value array in the unit shown: f32, NaN for unknown."""
        return self._add((column.values * factor + offset).astype("<f4").tobytes())

    def _add(self, raw: bytes) -> int:
        self.packed.append(base64.b64encode(raw).decode("ascii"))
        return len(self.packed) - 1


def key_marks(run: Run) -> list[dict[str, Any]]:
    """Onset, detection, command and isolation as vertical lines, those that happened."""
    times = key_times_s(run.summary)
    would_be = run.summary.get("truth") is None
    marks = []
    for key, label, color, dash in _KEY_MARKS:
        if key in times:
            text = _REPLAY_LABELS.get(key, label) if would_be else label
            marks.append({"key": key, "label": text, "color": color, "dash": dash, "t_ms": round(times[key] * 1000)})
    return marks


def document(run: Run, panels: list[Panel], strips: list[StripPanel]) -> dict[str, Any]:
    """The whole document."""
    lines = sum(1 if trace.band_to is None else 2 for panel in panels for trace in panel.traces)
    points = min(_POINTS_LINE_MAX, _POINTS_ALL // max(1, lines))
    arrays = _Arrays()
    drawn = [_panel(panel, points, run, arrays) for panel in panels]
    return {
        "end_ms": run.end_ms,
        "marks": key_marks(run),
        "captures": spans(run),
        "panels": drawn,
        "strips": [_strip_panel(panel) for panel in strips],
        "events": [[event.t_ms, event.name, event.severity, event.detail, event.text] for event in run.events],
        "arrays": arrays.packed,
    }


def thinned(run: Run, panels: list[Panel]) -> bool:
    """True when at least one line has fewer points than were recorded."""
    lines = sum(1 if trace.band_to is None else 2 for panel in panels for trace in panel.traces)
    points = min(_POINTS_LINE_MAX, _POINTS_ALL // max(1, lines))
    return run.telemetry.thinned or run.truth.thinned or any(len(t.column.values) > points for p in panels for t in p.traces)


def _panel(panel: Panel, points: int, run: Run, arrays: _Arrays) -> dict[str, Any]:
    return {
        "key": panel.key,
        "axis": panel.axis,
        "height_px": panel.height_px,
        "from_zero": panel.from_zero,
        "level": panel.level,
        "cap": panel.cap,
        "traces": [_trace(trace, points, run, arrays) for trace in panel.traces],
    }


def _trace(trace: Trace, points: int, run: Run, arrays: _Arrays) -> dict[str, Any]:
    what = trace.quantity
    column = thin(trace.column, points, run.windows_ms)
    packed: dict[str, Any] = {
        "name": trace.name,
        "group": trace.group,
        "unit": "" if what.unit == "ratio" else what.unit.removesuffix(" of threshold"),
        "title": trace.meaning,
        "color": trace.style.color,
        "dash": trace.style.dash,
        "width_px": trace.style.width_px,
        "step": trace.style.step,
        "hidden": trace.hidden,
        "t": arrays.times(column.t_ms),
        "v": arrays.values(column, what.factor, what.offset),
    }
    if trace.band_to is not None:
        upper = thin(trace.band_to, points, run.windows_ms)
        packed["hi_t"] = arrays.times(upper.t_ms)
        packed["hi_v"] = arrays.values(upper, what.factor, what.offset)
    return packed


def _strip_panel(panel: StripPanel) -> dict[str, Any]:
    return {"key": panel.key, "strips": [_strip(strip) for strip in panel.strips]}


def _strip(strip: Strip) -> dict[str, Any]:
    states = [state for state in dict.fromkeys(strip.states) if state is not None]
    index = {state: number for number, state in enumerate(states)}
    return {
        "name": strip.name,
        "thin": strip.thin,
        "end_ms": strip.end_ms,
        "states": states,
        "t_ms": strip.t_ms,
        "v": [-1 if state is None else index[state] for state in strip.states],
    }
