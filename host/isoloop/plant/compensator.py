"""The hydropneumatic compensator: gas against liquid, between two stops, and the flashing loop beyond the cold one.

The gas obeys p V = n R T. Its temperature moves along the adiabat with the volume and relaxes to the wall; the wall follows the return
liquid slowly. The liquid that the lines do not hold sits here, at the return's temperature.
"""

from __future__ import annotations

from typing import Any

from isoloop.jit import part

from . import layout as L
from .holes import GAMMA, WET_RATIO, air_kpa_ml_s, hole_area_mm2, orifice_ml_s
from .liquid import density_g_ml, mean_degc, vapour_kpa
from .trapped import REFERENCE_KPA

ZERO_C_K = 273.15
GAS_MIN_KPA_ML_K = 1e-3


@part
def room_ml(S: Any, P: Any) -> float:
    """Volume that the connected liquid leaves free: gas, and beyond the stop a void."""
    suction_degc = S[L.RETURN0_DEGC + L.RETURN_CELLS - 1]
    supply_g = density_g_ml(P, mean_degc(S, L.SUPPLY0_DEGC, L.SUPPLY_CELLS)) * P[L.P_SUPPLY_ML]
    return_g = density_g_ml(P, mean_degc(S, L.RETURN0_DEGC, L.RETURN_CELLS)) * P[L.P_RETURN_PIPE_ML]
    return float(P[L.P_GAS_MAX_ML] - (S[L.LINE_G] - supply_g - return_g) / density_g_ml(P, suction_degc))


@part
def is_connected(S: Any, i: int) -> bool:
    """True while a valve of the segment passes anything."""
    return bool(S[L.VALVE0_RATIO + 2 * i] >= L.SHUT_RATIO or S[L.VALVE0_RATIO + 2 * i + 1] >= L.SHUT_RATIO)


@part
def saturation_kpa(S: Any, P: Any) -> float:
    """Vapour pressure of the warmest connected part: where the loop flashes first, and what it then holds everywhere."""
    warm = max(mean_degc(S, L.SUPPLY0_DEGC, L.SUPPLY_CELLS), mean_degc(S, L.RETURN0_DEGC, L.RETURN_CELLS))
    for i in range(L.SEGMENTS):
        if is_connected(S, i):
            warm = max(warm, mean_degc(S, L.RADIATOR0_DEGC + i * L.RADIATOR_CELLS, L.RADIATOR_CELLS))
    return vapour_kpa(P, warm)


@part
def segment_voids_ml(S: Any, P: Any) -> float:
    """What the connected segments lack to be full."""
    void_ml = 0.0
    for i in range(L.SEGMENTS):
        if is_connected(S, i):
            density = density_g_ml(P, mean_degc(S, L.RADIATOR0_DEGC + i * L.RADIATOR_CELLS, L.RADIATOR_CELLS))
            squeezed = (S[L.SEGMENT0_KPA + i] - REFERENCE_KPA) / P[L.P_SEGMENT_MODULUS_KPA]
            void_ml += P[L.P_RADIATOR_ML] * (1.0 + squeezed) - S[L.SEGMENT0_G + i] / density
    return max(void_ml, 0.0)


