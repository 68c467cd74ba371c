"""Three hundred random leaks in segments: which is named, and how long it takes until the healthy ones are back."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterable
from pathlib import Path

from fakes.fault_matrix import LEAK_S, Case, event
from isoloop.flight import fly
from isoloop.schema import load_scenario
from isoloop.schema.names import SEGMENTS

LEAKS = 300
HOLE_MM = (0.3, 3.0)
RIGHT, UNDECIDED, WRONG, MISSED = "right", "undecided", "wrong", "missed"


def draw(number: int) -> tuple[Case, str]:
    """Leak `number` and its words: hole (logarithmic), segment, temperature, pump tripped or not, phase and swing of the orbit."""
    dice = random.Random(5000 + number)
    segment = dice.choice(SEGMENTS[:3])
    hole_mm = round(math.exp(dice.uniform(*map(math.log, HOLE_MM))), 3)
    temp_c = dice.choice((-30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0))
    phase = round(dice.random(), 3)
    swing_k = dice.choice((0.0, 3.0, 5.0))
    events = event(1.0, "attitude", orbit_swing_k=swing_k, phase=phase)
    is_tripped = dice.random() < 0.3
    if is_tripped:
        events += event(30.0, "pump", mode="off")
    words = f"{segment} {hole_mm} mm, {temp_c:g} degC, pump {'off' if is_tripped else 'on'}, swing {swing_k:g} K, phase {phase}"
    return Case(words, ((segment, hole_mm),), events, seed=5000 + number, temp_c=temp_c, duration_s=480.0), words


def fly_one(number: int, folder: Path) -> tuple[str, str, float]:
    """Outcome, words and seconds from onset to the end of recovery (nan when there was none)."""
    case, words = draw(number)
    folder.mkdir(parents=True)
    path = folder / "scenario.toml"
    path.write_text(case.toml(), encoding="utf-8")
    summary = fly(load_scenario(str(path)), "unix", folder / "run", case.seed)
    named = summary["verdict"]["segment"]
    with (folder / "run" / "events.csv").open(newline="", encoding="utf-8") as stream:
        ended = [float(row["t_s"]) for row in csv.DictReader(stream) if row["name"] == "RECOVERY_ENDED"]
    took_s = ended[0] - LEAK_S if ended else math.nan
    if summary["t_detect_s"] is None or summary["t_isolate_cmd_s"] is None:
        return MISSED, words, took_s
    if named is None:
        return UNDECIDED, words, took_s
    return (RIGHT if named == case.holes[0][0] else WRONG), words, took_s


def fly_all(numbers: Iterable[int], folder: Path) -> list[tuple[str, str, float]]:
    """Fly leaks by their numbers."""
    return [fly_one(number, folder / str(number)) for number in numbers]
