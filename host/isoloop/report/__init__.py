"""The run report: one self-contained HTML file a run, good enough for an anomaly review."""

from __future__ import annotations

from pathlib import Path

__all__ = ["REPORT_NAME", "build_report"]

REPORT_NAME = "report.html"
"""Name of the report in a run folder."""


def build_report(run_dir: Path) -> Path:
    """(Re)build `report.html` of a run folder and return its path.

    Args:
        run_dir: a folder that `isoloop run` or `isoloop replay` wrote. Only `summary.json` must be there and whole: what is
            missing or cut short of the other files is said on the page.

    Raises:
        InputError: there is no such folder, it is no run folder, or its summary cannot be read.
        OutputError: the report cannot be written.
    """
    from isoloop.report.build import build  # numpy comes with it: not before a report is asked for

    return build(run_dir)
