"""How quickly the emulated Pico flies: its compiled processor beside the emulator's own, and a scenario's wall time."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isoloop.cli.bench import Row

COMMAND = "isoloop bench emulator"
MS22_WALL_MAX_S = 180.0
_RATIO_MIN = 3.0
_BOOT_S = 0.2
_FULL_BOOT_S = 1.0


def measure(full: bool) -> list[Row]:
    """Nothing where the emulator or its image is missing.

    Args:
        full: a second of boot and not a fifth of one; `ms22` whole and not its first minute, the wall time in proportion.
    """
    from isoloop import images
    from isoloop.cli.bench import Row
    from isoloop.errors import TargetError

    known = images.info("pico")
    try:
        from isoloop.emulator import Chip
    except TargetError:
        return []
    if known is None:
        return []
    boot_s = _FULL_BOOT_S if full else _BOOT_S
    rates = []
    for is_compiled in (True, False):
        chip = Chip(known.path, {}, is_compiled=is_compiled)
        chip.run_for(0.01)  # compiles what is compiled on first use
        began, cycles = time.perf_counter(), chip.cycles
        chip.run_for(boot_s)
        rates.append((chip.cycles - cycles) / (time.perf_counter() - began))
    ratio = rates[0] / rates[1]
    wall_s = _ms22_wall_s(full)
    return [
        Row("pico: processor to rp2040py's", ratio, "", f">= {_RATIO_MIN:g}", ratio >= _RATIO_MIN, COMMAND),
        Row("pico: boot", rates[0] / 1e6, "Mcycle/s", "", True, COMMAND),
        Row("pico: ms22", wall_s, "s", f"<= {MS22_WALL_MAX_S:g}", wall_s <= MS22_WALL_MAX_S, "isoloop run ms22 --target pico"),
    ]


def _ms22_wall_s(full: bool) -> float:
    from dataclasses import replace

    from isoloop.flight import fly
    from isoloop.schema import load_scenario
    from isoloop.targets.pico import open_pico

    scenario = load_scenario("ms22")
    flown = scenario if full else replace(scenario, duration_s=60.0)
    pico = open_pico()
    try:
        with tempfile.TemporaryDirectory(prefix="isoloop-bench-") as folder:
            began = time.perf_counter()
            fly(flown, pico, Path(folder), scenario.seed)
            return (time.perf_counter() - began) * scenario.duration_s / flown.duration_s
    finally:
        pico.close()
