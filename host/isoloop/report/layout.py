"""Sorts the recorded columns into panels.

A column that no rule claims is drawn with others of its unit at the end of the page, so that a new telemetry field shows
up without a change here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from isoloop.report.decimate import FloatArray
from isoloop.report.rules import (
    BLACK,
    COLORS,
    DASH,
    DASHDOT,
    DOT,
    NOT_LINES,
    OTHER,
    PANELS,
    RULES,
    SOLID,
    STAGE,
    STAGE_DASHES,
    TRUTH,
    Panel,
    Rule,
    Style,
    Trace,
)
from isoloop.report.runfolder import Run, leaks, number
from isoloop.report.tables import Column
from isoloop.report.units import Quantity, quantity


@dataclass
class Layout:
    """The panels that have something to show, in page order, and in words what is not drawn."""

    panels: list[Panel]
    unknown: list[str]
    constant: list[str]


def lay_out(run: Run) -> Layout:
    """Sort every recorded column into its panel."""
    panels = {panel.key: replace(panel, traces=[]) for panel in PANELS}
    meanings = {row.name: row.text for row in run.dictionary.structures_by_name["housekeeping"].fields}
    placed: list[tuple[int, Trace, Panel]] = []
    layout = Layout([], [], [])
    for source, table in (("telemetry", run.telemetry), ("truth", run.truth)):
        for name, column in table.columns.items():
            what = quantity(name)
            order, rule = rule_for(source, what)
            if column.labels is not None or not len(column.values) or (rule is None and NOT_LINES.match(name)):
                continue
            known = column.values[~np.isnan(column.values)]
            if not len(known):
                layout.unknown.append(name if source == "telemetry" else f"{name} (truth)")
                continue
            if rule is not None and _is_shown(rule, known):
                trace = Trace(rule.name, rule.group, column, what, rule.style, meanings.get(name, ""), rule.hidden)
                placed.append((order, trace, panels[rule.panel]))
            elif (known == known[0]).all():
                layout.constant.append(f"{name} {known[0]:g}")
            else:
                placed.append((order, _unruled(source, column, what, panels), panels[_extra_key(source, what)]))
    for _, trace, panel in sorted(placed, key=lambda row: row[0]):
        panel.traces.append(trace)
    _pair_band(panels["rate"])
    _add_true_holes(run, panels["hole"])
    layout.panels = [panel for panel in panels.values() if panel.traces]
    return layout


def _is_shown(rule: Rule, known: FloatArray) -> bool:
    """Whether a line says anything: some are worth their place only when they move."""
    if rule.if_varies:
        return bool((known != known[0]).any())
    return bool(known.any()) or not rule.if_nonzero


def rule_for(source: str, what: Quantity) -> tuple[int, Rule | None]:
    """The rule for a column and its place in the legend; detector stages make theirs."""
    stage = STAGE.match(what.base)
    if source == "telemetry" and stage is not None:
        index = int(stage[1])
        style = Style(COLORS[index % 8], STAGE_DASHES[index % 8])
        return index, Rule(source, STAGE, "statistic", f"stage {index}", "stages, fastest first", style, if_nonzero=True)
    for order, rule in enumerate(RULES):
        if rule.source == source and rule.pattern.match(what.base):
            return order, rule
    return len(RULES), None


def _extra_key(source: str, what: Quantity) -> str:
    return f"{OTHER}{source}-{what.unit}"


def _unruled(source: str, column: Column, what: Quantity, panels: dict[str, Panel]) -> Trace:
    """A line for a column that no rule knows, with the others of its source and unit."""
    key = _extra_key(source, what)
    if key not in panels:
        title = "Other plant truth" if source == "truth" else "Other telemetry"
        panels[key] = Panel(key, f"{title}, {what.unit or 'no unit'}", what.unit or "value, no unit", "", 170)
    # The panel's lines are added in the end, so they are counted by what they will be: a style each.
    panels[key].styles_used += 1
    index = panels[key].styles_used + 4
    style = Style(COLORS[index % 8], (SOLID, DASH, DOT, DASHDOT)[index // 8 % 4])
    return Trace(what.base.replace("_", " "), source, column, what, style)


def _add_true_holes(run: Run, panel: Panel) -> None:
    """The holes that the summary names, at full size from their onset on, where the firmware made an estimate to compare."""
    if not panel.traces:
        return
    for leak in leaks(run.summary):
        onset_s, hole_mm = number(leak.get("onset_s")), number(leak.get("hole_mm"))
        if onset_s is None or hole_mm is None:
            continue
        column = Column(np.array([round(onset_s * 1000), run.end_ms]), np.array([hole_mm, hole_mm]))
        name = f"full size, {leak.get('segment')}"
        panel.traces.append(Trace(name, TRUTH, column, quantity("hole_mm"), Style(BLACK, DASH, 1.6)))


def _pair_band(panel: Panel) -> None:
    """Make one interval of its two bounds where they were recorded in the same rows."""
    bounds = {trace.quantity.base: trace for trace in panel.traces if trace.quantity.base in ("rate_lo", "rate_hi")}
    low, high = bounds.get("rate_lo"), bounds.get("rate_hi")
    if low is not None and high is not None and low.column.t_ms is high.column.t_ms and low.quantity.factor == high.quantity.factor:
        low.band_to = high.column
        panel.traces.remove(high)
