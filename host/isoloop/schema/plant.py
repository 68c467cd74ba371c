"""The `[plant]` table of a scenario: a preset, then any parameter of the plant by name."""

from __future__ import annotations

from typing import Any

from isoloop.coolants import NAMES as COOLANTS
from isoloop.plant.config import ParameterError, PlantConfig
from isoloop.plant.presets import PRESETS
from isoloop.schema.toml_file import Table


def read_plant(table: Table) -> PlantConfig:
    """The loop that the file describes.

    Raises:
        InputError: an unknown preset or parameter, a value out of the plant's range, or values that together leave no loop to fly,
            such as a coolant that has frozen or boiled away.
    """
    ranges = PlantConfig.field_ranges()
    table.only(("preset", *(name for name in ranges if name != "preset")), "parameter of the plant")
    preset = table.choice("preset", tuple(PRESETS), "preset") if "preset" in table else "soyuz"
    overrides: dict[str, Any] = {}
    for key in table.data:
        if key == "coolant":
            overrides[key] = table.choice(key, COOLANTS, "coolant")
        elif key != "preset":
            _, low, high = ranges[key]
            overrides[key] = table.number(key, low or 0.0, high or 0.0)
    try:
        return PlantConfig.from_preset(preset, **overrides)
    except ParameterError as error:  # each value is in range, and together they do not fit
        if error.parameter in table:
            table.fail(error.parameter, error.text)
        table.fail("", str(error))
