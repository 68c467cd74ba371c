"""Coolant properties inside the kernels: linear interpolation in the tables that the host put into the parameters."""

from __future__ import annotations

from typing import Any

from isoloop.jit import part

from . import layout as L


@part
def _interpolate(P: Any, first: int, t_degc: float) -> float:
    place = t_degc - P[L.P_TABLE_FIRST_DEGC]  # one row a kelvin
    last = P[L.P_TABLE_COUNT] - 1.0
    if not place > 0.0:
        return float(P[first])
    if place >= last:
        return float(P[first + int(last)])
    left = int(place)
    low = P[first + left]
    return float(low + (P[first + left + 1] - low) * (place - left))


@part
def density_g_ml(P: Any, t_degc: float) -> float:
    """Liquid density."""
    return _interpolate(P, L.P_DENSITY0_G_ML, t_degc)


@part
def vapour_kpa(P: Any, t_degc: float) -> float:
    """Vapour pressure."""
    return _interpolate(P, L.P_VAPOUR0_KPA, t_degc)


@part
def mean_degc(S: Any, first: int, cells: int) -> float:
    """Mean temperature of a run of equal cells."""
    total = 0.0
    for i in range(cells):
        total += S[first + i]
    return total / cells
