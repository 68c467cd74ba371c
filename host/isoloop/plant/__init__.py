"""The plant: a coolant loop with a compensator, three radiator segments, valves, holes and sensors; seeded, deterministic.

`config` and `events` are light; everything that flies comes from `isoloop.plant.plant`, which imports numba and is therefore loaded on
first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .adc import adc_table
from .config import ParameterError, PlantConfig
from .layout import CHANNEL_NAMES, TRUTH_NAMES, VALVE_NAMES

if TYPE_CHECKING:
    from .events import PlantEvent
    from .plant import Plant

__all__ = ["CHANNEL_NAMES", "TRUTH_NAMES", "VALVE_NAMES", "ParameterError", "Plant", "PlantConfig", "PlantEvent", "adc_table"]


def __getattr__(name: str) -> Any:
    if name == "Plant":
        from .plant import Plant

        return Plant
    if name == "PlantEvent":
        from .events import PlantEvent

        return PlantEvent
    raise AttributeError(name)
