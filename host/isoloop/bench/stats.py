"""Exact bounds for counted events, and medians that know of trials without a detection."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

YEAR_S = 365.25 * 86400.0


def binomial_bounds(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson interval of a probability; two-sided."""
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if hits == 0 else _solve(lambda p: 1.0 - _binomial_below(hits, trials, p) - tail, 0.0, 1.0)
    high = 1.0 if hits == trials else _solve(lambda p: tail - _binomial_below(hits + 1, trials, p), 0.0, 1.0)
    return low, high


def poisson_upper(count: int, exposure: float, confidence: float = 0.95) -> float:
    """Exact one-sided upper bound of a rate after `count` events in `exposure`."""
    if exposure <= 0.0:
        return math.inf
    tail = 1.0 - confidence
    if count == 0:
        return -math.log(tail) / exposure
    return _solve(lambda mean: tail - _poisson_below(count + 1, mean), 0.0, 10.0 * count + 50.0) / exposure


def quantile(values: Sequence[float | None], share: float) -> float | None:
    """Order statistic at this share; a trial without a detection counts as infinitely late: None where the order statistic is one."""
    ordered = sorted(math.inf if value is None else value for value in values)
    if not ordered:
        return None
    found = ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]
    return None if math.isinf(found) else found


def _binomial_below(hits: int, trials: int, p: float) -> float:
    """P(X < hits)."""
    if p <= 0.0:
        return 1.0 if hits > 0 else 0.0
    if p >= 1.0:
        return 0.0 if hits <= trials else 1.0
    log_p, log_q = math.log(p), math.log1p(-p)
    terms = (_log_choose(trials, k) + k * log_p + (trials - k) * log_q for k in range(hits))
    return math.fsum(math.exp(term) for term in terms)


def _poisson_below(count: int, mean: float) -> float:
    """P(X < count)."""
    if mean <= 0.0:
        return 1.0
    return math.fsum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _solve(rising: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(80):
        middle = (low + high) / 2.0
        if rising(middle) < 0.0:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
