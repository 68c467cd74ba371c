"""What the runs say of the flight's rate estimate: coverage of its interval, its width, and the hole."""

from __future__ import annotations

from collections.abc import Sequence

from isoloop.bench.rows import OURS, Row
from isoloop.bench.stats import binomial_bounds, quantile

COVERAGE = (0.93, 0.97)
HALF_WIDTH_MAX = 0.10
HOLE_ERROR_MAX = 0.10
TIGHT_SIZE = "0.8 mm"


def rows(size: str, runs: Sequence[dict[str, float]]) -> list[Row]:
    """Rows of one size; `runs` hold rate, low, high (uL/s), true, hole_mm, true_hole_mm at the time when valves begin to move."""
    n = len(runs)
    if n == 0:
        return [Row(f"rate {size}: coverage", OURS, 0, None, None, "share", "0.93..0.97", False, None, 0.0, True)]
    hits = sum(run["low"] <= run["true"] <= run["high"] for run in runs)
    low, high = binomial_bounds(hits, n)
    share = hits / n
    tight = size == TIGHT_SIZE
    half = [(run["high"] - run["low"]) / 2.0 / run["true"] for run in runs]
    bias = [run["rate"] / run["true"] - 1.0 for run in runs]
    hole = [abs(run["hole_mm"] / run["true_hole_mm"] - 1.0) for run in runs]
    half_p50, hole_p95 = quantile(half, 0.5), quantile(hole, 0.95)
    in_band = COVERAGE[0] <= share <= COVERAGE[1]
    narrow = half_p50 is not None and half_p50 <= HALF_WIDTH_MAX
    close = hole_p95 is not None and hole_p95 <= HOLE_ERROR_MAX
    wanted = "<= 0.10" if tight else "reported"
    width_ok = narrow or not tight
    interval = f"{low:.3f}..{high:.3f}"
    return [
        Row(f"rate {size}: coverage of 95 % interval", OURS, n, share, None, interval, "0.93..0.97", in_band, None, 0.0, True),
        Row(f"rate {size}: half-width", OURS, n, half_p50, quantile(half, 0.95), "of truth", wanted, width_ok, None, 0.0, tight),
        Row(f"rate {size}: bias", OURS, n, quantile(bias, 0.5), None, "of truth", "reported", True, None, 0.0),
        Row(f"rate {size}: hole error", OURS, n, quantile(hole, 0.5), hole_p95, "of truth", "p95 <= 0.10", close, None, 0.0, True),
    ]
