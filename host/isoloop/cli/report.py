"""`isoloop report`: the HTML report of a run folder, again."""

from __future__ import annotations

from pathlib import Path

from isoloop import jsonout


def report(run_dir: Path, json: bool) -> int:
    """Rebuild the report, print its path and return 0.

    Raises:
        IsoloopError: no run folder, or not writable.
    """
    from isoloop.report import build_report

    path = build_report(run_dir)
    if json:
        jsonout.emit({"ok": True, "report": str(path)})
    else:
        print(path)
    return 0
