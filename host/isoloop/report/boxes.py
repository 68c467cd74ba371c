"""Captures of the firmware's black box: every tick around an alarm, in panels of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from isoloop.report.layout import rule_for
from isoloop.report.rules import PANELS, Panel, Trace
from isoloop.report.runfolder import Run
from isoloop.report.tables import Table
from isoloop.report.units import quantity

KEY = "blackbox"
"""Beginning of the keys of these panels."""

_SHOWN = ("loop", "head", "cabin", "temperature")


def box_panels(run: Run) -> list[Panel]:
    """The panels of all captures, first capture first."""
    panels: list[Panel] = []
    for number, table in run.captures:
        own = {
            panel.key: replace(
                panel, key=f"{KEY}-{number}-{panel.key}", title=f"Black box, capture {number}: {panel.title[0].lower()}{panel.title[1:]}",
                caption="", traces=[],
            )
            for panel in PANELS if panel.key in _SHOWN
        }  # fmt: skip
        for name, column in table.columns.items():
            what = quantity(name)
            _, rule = rule_for("telemetry", what)
            if rule is not None and rule.panel in own and not np.isnan(column.values).all():
                own[rule.panel].traces.append(Trace(rule.name, "every tick", column, what, rule.style))
        drawn = [panel for panel in own.values() if panel.traces]
        if drawn:
            span = f"{_start_ms(table) / 1000:.6g} s to {table.end_ms / 1000:.6g} s"
            drawn[0].caption = (
                f"What the converter read in each tick from {span}, kept by the firmware through resets and fetched over the link."
                " The button at the top of the plots shows this span."
            )
        panels += drawn
    return panels


def spans(run: Run) -> list[tuple[int, int, int]]:
    """Number, first and last ms of each capture."""
    return [(number, _start_ms(table), table.end_ms) for number, table in run.captures if table.rows]


def _start_ms(table: Table) -> int:
    return min((int(column.t_ms[0]) for column in table.columns.values() if len(column.t_ms)), default=0)
