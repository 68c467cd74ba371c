"""Holes: their area over time, and the liquid or gas that they pass."""

from __future__ import annotations

import math
from typing import Any

from isoloop.jit import part

from . import layout as L

DISCHARGE = 0.62  # of a sharp-edged hole
WET_RATIO = 0.1  # below this liquid fraction a hole passes more and more vapour instead of liquid (ours)
GAMMA = 1.4  # nitrogen, air
AIR_GAS_CONSTANT_J_KG_K = 287.05
CHOKED_RATIO = 0.528  # (2 / (gamma + 1)) ** (gamma / (gamma - 1))


@part
def orifice_ml_s(area_mm2: float, drop_kpa: float, density: float) -> float:
    """Liquid through a sharp-edged hole, Cd A sqrt(2 dp / rho); 0 without a drop. Density in g/mL."""
    if drop_kpa <= 0.0:
        return 0.0
    return float(DISCHARGE * area_mm2 * math.sqrt(2.0 * drop_kpa / density))


@part
def hole_area_mm2(P: Any, segment: int, t_s: float) -> float:
    """Area of all holes of a segment (3: internal) at this time, the start of a tick; a ramp grows the diameter."""
    area = 0.0
    for i in range(int(P[L.P_LEAK_COUNT])):
        row = L.P_LEAK0 + i * L.LEAK_FIELDS
        age_s = t_s - P[row + L.LEAK_START_S]
        if int(P[row + L.LEAK_SEGMENT]) == segment and age_s >= -1e-6:
            diameter = P[row + L.LEAK_DIAMETER_MM]
            ramp_s = P[row + L.LEAK_RAMP_S]
            if ramp_s > 0.0:
                diameter *= min(max(age_s / ramp_s, 0.0), 1.0)
            area += math.pi / 4.0 * diameter * diameter
    return area


@part
def air_kpa_ml_s(area_mm2: float, from_kpa: float, into_kpa: float, gas_k: float) -> float:
    """Gas through a hole, as pressure times volume a second at its temperature: St Venant-Wantzel, choked below the critical ratio."""
    if into_kpa >= from_kpa or area_mm2 <= 0.0:
        return 0.0
    ratio = max(into_kpa / from_kpa, CHOKED_RATIO)
    shape = 2.0 * GAMMA / (GAMMA - 1.0) * (ratio ** (2.0 / GAMMA) - ratio ** ((GAMMA + 1.0) / GAMMA))
    speed_m_s = math.sqrt(AIR_GAS_CONSTANT_J_KG_K * gas_k * shape)
    return float(DISCHARGE * area_mm2 * speed_m_s * from_kpa)  # mm2 m/s = mL/s
