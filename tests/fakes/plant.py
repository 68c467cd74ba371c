"""A plant that only counts: the loop's own figures and tests, without any physics."""

from __future__ import annotations

import numpy as np

TRUTH_NAMES = (
    "t_s", "inventory_total_ml", "lost_total_ml",
    "valve_rad1_in_ratio", "valve_rad1_out_ratio", "valve_rad2_in_ratio", "valve_rad2_out_ratio",
    "valve_rad3_in_ratio", "valve_rad3_out_ratio", "valve_bypass_ratio",
    "max_bay_degc", "max_segment_kpa", "min_loop_kpa",
)  # fmt: skip
CALIBRATION = [("pressure", 0, 250_000)] * 8 + [("temperature", -90_000, 90_000)] * 7 + [("v_ref", 0, 3300)]


class CountingPlant:
    """Loses 1 mL a tick; channel 0 counts the ticks. Keeps the drive word of every tick."""

    def __init__(self, tick_ms: int = 100) -> None:
        self.counts = np.full(16, 32_760, np.uint16)
        self.counts[0] = 0
        self.fresh = 0xFFFF
        self.switches = 0b01_01_01_01_01_01_01
        self.truth = np.zeros(len(TRUTH_NAMES))
        self.truth[1] = 49_000.0
        self.truth[3:9] = 1.0
        self.drives: list[int] = []
        self._tick_ms = tick_ms

    def step(self, drive_word: int) -> None:
        self.drives.append(drive_word)
        ticks = len(self.drives)
        self.counts[0] = ticks & 0x7FFF
        self.truth[0] = ticks * self._tick_ms / 1000
        self.truth[1] -= 1.0
        self.truth[2] += 1.0

    def firmware_params(self) -> dict[str, int]:
        return {"gas_pv_mj": 358_000}

    def calibration(self) -> list[tuple[int | str, int, int]]:
        return list(CALIBRATION)
