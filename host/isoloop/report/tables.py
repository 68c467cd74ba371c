"""Reads the CSV files of a run folder, of any length, into columns that are short enough to draw.

Nothing here refuses: a run cut short leaves a torn last row, another version has other columns, and the review wants to see
what is there. What had to be left out is noted for the page.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isoloop.report.decimate import BoolArray, FloatArray, bucket_rows_for, pick

TimeArray = npt.NDArray[np.int64]

TIME_COLUMN = "t_s"

_CHUNK_BYTES = 16_000_000
_POINTS_IN_MEMORY = 60_000  # a column, from a file that is too long to hold; the drawing takes fewer still
_KEPT_ROWS_MAX = 6_000      # rows around alarms that are never decimated, in all
_TIME_MAX_MS = (1 << 32) - 1  # the page packs times as u32 ms: 49 days
_TEXT_TYPE = "S48"              # longer names would be cut; the longest state has 20 letters
_GAP_PERIODS = 2.5          # rows further apart than this many periods of the file are a gap, not a line


@dataclass
class Column:
    """One recorded quantity: times in ms of scenario time, values (NaN = unknown), and names of the values if they are codes."""

    t_ms: TimeArray
    values: FloatArray
    labels: tuple[str, ...] | None = None


@dataclass
class Table:
    """The columns of one CSV file by name, in file order, and what had to be said about reading it."""

    columns: dict[str, Column] = field(default_factory=dict)
    rows: int = 0
    end_ms: int = 0
    thinned: bool = False
    notes: list[str] = field(default_factory=list)


@dataclass
class _Chunk:
    matrix: FloatArray  # rows x columns, codes for texts
    torn: int           # rows of another length, dropped


class _Parser:
    """Lines of one file to a matrix. Texts become codes, numbered as they are met."""

    def __init__(self, names: Sequence[str], texts: Collection[str]) -> None:
        self.names = list(names)
        self.codes: dict[int, dict[str, int]] = {index: {} for index, name in enumerate(names) if name in texts}
        self.bad_cells = 0

    def parse(self, text: bytes) -> _Chunk:
        """Lines to a matrix: quickly where every row is whole and every cell what its column holds, else cell by cell."""
        dense = text.replace(b"\r\n", b"\n")
        for pair, filled in ((b",,", b",nan,"), (b",,", b",nan,"), (b",\n", b",nan\n")):
            dense = dense.replace(pair, filled)
        numeric = [index for index in range(len(self.names)) if index not in self.codes]
        # numpy reads the columns that it is asked for and does not mind rows of another length: count the commas.
        if dense.count(b"\n") * (len(self.names) - 1) != dense.count(b",") or b'"' in dense:
            return self._parse_cells(text)
        try:
            numbers = np.loadtxt(io.BytesIO(dense), delimiter=",", ndmin=2, comments=None, usecols=numeric)
            texts = None
            if self.codes:
                texts = np.loadtxt(io.BytesIO(dense), delimiter=",", ndmin=2, comments=None, usecols=list(self.codes), dtype=_TEXT_TYPE)
        except ValueError:
            return self._parse_cells(text)
        matrix = np.empty((len(numbers), len(self.names)))
        matrix[:, numeric] = np.where(np.isinf(numbers), np.nan, numbers)
        for position, index in enumerate(self.codes):
            if texts is not None:
                matrix[:, index] = self._coded(index, texts[:, position])
        return _Chunk(matrix, 0)

    def _coded(self, index: int, cells: npt.NDArray[np.bytes_]) -> FloatArray:
        """Codes of a column of texts, compared with the few texts met so far before looking for new ones."""
        codes = self.codes[index]
        coded = np.full(len(cells), -1.0)
        coded[cells == b"nan"] = np.nan
        for text, code in codes.items():
            coded[cells == text.encode()] = code
        for cell in np.unique(cells[coded == -1.0]):
            coded[cells == cell] = codes.setdefault(cell.decode("utf-8", "replace"), len(codes))
        return coded

    def _parse_cells(self, text: bytes) -> _Chunk:
        rows = [row for row in csv.reader(io.StringIO(text.decode("utf-8", "replace").replace("\0", ""))) if row]
        whole = [row for row in rows if len(row) == len(self.names)]
        matrix = np.empty((len(whole), len(self.names)))
        for index, cells in enumerate(zip(*whole, strict=True)):
            matrix[:, index] = self._numbers(index, cells)
        return _Chunk(matrix, len(rows) - len(whole))

    def _numbers(self, index: int, cells: Sequence[str]) -> list[float]:
        if index not in self.codes:
            numbers = [_number(cell) for cell in cells]
            bad = numbers.count(None)
            if index == self.names.index(TIME_COLUMN) or 2 * bad <= sum(1 for cell in cells if cell):
                self.bad_cells += bad
                return [np.nan if number is None else number for number in numbers]
            self.codes[index] = {}
        codes = self.codes[index]
        return [float(codes.setdefault(cell, len(codes))) if cell else np.nan for cell in cells]

    def labels(self, index: int) -> tuple[str, ...] | None:
        """The texts of a column in the order of their codes; None for a column of numbers."""
        return tuple(self.codes[index]) if index in self.codes else None


def _number(cell: str) -> float | None:
    """The number in a cell, NaN for an empty one, None where there is something else."""
    if not cell:
        return np.nan
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else np.nan


def _chunks(path: Path, notes: list[str]) -> Iterator[bytes]:
    """Whole lines of the file after its first, a few megabytes at a time; a last line without its end is left out."""
    with path.open("rb") as stream:
        stream.readline()
        rest = b""
        while block := stream.read(_CHUNK_BYTES):
            text = rest + block
            cut = text.rfind(b"\n") + 1
            rest = text[cut:]
            if cut:
                yield text[:cut]
    if rest.strip():
        notes.append(f"{path.name} ends in the middle of a row; that row is left out")


def _header(path: Path) -> list[str]:
    with path.open("rb") as stream:
        first = stream.readline()
    if not first.endswith(b"\n") or b"\0" in first:
        return []
    return next(csv.reader([first.decode("utf-8", "replace").lstrip("﻿").strip()]), [])


def _near(t_ms: TimeArray, windows_ms: Sequence[tuple[int, int]]) -> BoolArray:
    near = np.zeros(len(t_ms), dtype=bool)
    for start, end in windows_ms:
        near |= (t_ms >= start) & (t_ms <= end)
    return near


def _with_gaps(t_ms: TimeArray, matrix: FloatArray, gap_ms: float) -> tuple[TimeArray, FloatArray]:
    """An unknown row right after the last one before every gap, so that no line is drawn across."""
    at = np.flatnonzero(np.diff(t_ms) > gap_ms)
    if len(at) == 0:
        return t_ms, matrix
    return np.insert(t_ms, at + 1, t_ms[at] + 1), np.insert(matrix, at + 1, np.nan, axis=0)


class _Reader:
    """Takes the chunks of one file in turn, keeps what is drawn of each column, and counts what was left out."""

    def __init__(self, path: Path, names: list[str], windows_ms: Sequence[tuple[int, int]], texts: Collection[str]) -> None:
        self.path = path
        self.names = names
        self.windows_ms = windows_ms
        self.time_index = names.index(TIME_COLUMN)
        self.parser = _Parser(names, texts)
        self.parts: list[list[tuple[TimeArray, FloatArray]]] = [[] for _ in names]
        self.rows = self.torn = self.backwards = self.kept = 0
        self.last_ms = -1
        self.gap_ms = 0.0
        self.bucket_rows = 1

    def take(self, text: bytes, file_bytes: int) -> None:
        """Add whole lines."""
        chunk = self.parser.parse(text)
        timed = np.isfinite(chunk.matrix[:, self.time_index])
        matrix = chunk.matrix[timed]
        self.torn += chunk.torn + int(len(timed) - len(matrix))
        t_ms = np.rint(matrix[:, self.time_index] * 1000.0).astype(np.int64)
        forward = (t_ms >= 0) & (t_ms <= _TIME_MAX_MS)
        forward &= t_ms >= np.maximum.accumulate(np.where(forward, np.maximum(t_ms, self.last_ms), self.last_ms))
        self.backwards += int((~forward).sum())
        t_ms, matrix = t_ms[forward], matrix[forward]
        if len(t_ms) == 0:
            return
        if not self.rows:
            self._set_scale(t_ms, len(text), file_bytes)
        self.rows += len(t_ms)
        starts_after_gap = self.last_ms >= 0 and t_ms[0] - self.last_ms > self.gap_ms
        last_ms, self.last_ms = self.last_ms, int(t_ms[-1])
        t_ms, matrix = _with_gaps(t_ms, matrix, self.gap_ms)
        if starts_after_gap:
            t_ms = np.insert(t_ms, 0, last_ms + 1)
            matrix = np.insert(matrix, 0, np.nan, axis=0)
        self._keep(t_ms, matrix)

    def _set_scale(self, t_ms: TimeArray, chunk_bytes: int, file_bytes: int) -> None:
        """From the first chunk: what counts as a gap, and how much a long file has to be thinned."""
        # The longest ordinary period: reports come each tick around a suspicion and once a second otherwise.
        period_ms = float(np.median(np.diff(t_ms))) if len(t_ms) > 1 else 0.0
        self.gap_ms = _GAP_PERIODS * max(1000.0, period_ms)
        rows_expected = max(len(t_ms), int(file_bytes / max(1.0, chunk_bytes / len(t_ms))))
        if rows_expected > 4 * _POINTS_IN_MEMORY:
            self.bucket_rows = bucket_rows_for(rows_expected, 0, _POINTS_IN_MEMORY)

    def _keep(self, t_ms: TimeArray, matrix: FloatArray) -> None:
        if self.bucket_rows == 1:
            for index in range(len(self.names)):
                self.parts[index].append((t_ms, np.ascontiguousarray(matrix[:, index])))
            return
        near = _near(t_ms, self.windows_ms) if self.kept < _KEPT_ROWS_MAX else None
        self.kept += 0 if near is None else int(near.sum())
        for index in range(len(self.names)):
            values = np.ascontiguousarray(matrix[:, index])
            rows = pick(values, self.bucket_rows, near)
            self.parts[index].append((t_ms[rows], values[rows]))

    def table(self, notes: list[str]) -> Table:
        """All that was taken. Columns that kept every row share one time array."""
        table = Table(rows=self.rows, end_ms=max(0, self.last_ms), thinned=self.bucket_rows > 1, notes=notes + self._notes())
        if not self.rows:
            return table
        shared = None if table.thinned else np.concatenate([t_ms for t_ms, _ in self.parts[self.time_index]])
        for index, name in enumerate(self.names):
            if index != self.time_index:
                t_ms = shared if shared is not None else np.concatenate([part[0] for part in self.parts[index]])
                values = np.concatenate([part[1] for part in self.parts[index]])
                table.columns[name] = Column(t_ms, values, self.parser.labels(index))
        return table

    def _notes(self) -> list[str]:
        name, notes = self.path.name, []
        if self.torn:
            notes.append(f"{name}: {self.torn} row{'s' if self.torn > 1 else ''} of another length or without a time left out")
        if self.backwards:
            notes.append(f"{name}: {self.backwards} rows left out because their time goes backwards or is out of range")
        if self.parser.bad_cells:
            notes.append(f"{name}: {self.parser.bad_cells} cells hold no number and are shown as unknown")
        if not self.rows:
            notes.append(f"{name} has no rows")
        return notes


def read_table(path: Path, windows_ms: Sequence[tuple[int, int]] = (), texts: Collection[str] = ()) -> Table:
    """Read one CSV file with a time column.

    Args:
        path: the file; need not be there.
        windows_ms: spans of scenario time of which every row is kept however long the file is, most important first.
        texts: columns that hold names rather than numbers. Others are found out, more slowly.
    """
    try:
        names = _header(path)
        size = path.stat().st_size
    except FileNotFoundError:
        return Table(notes=[f"{path.name} is not there"])
    except OSError as error:
        return Table(notes=[f"{path.name} cannot be read: {error.strerror}"])
    if TIME_COLUMN not in names or len(set(names)) != len(names):
        return Table(notes=[f"{path.name} is empty" if size == 0 else f"{path.name} has no usable heading with a column {TIME_COLUMN}"])
    reader = _Reader(path, names, windows_ms, texts)
    notes: list[str] = []
    for text in _chunks(path, notes):
        reader.take(text, size)
    return reader.table(notes)


def thin(column: Column, points: int, windows_ms: Sequence[tuple[int, int]]) -> Column:
    """The column with about `points` points or fewer, the windows kept whole as far as they fit."""
    rows = len(column.values)
    if rows <= points:
        return column
    near = np.zeros(rows, dtype=bool)
    for window in windows_ms:
        wider = near | _near(column.t_ms, [window])
        if int(wider.sum()) > points // 2:
            continue
        near = wider
    picked = pick(column.values, bucket_rows_for(rows, int(near.sum()), points), near)
    return Column(column.t_ms[picked], column.values[picked], column.labels)
