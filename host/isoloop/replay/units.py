"""Units of logged columns, converted to those of the calibration record: Pa absolute, m-degC, uL/s; volts stay volts."""

from __future__ import annotations

STANDARD_ATMOSPHERE_PA = 101_325.0
"""Added to gauge pressures: the log does not say what the weather was."""

SCALE_AND_OFFSET: dict[str, tuple[float, float]] = {
    "kPa": (1e3, 0.0),
    "bar": (1e5, 0.0),
    "mmHg": (133.322387415, 0.0),
    "psi": (6894.757293168, 0.0),
    "kPa_g": (1e3, STANDARD_ATMOSPHERE_PA),
    "bar_g": (1e5, STANDARD_ATMOSPHERE_PA),
    "degC": (1e3, 0.0),
    "K": (1e3, -273_150.0),
    "L/min": (1e6 / 60.0, 0.0),
    "mL/s": (1e3, 0.0),
    "V": (1.0, 0.0),
}


def convert(value: float, unit: str) -> float:
    """`value` in `unit`, in the unit that the firmware's calibration uses for that quantity."""
    scale, offset = SCALE_AND_OFFSET[unit]
    return value * scale + offset
