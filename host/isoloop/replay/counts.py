"""From a log's values to what the board's converter would have read, tick by tick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isoloop.replay.calibration import CHANNEL_COUNT, V_REF, ChannelCalibration, board_calibration
from isoloop.replay.log import RecordedLog
from isoloop.schema.map import ReplayMap

COUNTS_MAX = 65_520
ZERO_COUNTS = 6_552
SPAN_COUNTS = 52_416
V_REF_COUNTS = 32_760
V_REF_NOMINAL_V = 3.3


@dataclass(frozen=True)
class SampleStream:
    """What the board sees.

    Attributes:
        tick: control cycle in which each row arrives, strictly ascending, (rows,).
        counts: conversion sums, (rows, 16); a channel without a new sample keeps its last counts.
        fresh: mask of the channels with a new sample, (rows,).
        calibration: the record of the board that the map describes, 16 rows.
        ticks: control cycles in all.
    """

    tick: npt.NDArray[np.int64]
    counts: npt.NDArray[np.uint16]
    fresh: npt.NDArray[np.int64]
    calibration: tuple[ChannelCalibration, ...]
    ticks: int


def sample_stream(log: RecordedLog, replay_map: ReplayMap) -> SampleStream:
    """Convert a log to counts at the ticks of the map.

    A row reaches the firmware in the first tick that is not before it; of several rows in one tick each channel keeps its last value.
    """
    calibration = board_calibration(replay_map)
    row_tick = np.ceil(log.time_s * 1000.0 / replay_map.tick_ms - 1e-6).astype(np.int64)
    tick, where = np.unique(row_tick, return_inverse=True)
    counts = np.zeros((len(tick), CHANNEL_COUNT), dtype=np.uint16)
    fresh = np.zeros(len(tick), dtype=np.int64)
    supply_ratio = _supply_ratio(log, replay_map)
    named = {channel.index for channel in replay_map.channels}
    for column, channel in enumerate(replay_map.channels):
        values = log.values[:, column]
        known = ~np.isnan(values)
        if channel.index == V_REF:
            ideal = values / V_REF_NOMINAL_V * V_REF_COUNTS
        else:
            row = calibration[channel.index]
            ideal = (ZERO_COUNTS + (values - row.lo) / (row.hi - row.lo) * SPAN_COUNTS) * supply_ratio
        _place(counts[:, channel.index], fresh, where, ideal, known, channel.index)
    if V_REF not in named:
        # Sensors that are ratiometric to a supply nobody logged: it was nominal, and reads to a count like any converter's, never frozen.
        counts[:, V_REF] = V_REF_COUNTS + np.arange(len(tick)) % 2
        fresh[fresh > 0] |= 1 << V_REF
    return SampleStream(tick, counts, fresh, calibration, int(tick[-1]) + 1)


def _supply_ratio(log: RecordedLog, replay_map: ReplayMap) -> npt.NDArray[np.float64]:
    """Sensor supply over nominal at each row, 1 where it is not logged; an empty cell keeps the last reading."""
    ratio = np.ones(len(log.time_s))
    for column, channel in enumerate(replay_map.channels):
        if channel.index == V_REF:
            last = 1.0
            for row, volts in enumerate(log.values[:, column]):
                last = last if np.isnan(volts) else float(volts) / V_REF_NOMINAL_V
                ratio[row] = last
    return ratio


def _place(
    out: npt.NDArray[np.uint16],
    fresh: npt.NDArray[np.int64],
    where: npt.NDArray[np.intp],
    ideal: npt.NDArray[np.float64],
    known: npt.NDArray[np.bool_],
    channel: int,
) -> None:
    """Fill one channel's counts: the last known value of each tick, held through ticks without one."""
    at = where[known]
    out[at] = np.clip(np.rint(ideal[known]), 0, COUNTS_MAX).astype(np.uint16)
    new = np.zeros(len(out), dtype=bool)
    new[at] = True
    fresh[new] |= 1 << channel
    held = np.maximum.accumulate(np.where(new, np.arange(len(out)), -1))
    out[:] = np.where(held >= 0, out[np.maximum(held, 0)], 0)
