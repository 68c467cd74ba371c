"""The board that a log is replayed on: its flight parameters."""

from __future__ import annotations

import numpy as np

from isoloop.dictionary import load_dictionary
from isoloop.replay.calibration import KIND_ABSENT, V_REF
from isoloop.replay.counts import SampleStream
from isoloop.replay.log import RecordedLog
from isoloop.schema.map import ReplayMap

_RUN_ROWS = 3
_RUNS_MIN = 10
_RUN_SHARE = 0.02
"""Noise of one count repeats itself three times running in some 5 % of the cases; noise of two counts in 1 %."""


def board_params(log: RecordedLog, stream: SampleStream, replay_map: ReplayMap) -> dict[str, int]:
    """Parameters by dictionary name, to stand in the parameter slot at boot; the map's own win.

    Passive; and without the checks that need the board's own sampling: a logged value that repeats is not a stuck sensor where the log
    is coarser than the noise, and a jump between rows a second apart is not a jump within one tick.
    """
    params = {
        "mode": load_dictionary().state_number("mode", "passive"),
        "tick_ms": replay_map.tick_ms,
        "stale_ms": max(replay_map.tick_ms, round(replay_map.stale_s * 1000)),
    }
    if is_coarse(stream):
        params["stuck_ms"] = 0
    if is_sparse(log, replay_map.tick_ms):
        params["coherent_counts"] = 0
    return {**params, **replay_map.params}


def is_coarse(stream: SampleStream) -> bool:
    """True when some channel keeps repeating itself: its noise is below one step of the log.

    A sensor that froze once makes one long run of the same counts; a coarse log makes many short ones.
    """
    for channel, row in enumerate(stream.calibration):
        if channel == V_REF or row.kind == KIND_ABSENT:
            continue
        counts = stream.counts[(stream.fresh >> channel & 1).astype(bool), channel].astype(np.int64)
        edges = np.flatnonzero(np.diff(counts)) + 1
        runs = np.diff(np.concatenate(([0], edges, [len(counts)])))
        if len(counts) > _RUN_ROWS and (len(runs) < _RUNS_MIN or np.count_nonzero(runs >= _RUN_ROWS) > max(1, _RUN_SHARE * len(runs))):
            return True
    return False


def is_sparse(log: RecordedLog, tick_ms: int) -> bool:
    """True when rows typically lie more than one tick apart."""
    return len(log.time_s) > 1 and float(np.median(np.diff(log.time_s))) * 1000 > 1.5 * tick_ms
