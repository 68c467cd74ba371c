"""The `[params]` table of scenarios and maps: flight parameters by name, checked against the dictionary."""

from __future__ import annotations

from isoloop.dictionary import load_dictionary
from isoloop.schema.toml_file import Table

_SET_ELSEWHERE = {"tick_ms": "tick_ms at the top of the file", "link_baud": "[link] baud"}
"""Parameters that follow from the file itself; a second place for them could only contradict it."""


def read_params(table: Table) -> dict[str, int]:
    """Flight parameters that the file sets, by dictionary name, as the integers of the parameter slot.

    A parameter that is a state may be given by the state's name or number.

    Raises:
        InputError: not in the dictionary, not a whole number, or out of the dictionary's range.
    """
    if not table.data:
        return {}
    dictionary = load_dictionary()
    rows = dictionary.parameters_by_name
    values: dict[str, int] = {}
    for key, value in table.data.items():
        if key in _SET_ELSEWHERE:
            table.fail(key, f"is set by {_SET_ELSEWHERE[key]}")
        if key not in rows:
            table.only([name for name in rows if name not in _SET_ELSEWHERE], "parameter")
        row = rows[key]
        if row.enum is not None and isinstance(value, str):
            numbers = {name: number for number, name in dictionary.groups[row.enum].items()}
            values[key] = numbers[table.choice(key, list(numbers), row.enum)]
        else:
            values[key] = table.integer(key, row.min, row.max)
    return values
