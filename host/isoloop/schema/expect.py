"""The `[expect]` table of a scenario: each key is one expectation of the run, judged when it is over."""

from __future__ import annotations

from isoloop.schema.names import CLASSES, LEAK_SEGMENTS, SEGMENTS
from isoloop.schema.toml_file import Table

Expectation = float | int | bool | str | list[str]

KEYS = (
    "class", "segment", "detect_within_s", "isolate_within_s", "lost_ml_max", "false_isolations", "false_alarms",
    "reopened", "latched", "no_alarm", "max_bay_temp_c", "max_segment_pressure_kpa",
)  # fmt: skip

_COUNT_MAX = 1_000_000
_NUMBER_MAX = 1e9


def read_expect(table: Table) -> dict[str, Expectation]:
    """The expectations that the file names, in the file's order.

    Raises:
        InputError: an unknown key, a wrong type or an impossible value.
    """
    table.only(KEYS, "expectation")
    return {key: _read(table, key) for key in table.data}


def _read(table: Table, key: str) -> Expectation:
    if key == "class":
        return table.choice(key, CLASSES, "class")
    if key == "segment":
        return table.choice(key, LEAK_SEGMENTS, "segment")
    if key == "reopened":
        return table.choices(key, SEGMENTS)
    if key in ("false_isolations", "false_alarms"):
        return table.integer(key, 0, _COUNT_MAX)
    if key == "latched":
        return table.flag(key)
    if key == "no_alarm":
        if not table.flag(key):
            table.fail(key, "can only be true; leave it out when alarms are expected")
        return True
    if key == "max_bay_temp_c":
        return table.number(key, -100, 1000)
    return table.number(key, 0, _NUMBER_MAX)
