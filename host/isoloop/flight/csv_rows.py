"""Housekeeping reports as CSV rows: units in the column names, states by name, unknown values empty."""

from __future__ import annotations

from isoloop.dictionary import Dictionary, Structure
from isoloop.dictionary.model import UNKNOWN_BY_TYPE


class StructureCsv:
    """Renders the reports of one structure. Called once a report, 86 400 times a day of flight: plain loops, no csv module."""

    def __init__(self, structure: Structure, dictionary: Dictionary) -> None:
        self.header = ",".join(["t_s", *(field.name for field in structure.fields)]) + "\n"
        self._states = [
            (index, dictionary.groups[field.enum]) for index, field in enumerate(structure.fields) if field.enum is not None
        ]
        self._nullable = [(index, UNKNOWN_BY_TYPE[field.type]) for index, field in enumerate(structure.fields) if field.nullable]

    def row(self, time_ms: int, values: tuple[int, ...]) -> str:
        """One line. A state without a name stays a number."""
        cells = list(map(str, values))
        for index, names in self._states:
            value = values[index]
            if value in names:
                cells[index] = names[value]
        for index, unknown in self._nullable:
            if values[index] == unknown:
                cells[index] = ""
        return f"{seconds(time_ms)},{','.join(cells)}\n"


def seconds(time_ms: int) -> str:
    """Milliseconds as seconds with two decimals, the finest tick."""
    return f"{time_ms / 1000:.2f}"


def quoted(text: str) -> str:
    """A CSV cell."""
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n') else text
