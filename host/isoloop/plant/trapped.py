"""A segment with both valves shut: its own stiffness against hole, relief and temperature."""

from __future__ import annotations

import math
from typing import Any

from isoloop.jit import part

from . import layout as L
from .holes import DISCHARGE, WET_RATIO

REFERENCE_KPA = 100.0  # the tables' density is taken to hold here
SUBSTEP_S = 0.01  # of a trapped segment with a hole: 0.8 mm takes its pressure in a few tenths of a second


@part
def hold(S: Any, P: Any, i: int, area_mm2: float, outside_kpa: float, density: float, vapour: float) -> float:
    """A segment with both valves shut, over one tick: hole and relief against its own stiffness. Returns what the hole took, g."""
    volume = P[L.P_RADIATOR_ML]
    stiffness = P[L.P_SEGMENT_MODULUS_KPA] / volume  # kPa / mL
    full_g = density * volume
    mass = S[L.SEGMENT0_G + i]
    crack_kpa, relief = _relief(P, i)
    relief_at = S[L.COMPENSATOR_KPA] + crack_kpa
    a = DISCHARGE * area_mm2 * math.sqrt(2.0 / density)
    steps = 1
    if a > 0.0:
        steps = max(1, int(P[L.P_TICK_S] / SUBSTEP_S + 0.5))
    h = P[L.P_TICK_S] / steps
    out_g = 0.0
    relief_ml = 0.0
    pressure = vapour
    for _ in range(steps):
        rest_kpa = REFERENCE_KPA + stiffness * (mass / density - volume)  # what the pressure would be without any outflow
        # c (p - rest) + a sqrt(p - outside) + relief (p - relief_at) = 0 in y = sqrt(p - outside), c the storage
        c = 1.0 / (stiffness * h)
        pressure = _pressure(c, a, c * (rest_kpa - outside_kpa), outside_kpa, rest_kpa)
        if relief > 0.0 and pressure > relief_at:
            pressure = _pressure(c + relief, a, c * (rest_kpa - outside_kpa) + relief * (relief_at - outside_kpa), outside_kpa, rest_kpa)
            passed_ml = min(relief * max(pressure - relief_at, 0.0) * h, 0.01 * volume)
            relief_ml += passed_ml
            mass -= passed_ml * density
            S[L.LINE_G] += passed_ml * density
        if pressure <= vapour:
            pressure = vapour
        wet = min(mass / full_g / WET_RATIO, 1.0)
        lost_g = min(a * math.sqrt(max(pressure - outside_kpa, 0.0)) * wet * h * density, mass)
        mass -= lost_g
        out_g += lost_g
    S[L.SEGMENT0_G + i] = mass
    S[L.SEGMENT0_KPA + i] = pressure
    S[L.SEGMENT_VOID0 + i] = 1.0 if pressure <= vapour else 0.0
    S[L.FLOW_IN0_ML_S + i] = 0.0
    S[L.FLOW_OUT0_ML_S + i] = 0.0
    S[L.FLOW_RELIEF0_ML_S + i] = relief_ml / P[L.P_TICK_S]
    return out_g


@part
def _pressure(c: float, a: float, drive: float, outside_kpa: float, rest_kpa: float) -> float:
    """Root of c y^2 + a y = drive, as pressure; without a drive nothing flows and the pressure at rest stays."""
    if drive <= 0.0:
        return rest_kpa
    y = (math.sqrt(a * a + 4.0 * c * drive) - a) / (2.0 * c)
    return outside_kpa + y * y


@part
def _relief(P: Any, i: int) -> tuple[float, float]:
    """Cracking difference, kPa, and conductance above it, mL/s/kPa, of a segment's relief valve."""
    if P[L.P_RELIEF_STUCK0 + i] > 0.0:
        return 0.0, 0.0
    if P[L.P_RELIEF_LEAKING0 + i] > 0.0:
        return 0.0, 0.1 * P[L.P_RELIEF_ML_S_KPA]
    return P[L.P_RELIEF_CRACK_KPA], P[L.P_RELIEF_ML_S_KPA]
