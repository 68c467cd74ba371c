"""Fewer points that draw the same line: first, smallest, largest and last of every bucket, and the gaps kept.

Min/max decimation alone moves the ends of a bucket; with its first and last sample kept too, a line over one bucket a pixel
is drawn exactly as from all samples (Jugel et al., "M4", VLDB 2014).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

POINTS_PER_BUCKET = 5
"""First, smallest, largest, last, and one unknown."""


def pick(values: FloatArray, bucket_rows: int, keep: BoolArray | None = None) -> IndexArray:
    """Indices, ascending, of the samples that stand for all of them.

    Args:
        values: samples in time order, NaN where unknown.
        bucket_rows: samples a bucket; 1 keeps everything.
        keep: samples that stay in any case (the seconds around an alarm), or None.
    """
    count = len(values)
    if bucket_rows <= 1 or count <= POINTS_PER_BUCKET:
        return np.arange(count, dtype=np.int64)
    buckets = -(-count // bucket_rows)
    padded = np.full(buckets * bucket_rows, np.nan)
    padded[:count] = values
    grid = padded.reshape(buckets, bucket_rows)
    unknown = np.isnan(grid)
    unknown_real = unknown.copy()
    unknown_real.reshape(-1)[count:] = False
    start = np.arange(buckets, dtype=np.int64) * bucket_rows
    some = ~unknown.all(axis=1)
    picked = [
        (start + np.argmin(np.where(unknown, np.inf, grid), axis=1))[some],
        (start + np.argmax(np.where(unknown, -np.inf, grid), axis=1))[some],
        (start + np.argmin(unknown, axis=1))[some],
        (start + bucket_rows - 1 - np.argmin(unknown[:, ::-1], axis=1))[some],
        (start + np.argmax(unknown_real, axis=1))[unknown_real.any(axis=1)],
    ]
    if keep is not None:
        picked.append(np.flatnonzero(keep).astype(np.int64))
    return np.unique(np.concatenate(picked))


def bucket_rows_for(rows: int, kept_rows: int, points: int) -> int:
    """Rows a bucket, so that about `points` points remain of `rows`, of which `kept_rows` stay in any case."""
    if rows <= points:
        return 1
    buckets = max(50, (points - kept_rows) // POINTS_PER_BUCKET)
    return -(-rows // buckets)


def changes(values: FloatArray) -> IndexArray:
    """Indices at which a step signal takes a new value (unknown is a value of its own), the first sample included."""
    if len(values) == 0:
        return np.zeros(0, dtype=np.int64)
    same = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    return np.concatenate((np.zeros(1, dtype=np.int64), np.flatnonzero(~same).astype(np.int64) + 1))
