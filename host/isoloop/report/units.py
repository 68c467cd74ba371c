"""Units from the last part of a column name, and the units that the page shows."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SHOWN: dict[str, tuple[str, float, float]] = {
    # suffix: unit shown, factor, offset (shown = recorded * factor + offset)
    "pa": ("kPa", 1e-3, 0.0),
    "kpa": ("kPa", 1.0, 0.0),
    "mc": ("°C", 1e-3, 0.0),
    "mdegc": ("°C", 1e-3, 0.0),
    "degc": ("°C", 1.0, 0.0),
    "c": ("°C", 1.0, 0.0),
    "mk": ("K", 1e-3, 0.0),
    "k": ("K", 1.0, 0.0),
    "ul": ("mL", 1e-3, 0.0),
    "ml": ("mL", 1.0, 0.0),
    "ul_s": ("mL/s", 1e-3, 0.0),
    "ml_s": ("mL/s", 1.0, 0.0),
    "um": ("mm", 1e-3, 0.0),
    "mm": ("mm", 1.0, 0.0),
    "mv": ("V", 1e-3, 0.0),
    "v": ("V", 1.0, 0.0),
    "g": ("g", 1.0, 0.0),
    "kg": ("kg", 1.0, 0.0),
    "w": ("W", 1.0, 0.0),
    "n": ("N", 1.0, 0.0),
    "mn": ("N", 1e-3, 0.0),
    "permille": ("‰ of threshold", 1.0, 0.0),
    "percent": ("%", 1.0, 0.0),
    "ratio": ("ratio", 1.0, 0.0),
    "us": ("ms", 1e-3, 0.0),
    "ms": ("ms", 1.0, 0.0),
    "s": ("s", 1.0, 0.0),
}
_NAME = re.compile(r"(?P<base>.+?)_(?P<unit>ul_s|ml_s|[a-z]+)(?:_q(?P<q>\d+))?\Z")


@dataclass(frozen=True)
class Quantity:
    """A column name taken apart: what it is, the unit shown, and how to get there."""

    base: str
    unit: str
    factor: float = 1.0
    offset: float = 0.0


def quantity(column: str) -> Quantity:
    """The quantity behind a column name; without a known unit the whole name is the base and the unit is empty."""
    match = _NAME.match(column)
    if match is None or match["unit"] not in _SHOWN:
        return Quantity(column, "")
    unit, factor, offset = _SHOWN[match["unit"]]
    return Quantity(match["base"], unit, factor / (1 << int(match["q"] or 0)), offset)
