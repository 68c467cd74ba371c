"""A recorded log as samples: the time of each row and the value of each mapped channel, checked cell by cell before anything runs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isoloop.dictionary import load_dictionary
from isoloop.errors import InputError
from isoloop.replay.calibration import board_calibration
from isoloop.replay.table import LogTable, read_table
from isoloop.replay.units import convert
from isoloop.schema.map import TIME_UNITS, ReplayMap
from isoloop.schema.names import DURATION_MAX_S

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NOT_A_NUMBER = re.compile(r"[+-]?(nan|inf|infinity|na|n/a|null|none|#n/a)", re.IGNORECASE)


@dataclass(frozen=True)
class RecordedLog:
    """The rows of a log.

    Attributes:
        label: the file as the user named it.
        time_s: seconds since the first row, ascending, (rows,).
        values: calibration units (Pa absolute, m-degC, uL/s, V), (rows, channels of the map in their order); NaN where the cell was empty.
    """

    label: str
    time_s: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]

    @property
    def duration_s(self) -> float:
        """From the first row to the last, seconds."""
        return float(self.time_s[-1])


def load_log(path: Path, replay_map: ReplayMap) -> RecordedLog:
    """Read the mapped columns of a CSV log. An empty cell is a channel without a new sample in that row.

    Raises:
        InputError: a span or stale time that no board can have (the map's fault), not a CSV file, a mapped column that is not there, a
            ragged row, a cell that is not a number (NaN included) or not a time, time that goes backwards or spans more than 31 days, no
            rows.
    """
    board_calibration(replay_map)
    _check_stale(replay_map)
    wanted = [replay_map.time_column, *(channel.column for channel in replay_map.channels)]
    table = read_table(path, str(path), wanted)
    time_at = table.column(replay_map.time_column)
    columns = [(table.column(channel.column), channel.column, channel.unit) for channel in replay_map.channels]
    to_seconds = _clock(table, replay_map)
    times: list[float] = []
    rows: list[list[float]] = []
    first = last = 0.0
    for line, cells in table.rows():
        now = to_seconds(line, cells[time_at].strip())
        if not rows:
            first = now
        elif now < last:
            text = f"time goes backwards by {last - now:g} s, to {cells[time_at].strip()}"
            raise InputError(table.label, line, replay_map.time_column, text)
        if now - first > DURATION_MAX_S:
            text = f"is {(now - first) / 86400:.0f} days after the first row: 31 at most"
            raise InputError(table.label, line, replay_map.time_column, text)
        last = now
        times.append(now - first)
        rows.append([_value(table, line, cells[at], column, unit) for at, column, unit in columns])
    if not rows:
        raise InputError(table.label, 1, None, "has a header and no rows")
    values = np.array(rows, dtype=np.float64)
    for index, (_, column, _unit) in enumerate(columns):
        if np.isnan(values[:, index]).all():
            raise InputError(table.label, 2, column, "has no value in any row")
    return RecordedLog(table.label, np.array(times, dtype=np.float64), values)


def _check_stale(replay_map: ReplayMap) -> None:
    most_ms = load_dictionary().parameters_by_name["stale_ms"].max
    if replay_map.stale_s * 1000 > most_ms:
        raise InputError(replay_map.file, None, "stale_s", f"must be at most {most_ms / 1000:g} s, not {replay_map.stale_s:g}")


def _value(table: LogTable, line: int, cell: str, column: str, unit: str) -> float:
    text = cell.strip()
    if not text:
        return math.nan
    if _NUMBER.fullmatch(text):
        value = float(text)
        if math.isfinite(value):
            return convert(value, unit)
    if _NOT_A_NUMBER.fullmatch(text):
        raise InputError(table.label, line, column, f"{text} is no measurement: leave the cell empty where there was none")
    raise InputError(table.label, line, column, f"{text!r} is not a number")


def _clock(table: LogTable, replay_map: ReplayMap) -> Callable[[int, str], float]:
    """Seconds of a time cell, from an arbitrary origin."""
    column = replay_map.time_column
    form = replay_map.time_format
    if form is None:
        scale = TIME_UNITS[replay_map.time_unit or "s"]

        def number(line: int, cell: str) -> float:
            if not _NUMBER.fullmatch(cell) or not math.isfinite(float(cell)):
                raise InputError(table.label, line, column, f"{cell!r} is not a time in {replay_map.time_unit}")
            return float(cell) * scale

        return number
    _check_format(replay_map, form)

    def timestamp(line: int, cell: str) -> float:
        try:
            moment = datetime.strptime(cell, form)
        except ValueError:
            raise InputError(table.label, line, column, f"{cell!r} does not match the map's time format {form!r}") from None
        origin = datetime(2000, 1, 1, tzinfo=moment.tzinfo)
        return (moment - origin).total_seconds()

    return timestamp


def _check_format(replay_map: ReplayMap, form: str) -> None:
    """A format with a directive that strptime does not know is the map's fault, not the log's."""
    try:
        datetime.strptime("", form)
    except ValueError as error:
        if "directive" in str(error) or "stray" in str(error):
            raise InputError(replay_map.file, None, "time.format", f"{form!r}: {error}") from None
    except re.error as error:
        raise InputError(replay_map.file, None, "time.format", f"{form!r}: {error}") from None
