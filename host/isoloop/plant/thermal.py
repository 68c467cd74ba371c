"""Heat: the coolant cells, the bay that loads them, the radiators that cool them, the orbit that changes what the radiators see.

Cells are carried by upwind flow at the coolant's nominal heat capacity per volume. Radiators are linearised about their working point
(conductance times the difference to an effective sink temperature). The bay is two stores: air and cold plates, which carry the load and
the exchanger, and the structure behind them.
"""

from __future__ import annotations

import math
from typing import Any

from isoloop.jit import part

from . import layout as L


@part
def sink_degc(P: Any, i: int, orbits: float, sine: float, cosine: float) -> float:
    """Effective sink temperature of segment i; the swing's amplitude goes linearly from orbit to orbit."""
    whole = int(orbits)
    share = orbits - whole
    here = P[L.P_ORBIT_AMPLITUDE0 + whole % L.ORBITS]
    there = P[L.P_ORBIT_AMPLITUDE0 + (whole + 1) % L.ORBITS]
    second = P[L.P_SECOND_SIN] * 2.0 * sine * cosine + P[L.P_SECOND_COS] * (1.0 - 2.0 * sine * sine)
    wave = P[L.P_SINK_SIN0 + i] * sine + P[L.P_SINK_COS0 + i] * cosine + P[L.P_SECOND_HARMONIC] * second
    swing_k = P[L.P_SINK_SWING_K] * (here + (there - here) * share)
    return float(P[L.P_SINK_MEAN_DEGC] + P[L.P_SINK_OFFSET0_K + i] + swing_k * wave)


@part
def exchanger_w_k(P: Any, flow_ml_s: float) -> float:
    """Heat taken per kelvin between bay and the coolant that enters the exchanger: effectiveness times capacity flow."""
    if flow_ml_s < 1e-3:
        return 0.0
    capacity_w_k = flow_ml_s * P[L.P_DENSITY_NOMINAL_G_ML] * P[L.P_CP_J_G_K]
    return float(capacity_w_k * (1.0 - math.exp(-P[L.P_HX_UA_W_K] / capacity_w_k)))


@part
def heat(S: Any, P: Any) -> None:
    """One tick of heat, explicit, with the flows of the tick before."""
    tick_s = P[L.P_TICK_S]
    heat_j_ml_k = P[L.P_DENSITY_NOMINAL_G_ML] * P[L.P_CP_J_G_K]
    pump = S[L.FLOW_PUMP_ML_S]
    back = S[L.FLOW_RETURN_ML_S]

    supply_out = S[L.SUPPLY0_DEGC + L.SUPPLY_CELLS - 1]
    return_in = S[L.RETURN0_DEGC]
    suction = S[L.RETURN0_DEGC + L.RETURN_CELLS - 1]

    taken_w = exchanger_w_k(P, pump) * (S[L.BAY_DEGC] - suction)
    entering = suction
    if pump > 1e-3:
        entering = suction + taken_w / (pump * heat_j_ml_k)

    mixed = max(S[L.FLOW_BYPASS_ML_S], 0.0)
    mixed_heat = mixed * supply_out
    for i in range(L.SEGMENTS):
        out = max(S[L.FLOW_OUT0_ML_S + i], 0.0)
        mixed += out
        mixed_heat += out * S[L.RADIATOR0_DEGC + (i + 1) * L.RADIATOR_CELLS - 1]
    manifold = return_in
    if mixed > 1e-9:
        manifold = mixed_heat / mixed

    angle = P[L.P_ORBIT_RAD_S] * S[L.TIME_S] + P[L.P_PHASE_RAD]
    sine, cosine = math.sin(angle), math.cos(angle)
    orbits = P[L.P_ORBIT_RAD_S] * S[L.TIME_S] / (2.0 * math.pi)
    shift_k = P[L.P_FLUID_RATE_K_S] * tick_s
    for i in range(L.SEGMENTS):
        first = L.RADIATOR0_DEGC + i * L.RADIATOR_CELLS
        cell_ml = P[L.P_RADIATOR_ML] / L.RADIATOR_CELLS
        # an emptied segment has little liquid left to cool
        fill = min(max(S[L.SEGMENT0_G + i] / (P[L.P_RADIATOR_ML] * P[L.P_DENSITY_NOMINAL_G_ML]), 0.1), 1.0)
        cooling = P[L.P_RADIATOR_UA_W_K] / L.RADIATOR_CELLS / (cell_ml * heat_j_ml_k * fill)
        sink = sink_degc(P, i, orbits, sine, cosine) + S[L.SHIFT_K]
        _carry(S, first, L.RADIATOR_CELLS, cell_ml, S[L.FLOW_IN0_ML_S + i], S[L.FLOW_OUT0_ML_S + i], supply_out, return_in, tick_s)
        for j in range(first, first + L.RADIATOR_CELLS):
            S[j] += (sink - S[j]) * cooling * tick_s + shift_k
    _carry(S, L.SUPPLY0_DEGC, L.SUPPLY_CELLS, P[L.P_SUPPLY_ML] / L.SUPPLY_CELLS, pump, pump, entering, manifold, tick_s)
    _carry(S, L.RETURN0_DEGC, L.RETURN_CELLS, P[L.P_RETURN_PIPE_ML] / L.RETURN_CELLS, back, back, manifold, suction, tick_s)
    for j in range(L.SUPPLY_CELLS):
        S[L.SUPPLY0_DEGC + j] += shift_k
    for j in range(L.RETURN_CELLS):
        S[L.RETURN0_DEGC + j] += shift_k
    S[L.SHIFT_K] += shift_k

    load, step_w = S[L.LOAD_W], P[L.P_LOAD_SLOPE_W_S] * tick_s
    S[L.LOAD_W] = load + min(max(P[L.P_LOAD_TARGET_W] - load, -step_w), step_w)
    bay, structure = S[L.BAY_DEGC], S[L.STRUCTURE_DEGC]
    to_structure_w = P[L.P_STRUCTURE_UA_W_K] * (bay - structure)
    S[L.BAY_DEGC] = bay + (load - taken_w - to_structure_w) / P[L.P_BAY_J_K] * tick_s
    lost_w = P[L.P_LOSS_UA_W_K] * (structure - P[L.P_LOSS_REF_DEGC] - S[L.SHIFT_K])
    S[L.STRUCTURE_DEGC] = structure + (to_structure_w - lost_w) / P[L.P_STRUCTURE_J_K] * tick_s + shift_k


@part
def _carry(
    S: Any, first: int, cells: int, cell_ml: float, enter_ml_s: float, leave_ml_s: float, before: float, after: float, tick_s: float
) -> None:
    """Upwind transport through a run of cells; flow changes from `enter` to `leave` in the middle one, where a hole is."""
    middle = cells // 2
    left_old = before
    for j in range(cells):
        here = S[first + j]
        right = S[first + j + 1] if j + 1 < cells else after
        left_ml_s = enter_ml_s if j <= middle else leave_ml_s
        right_ml_s = enter_ml_s if j < middle else leave_ml_s
        change = max(left_ml_s, 0.0) * (left_old - here) + max(-right_ml_s, 0.0) * (right - here)
        left_old = here
        S[first + j] = here + change * tick_s / cell_ml
