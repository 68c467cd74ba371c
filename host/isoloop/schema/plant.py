"""The `[plant]` table of a scenario: a preset, then any parameter of the plant by name."""

from __future__ import annotations

from typing import Any

from isoloop.plant import PRESETS, PlantConfig
from isoloop.schema.toml_file import Table


def read_plant(table: Table) -> PlantConfig:
    """The loop that the file describes.

    Raises:
        InputError: an unknown preset or parameter, a value out of the plant's range, or a coolant that has frozen or boiled away
            at that temperature.
    """
    preset = table.choice("preset", PRESETS, "preset") if "preset" in table else PRESETS[0]
    ranges = PlantConfig.field_ranges()
    table.only(("preset", *ranges), "parameter of the plant")
    overrides: dict[str, Any] = {}
    for key in table.data:
        if key == "preset":
            continue
        allowed = ranges[key]
        if all(isinstance(name, str) for name in allowed):
            overrides[key] = table.choice(key, [str(name) for name in allowed], key)
        else:
            low, high = (float(bound) for bound in allowed)
            overrides[key] = table.number(key, low, high)
    try:
        return PlantConfig.from_preset(preset, **overrides)
    except ValueError as error:  # each value is in range, but together they leave no loop to fly
        table.fail(next((key for key in ("coolant", "coolant_temp_c") if key in table), ""), str(error))