@part
def compensate(S: Any, P: Any) -> None:
    """One tick: gas temperature, volume and the loop's pressure from the mass that the network has left here."""
    room = room_ml(S, P)
    low, high = P[L.P_GAS_MIN_ML], P[L.P_GAS_MAX_ML]
    saturation = saturation_kpa(S, P)
    amount = S[L.GAS_AMOUNT_KPA_ML_K]
    volume = min(max(room, low), high)
    volume = max(min(volume, amount * (S[L.GAS_DEGC] + ZERO_C_K) / saturation), 1.0)  # boiling liquid pushes thin gas together

    gas_k = S[L.GAS_DEGC] + ZERO_C_K
    if volume != S[L.GAS_ML]:
        gas_k *= (S[L.GAS_ML] / volume) ** (GAMMA - 1.0)
    wall_k = S[L.WALL_DEGC] + ZERO_C_K
    gas_k = wall_k + (gas_k - wall_k) * P[L.P_GAS_KEEP]
    suction_degc = S[L.RETURN0_DEGC + L.RETURN_CELLS - 1]
    S[L.WALL_DEGC] = suction_degc + (S[L.WALL_DEGC] - suction_degc) * P[L.P_WALL_KEEP]

    gas_kpa = amount * gas_k / volume
    void = room - volume  # negative: squeezed beyond the hot stop
    if S[L.FLASHED] > 0.0:  # voids are anywhere, and all of them fill before the pressure comes back
        void += segment_voids_ml(S, P)
    pressure = gas_kpa
    if void > 0.0 or room < low:
        # On a stop only the liquid's own compressibility gives, so the pressure falls or climbs within a few mL.
        pressure = gas_kpa - void * P[L.P_LOOP_STIFFNESS_KPA_ML]
    flashed = pressure <= saturation
    S[L.FLASHED] = 1.0 if flashed else 0.0
    S[L.COMPENSATOR_KPA] = saturation if flashed else pressure
    S[L.VOID_ML] = max(void, 0.0)
    S[L.GAS_DEGC] = gas_k - ZERO_C_K
    S[L.GAS_ML] = volume


@part
def exchange(S: Any, P: Any) -> None:
    """Gas leak, internal leak either way, air drawn in through a hole below the pressure outside, and the cabin's own leak; one tick."""
    tick_s = P[L.P_TICK_S]
    pressure = S[L.COMPENSATOR_KPA]
    amount = S[L.GAS_AMOUNT_KPA_ML_K]
    amount -= P[L.P_GAS_LEAK_ML_S] * amount / S[L.GAS_ML] * tick_s

    area = hole_area_mm2(P, L.INTERNAL, S[L.TIME_S] - tick_s)
    flow_ml_s = 0.0
    if area > 0.0:
        density = density_g_ml(P, S[L.RETURN0_DEGC + L.RETURN_CELLS - 1])
        wet = 1.0
        if S[L.FLASHED] > 0.0:
            wet = min(max(S[L.LINE_G], 0.0) / (density * (P[L.P_SUPPLY_ML] + P[L.P_RETURN_PIPE_ML])) / WET_RATIO, 1.0)
        flow_ml_s = orifice_ml_s(area * wet, pressure - S[L.CABIN_KPA], density)
        lost_g = min(flow_ml_s * density * tick_s, max(S[L.LINE_G], 0.0))
        S[L.LINE_G] -= lost_g
        S[L.LOST_INTERNAL_G] += lost_g
        air = min(air_kpa_ml_s(area, S[L.CABIN_KPA], pressure, P[L.P_CABIN_K]) * tick_s, _up_to(S, S[L.CABIN_KPA]))
        amount += air / P[L.P_CABIN_K]
        S[L.CABIN_KPA] -= air / P[L.P_CABIN_ML]
    S[L.FLOW_INTERNAL_ML_S] = flow_ml_s
    if P[L.P_OUTSIDE_KPA] > 0.0:
        for i in range(L.SEGMENTS):
            if is_connected(S, i):
                hole = hole_area_mm2(P, i, S[L.TIME_S] - tick_s)
                air = air_kpa_ml_s(hole, P[L.P_OUTSIDE_KPA], S[L.SEGMENT0_KPA + i], P[L.P_CABIN_K]) * tick_s
                amount += min(air, _up_to(S, P[L.P_OUTSIDE_KPA])) / P[L.P_CABIN_K]
    S[L.GAS_AMOUNT_KPA_ML_K] = max(amount, GAS_MIN_KPA_ML_K)
    if P[L.P_CABIN_HOLE_MM2] > 0.0:
        S[L.CABIN_KPA] -= air_kpa_ml_s(P[L.P_CABIN_HOLE_MM2], S[L.CABIN_KPA], 0.0, P[L.P_CABIN_K]) / P[L.P_CABIN_ML] * tick_s


@part
def _up_to(S: Any, outside_kpa: float) -> float:
    """Gas that brings the loop to the pressure outside, kPa mL: a step must not overshoot what drives it."""
    return float(max(outside_kpa - S[L.COMPENSATOR_KPA], 0.0) * S[L.GAS_ML])
