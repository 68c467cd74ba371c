"""Write docs/modes.md from firmware/tcs/modes.py: `python -m isoloop.fdir.modes_page [--check]`. Runs in a checkout only."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from isoloop.dictionary.loader import load_dictionary
from isoloop.kernels.load import firmware

ROOT = Path(__file__).resolve().parents[3]
PAGE = "docs/modes.md"

CLEARS = (
    "the ground's `rearm`",
    "the statistics stay below suspicion",
    "the channels of the path change each on its own again",
    "no reset; the mode set by the ground",
    "never: it is put right and counted",
)
ACTIONS = (
    "reported",
    "segments shut, tried, brought back",
    "the same at once, pump off first",
    "the pump is tripped where it would be damaged",
    "retries, then the next best isolation",
    "outvoted; what rests on it is not believed",
    "nothing isolates on it; nothing opens it",
    "mode passive",
    "outvoted, put right from its spare, or started afresh",
)
HEAD = """# Operating modes and faults

Generated from `firmware/tcs/modes.py` by `python -m isoloop.fdir.modes_page`: do not edit. The stages take
their times from the same table or from the parameters that it names.

## Modes
| mode | evaluates | reports | acts |
|---|---|---|---|
| inhibited | yes | alarms | no |
| passive | yes | alarms, and once what it would have done | no |
| armed | yes | all | yes |

Set by `mode_set` (leaving armed is hazardous, so `arm` comes first). Resets in a loop set passive, and say so.

**Monitors.** `monitors_mask` enables them one by one (bit n: leak class n; `param_set`, kept by `param_save`). A disabled
monitor latches no alarm and moves nothing; what it sees is still in telemetry.

**Re-arm.** Alarms, convictions and the loss latch. Nothing on board clears them; `rearm` does, after `arm`. It moves no
valve: a segment that is shut stays shut, as a suspect, and may be opened by command from then on. Before that a command to open a
convicted segment is refused (`convicted`) and told (OPEN_REFUSED).

## Faults
| fault | monitor | believed after | cleared after | cleared by | armed, it does |
|---|---|---|---|---|---|
"""


def render() -> str:
    """The page."""
    modes: Any = firmware("tcs.modes")
    tables: Any = firmware("tcs.tables")
    dictionary = load_dictionary()
    names = {number: row.name for row in dictionary.parameters for number in [row.number]}
    classes = {row.number: row.name for row in dictionary.states if row.group == "leak_class"}

    def time(parameter: int, time_ms: int, none: str) -> str:
        if parameter >= 0:
            return f"`{names[tables.PARAM_NUMBERS[parameter]]}`"
        return f"{time_ms / 1000:g} s" if time_ms else none

    rows = [
        f"| {name} | {classes[monitor] if monitor >= 0 else 'always on'} | {time(confirm, confirm_ms, 'at once')} "
        f"| {time(clear, clear_ms, '')} | {CLEARS[condition]} | {ACTIONS[action]} |"
        for name, monitor, confirm, confirm_ms, clear, clear_ms, condition, action in modes.FAULTS
    ]
    return HEAD + "\n".join(rows) + "\n"


def main(arguments: list[str]) -> int:
    """Write, or check with `--check`. Returns the exit code."""
    path = ROOT / PAGE
    text = render()
    if arguments == ["--check"]:
        is_fresh = path.is_file() and path.read_text(encoding="utf-8") == text
        if not is_fresh:
            print(f"{PAGE} is stale: run python -m isoloop.fdir.modes_page", file=sys.stderr)
        return 0 if is_fresh else 1
    if arguments:
        print("usage: python -m isoloop.fdir.modes_page [--check]", file=sys.stderr)
        return 2
    path.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
