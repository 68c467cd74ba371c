"""`isoloop scenarios`: what is built in."""

from __future__ import annotations

from isoloop import jsonout, paths
from isoloop.schema import load_scenario


def list_scenarios(json: bool) -> int:
    """Print the built-in scenarios, a line each, and return 0."""
    scenarios = [load_scenario(name) for name in paths.builtin_names(paths.SCENARIOS_DIR)]
    if json:
        rows = [{"name": row.name, "title": row.title, "duration_s": row.duration_s, "tick_ms": row.tick_ms} for row in scenarios]
        jsonout.emit({"ok": True, "scenarios": rows})
        return 0
    width = max(len(scenario.name) for scenario in scenarios)
    for scenario in scenarios:
        print(f"{scenario.name:<{width}}  {_length(scenario.duration_s):>6}  {scenario.title}")
    return 0


def _length(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:g} h"
    if seconds >= 60:
        return f"{seconds / 60:g} min"
    return f"{seconds:g} s"
