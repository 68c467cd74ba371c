"""State strips: valve positions, firmware states and channel statuses as bars over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from isoloop.report.decimate import FloatArray, bucket_rows_for, changes, pick
from isoloop.report.rules import VALVES
from isoloop.report.runfolder import Run
from isoloop.report.tables import Column

_VOTES = {0: "0 sensors", 1: "1 sensor", 2: "2 sensors", 3: "3 sensors"}
_OUTPUT_ENABLE_BIT = 15
_START_MS = 2_000     # until the first samples are in, every channel is stale
_CHANGES_MAX = 3000  # of one strip; a chattering signal is decimated like a line


@dataclass
class Strip:
    """One bar: times at which a state starts, the state's name from there on (None = unknown, a gap), and when the record ends."""

    name: str
    t_ms: list[int]
    states: list[str | None]
    end_ms: int
    thin: bool = False
    """Drawn as a narrow bar right under the one before (what a valve was told, under where it is)."""


@dataclass
class StripPanel:
    """Strips that share a panel, and one sentence about what is not drawn."""

    key: str
    title: str
    caption: str
    strips: list[Strip] = field(default_factory=list)


def _steps(column: Column, values: FloatArray) -> tuple[list[int], FloatArray]:
    at = changes(values)
    if len(at) > _CHANGES_MAX:
        rows = pick(values, bucket_rows_for(len(values), 0, _CHANGES_MAX))
        at = rows[changes(values[rows])]
    return [int(t_ms) for t_ms in column.t_ms[at]], values[at]


def _strip(name: str, column: Column, names: Mapping[int, str]) -> Strip:
    """A strip of a column of codes; of texts when the recorder wrote those."""
    labels = column.labels
    t_ms, values = _steps(column, column.values)
    states: list[str | None] = []
    for value in values:
        if np.isnan(value):
            states.append(None)
        elif labels is not None:
            label = labels[int(value)]
            states.append(names.get(int(label), label) if label.isdecimal() else label)
        else:
            states.append(names.get(int(value), f"{value:g}"))
    return Strip(name, t_ms, [None if state == "unknown" else state for state in states], int(column.t_ms[-1]))


def _drive_strip(index: int, column: Column) -> Strip:
    """What the drive word told valve `index`; nothing without the output enable, both or neither bit."""
    known = ~np.isnan(column.values)
    words = np.where(known, column.values, 0).astype(np.int64)
    bits = np.where((words >> _OUTPUT_ENABLE_BIT) & 1, (words >> (2 * index)) & 3, 0)
    t_ms, values = _steps(column, np.where(known, bits, 0).astype(np.float64))
    told = {1: "driven open", 2: "driven closed"}
    return Strip(f"{VALVES[index]} drive", t_ms, [told.get(int(value)) for value in values], int(column.t_ms[-1]), thin=True)


def strip_panels(run: Run) -> list[StripPanel]:
    """Valves and pump, firmware states, channel statuses: the panels that have something to show."""
    columns = {name: column for name, column in run.telemetry.columns.items() if len(column.t_ms)}
    groups = run.dictionary.groups
    enums = {row.name: groups[row.enum] for row in run.dictionary.structures_by_name["housekeeping"].fields if row.enum}
    valves = _valve_panel(columns, enums)
    if run.summary.get("truth") is None and all(len(strip.states) == 1 for strip in valves.strips):
        valves = StripPanel("valves", "", "")  # a log has no valves: those that the firmware was told of never move
    panels = [valves, _state_panel(columns, enums), _channel_panel(columns, enums)]
    return [panel for panel in panels if panel.strips or panel.caption]


def _valve_panel(columns: Mapping[str, Column], enums: Mapping[str, Mapping[int, str]]) -> StripPanel:
    panel = StripPanel("valves", "Valves and pump", "")
    drive = columns.get("drive_word")
    for index, valve in enumerate(VALVES):
        column = columns.get(f"valve_{valve}")
        if column is None:
            continue
        strip = _strip(valve, column, enums.get(f"valve_{valve}", {}))
        if any(state is not None for state in strip.states):
            panel.strips.append(strip)
            if drive is not None and drive.labels is None:
                panel.strips.append(_drive_strip(index, drive))
    if panel.strips:
        panel.caption = "Position by the end switches; the thin bar below each says when and where to the valve was driven."
    if "pump_on" in columns:
        panel.strips.append(_strip("pump", columns["pump_on"], {0: "off", 1: "on"}))
    return panel


def _state_panel(columns: Mapping[str, Column], enums: Mapping[str, Mapping[int, str]]) -> StripPanel:
    panel = StripPanel("states", "Firmware states", "")
    for name, title in (
        ("verdict", "verdict"),
        ("leak_class", "latched alarm"),
        ("diagnosis", "diagnosis"),
        ("segment", "convicted"),
        ("isolation_state", "isolation"),
        ("mode", "mode"),
        ("votes", "voting"),
    ):
        if name in columns and not np.isnan(columns[name].values).all():
            panel.strips.append(_strip(title, columns[name], _VOTES if name == "votes" else enums.get(name, {})))
    return panel


def _is_known(column: Column | None) -> bool:
    """True when a column ever holds a value."""
    return column is not None and not bool(np.isnan(column.values).all())


def _channel_panel(columns: Mapping[str, Column], enums: Mapping[str, Mapping[int, str]]) -> StripPanel:
    """Channels that were ever anything but ok; the others are named in one sentence."""
    panel = StripPanel("channels", "Channel statuses", "")
    steady: dict[str, list[str]] = {}
    late_start = False
    for name, column in columns.items():
        if not name.startswith("status_"):
            continue
        channel = name.removeprefix("status_")
        if channel == "p_cabin" and _is_known(columns.get("flow_ul_s")) and not _is_known(columns.get("p_cabin_pa")):
            channel = "flow"  # a board with a flow meter has it in this slot
        strip = _strip(channel, column, enums.get(name, {}))
        states = [*strip.states]
        if len(states) > 1 and states[0] == "stale" and strip.t_ms[1] - strip.t_ms[0] <= _START_MS:
            states.pop(0)
            late_start = True
        first = states[0]
        if first in ("ok", "absent") and set(states) <= {first, None}:
            steady.setdefault(first, []).append(strip.name)
        else:
            panel.strips.append(strip)
    said = [f"Throughout {state}: {', '.join(names)}." for state, names in steady.items()]
    if steady and not panel.strips:
        said.insert(0, "No channel changed its status.")
    if late_start:
        said.append("Stale in the first moments, until samples were in: not shown as a change.")
    panel.caption = " ".join(said)
    return panel
