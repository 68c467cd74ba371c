"""What the plant's tests share: drive words, a plant without heat, truth by name."""

from __future__ import annotations

from collections.abc import Callable

from isoloop.plant import TRUTH_NAMES, Plant, PlantConfig, PlantEvent

PUMP = 1 << 14
ENABLE = 1 << 15
_INDEX = {name: i for i, name in enumerate(TRUTH_NAMES)}


def truth(plant: Plant, name: str) -> float:
    """One value of the truth."""
    return float(plant.truth[_INDEX[name]])


def event(at_s: float, kind: str, **fields: object) -> PlantEvent:
    """An event of the scenario."""
    return PlantEvent(at_s, kind, fields)


def shut(segment: int) -> int:
    """Drive word that shuts both valves of a segment (0..2), pump on."""
    return PUMP | ENABLE | 2 << (4 * segment) | 2 << (4 * segment + 2)


def reopen(segment: int) -> int:
    """Drive word that opens them again."""
    return PUMP | ENABLE | 1 << (4 * segment) | 1 << (4 * segment + 2)


def still(*events: PlantEvent, tick_ms: int = 100, seed: int = 1, **parameters: float) -> Plant:
    """A plant without load and orbit: everything stays at `coolant_temp_c`, so that a figure can be compared."""
    config = PlantConfig.from_preset("soyuz", **{"load_w": 0.0, "orbit_swing_k": 0.0, **parameters})
    return Plant(config, seed, tick_ms, events)


def fly(plant: Plant, time_s: float, word: int = PUMP) -> Plant:
    """That much time under one drive word."""
    for _ in range(round(time_s * 1000 / plant.tick_ms)):
        plant.step(word)
    return plant


def fly_until(plant: Plant, done: Callable[[Plant], bool], word: int = PUMP, limit_s: float = 1e5, each_s: float = 0.0) -> float:
    """Fly until a condition holds, looked at each tick or each `each_s`; returns the time of the scenario."""
    ticks = max(1, round(each_s * 1000 / plant.tick_ms))
    while not done(plant):
        for _ in range(ticks):
            plant.step(word)
        assert truth(plant, "t_s") < limit_s, "the condition never held"
    return truth(plant, "t_s")
