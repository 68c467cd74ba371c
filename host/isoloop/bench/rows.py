"""Rows of `isoloop bench detector`, and how they look to a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from isoloop.bench.stats import quantile

OURS = "isoloop"


@dataclass(frozen=True)
class Row:
    """One figure. `bound` rows decide the exit code, the others are reported."""

    case: str
    method: str
    n: int
    median: float | None
    p95: float | None
    unit: str
    want: str
    ok: bool
    false_per_year: float | None
    seconds_of_nuisance: float
    bound: bool = False

    def document(self) -> dict[str, Any]:
        """As JSON shows it."""
        shown = dict(vars(self))
        del shown["bound"]
        return shown


def delay_row(
    case: str,
    method: str,
    delays_s: Sequence[float | None],
    want: tuple[float, float] | None,
    false_per_year: float | None,
    seconds: float,
    bound: bool = False,
) -> Row:
    """Median and p95 of delays beside what is wanted of them; a leak that was not found counts as infinitely late."""
    median, p95 = quantile(delays_s, 0.5), quantile(delays_s, 0.95)
    ok = True
    text = "reported"
    if want is not None:
        text = f"<= {want[0]:g} / {want[1]:g}"
        ok = median is not None and p95 is not None and median <= want[0] + 1e-9 and p95 <= want[1] + 1e-9
    return Row(case, method, len(delays_s), median, p95, "s", text, ok, false_per_year, seconds, bound)


def head() -> str:
    """The table's first line."""
    columns = f"{'case':<38} {'method':<42} {'n':>5} {'median':>10} {'p95':>10} {'unit':<12}"
    return f"{columns} {'want':<18} {'':<6} {'false/year':>10} {'nuisance':>9}"


def line(row: Row) -> str:
    """A row of the table."""
    mark = ("ok" if row.ok else "MISSED") if row.want != "reported" else ""
    false = "" if row.false_per_year is None else f"<{row.false_per_year:.3g}"
    days = f"{row.seconds_of_nuisance / 86400.0:.0f} d" if row.seconds_of_nuisance else ""
    return (
        f"{row.case:<38} {row.method:<42} {row.n:>5} {_number(row.median):>10} {_number(row.p95):>10} "
        f"{row.unit:<12} {row.want:<18} {mark:<6} {false:>10} {days:>9}"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}" if abs(value) < 1e5 else f"{value:.3e}"
