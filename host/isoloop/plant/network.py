"""Flow and pressure in the loop: pump, lines, three radiator segments in parallel, bypass, holes.

One tick is an implicit balance. Every branch loses k Q |Q| (+ a trace of laminar loss that keeps the slope finite at rest); each segment
stores what its pressure compresses, V / K a kilopascal, so that a full segment, one being shut and one running empty are the same
equation. Solved for the two manifolds and the segments by the global gradient iteration (Todini 1987), which works in flows and
therefore converges for square-law losses from any start; a segment that would fall below its vapour pressure holds it and grows a void.
"""

from __future__ import annotations

from typing import Any

from isoloop.jit import part

from . import layout as L
from .holes import DISCHARGE, WET_RATIO, hole_area_mm2
from .liquid import density_g_ml, mean_degc, vapour_kpa
from .trapped import REFERENCE_KPA, hold

LAMINAR_KPA_S_ML = 1e-5
SAG_RATIO = 0.9  # a segment that boils off through its hole cools and falls this far below the rest of a flashed loop (ours)
DRY_MM2 = 1e-6  # an emptied segment's hole: its square must not underflow
REDISTRIBUTION_S = 20.0  # time in which the voids of a flashed loop spread over its connected parts (ours)
ITERATIONS = 60


@part
def _slope(k: float, flow: float) -> float:
    """d flow / d pressure drop of a branch at this flow."""
    return 1.0 / (2.0 * k * abs(flow) + LAMINAR_KPA_S_ML)


@part
def _constant(k: float, flow: float, slope: float) -> float:
    """The branch, linear about this flow, is slope * drop + this."""
    return flow - slope * (k * flow * abs(flow) + LAMINAR_KPA_S_ML * flow)


@part
def _side_k(P: Any, opening: float) -> float:
    """Loss of a segment's line on one side with its valve so far open; negative: shut."""
    if opening < L.SHUT_RATIO:
        return -1.0
    return float(P[L.P_K_SIDE] + P[L.P_K_VALVE] / (opening * opening))


@part
def pump_head_kpa(S: Any, P: Any) -> float:
    """Head of the pump at no flow: speed, wear or trip, and cavitation when the suction nears the vapour pressure."""
    margin_kpa = S[L.COMPENSATOR_KPA] - vapour_kpa(P, S[L.RETURN0_DEGC + L.RETURN_CELLS - 1])
    suction = min(max(margin_kpa / P[L.P_NPSH_KPA], 0.0), 1.0)
    ratio = P[L.P_PUMP_RATIO] * suction * suction
    if suction < 1.0 or P[L.P_PUMP_ROUGH] > 0.0:
        ratio *= max(1.0 + 0.3 * S[L.PUMP_ROUGHNESS], 0.0)
    return float(P[L.P_DEAD_HEAD_KPA] * S[L.PUMP_SPEED_RATIO] * S[L.PUMP_SPEED_RATIO] * ratio)


@part
def flow(S: Any, P: Any) -> None:
    """One tick of hydraulics: solves the network at the compensator's pressure and moves the coolant's mass, all of which is kept."""
    head_kpa = pump_head_kpa(S, P)
    _prepare(S, P)
    _solve(S, P, head_kpa)
    _move_mass(S, P)
    flow_ml_s = S[L.FLOW_PUMP_ML_S]
    rise_kpa = head_kpa - P[L.P_K_CURVE] * flow_ml_s * abs(flow_ml_s)
    S[L.PUMP_HEAD_KPA] = max(rise_kpa, -S[L.COMPENSATOR_KPA])  # a stopped pump in a burst throttles; its outlet cannot be below vacuum


# Rows of three in the state's scratch area, one column a segment.
K_IN = L.SCRATCH0
K_OUT = K_IN + 3
K_HOLE = K_OUT + 3  # negative: no hole, or nothing behind it
REST_KPA = K_HOLE + 3
DENSITY = REST_KPA + 3
VAPOUR_KPA = DENSITY + 3
SLOPE_IN = VAPOUR_KPA + 3
SLOPE_OUT = SLOPE_IN + 3
SLOPE_HOLE = SLOPE_OUT + 3
AREA_MM2 = SLOPE_HOLE + 3
POOL_RATIO = AREA_MM2 + 3  # liquid fraction of everything connected


@part
def _prepare(S: Any, P: Any) -> None:
    """Losses, density and pressure at rest of each segment; settles the trapped ones."""
    volume = P[L.P_RADIATOR_ML]
    line_ml = P[L.P_SUPPLY_ML] + P[L.P_RETURN_PIPE_ML]
    line_degc = mean_degc(S, L.SUPPLY0_DEGC, L.SUPPLY_CELLS + L.SEGMENTS * L.RADIATOR_CELLS + L.RETURN_CELLS)
    pool_g = S[L.LINE_G]
    pool_full_g = line_ml * density_g_ml(P, line_degc)
    for i in range(L.SEGMENTS):
        t_degc = mean_degc(S, L.RADIATOR0_DEGC + i * L.RADIATOR_CELLS, L.RADIATOR_CELLS)
        density = density_g_ml(P, t_degc)
        S[DENSITY + i] = density
        S[VAPOUR_KPA + i] = vapour_kpa(P, t_degc)
        S[K_IN + i] = _side_k(P, S[L.VALVE0_RATIO + 2 * i])
        S[K_OUT + i] = _side_k(P, S[L.VALVE0_RATIO + 2 * i + 1])
        S[AREA_MM2 + i] = hole_area_mm2(P, i, S[L.TIME_S] - P[L.P_TICK_S])
        S[REST_KPA + i] = REFERENCE_KPA + P[L.P_SEGMENT_MODULUS_KPA] * (S[L.SEGMENT0_G + i] / (density * volume) - 1.0)
        if S[K_IN + i] >= 0.0 or S[K_OUT + i] >= 0.0:
            pool_g += S[L.SEGMENT0_G + i]
            pool_full_g += density * volume
            if S[L.FLASHED] > 0.0:
                S[VAPOUR_KPA + i] = SAG_RATIO * S[L.COMPENSATOR_KPA]
    for i in range(L.SEGMENTS):
        S[K_HOLE + i] = -1.0
        if S[K_IN + i] < 0.0 and S[K_OUT + i] < 0.0:
            lost_g = hold(S, P, i, S[AREA_MM2 + i], P[L.P_OUTSIDE_KPA], S[DENSITY + i], S[VAPOUR_KPA + i])
            S[L.LOST0_G + i] += lost_g
            S[L.FLOW_LEAK0_ML_S + i] = lost_g / S[DENSITY + i] / P[L.P_TICK_S]
        elif S[AREA_MM2 + i] > 0.0:
            wet = S[L.SEGMENT0_G + i] / (S[DENSITY + i] * volume)
            effective_mm2 = DISCHARGE * S[AREA_MM2 + i] * min(wet / WET_RATIO, 1.0)
            if effective_mm2 > DRY_MM2:
                S[K_HOLE + i] = S[DENSITY + i] / (2.0 * effective_mm2 * effective_mm2)
    # what a flashed loop's parts tend to: the same liquid fraction everywhere
    for i in range(L.SEGMENTS):
        S[POOL_RATIO + i] = min(pool_g / pool_full_g, 1.0)


@part
def _solve(S: Any, P: Any, head_kpa: float) -> None:
    """Flows and pressures of this tick, from those of the last."""
    comp_kpa = S[L.COMPENSATOR_KPA]
    outside_kpa = P[L.P_OUTSIDE_KPA]
    volume = P[L.P_RADIATOR_ML]
    storage = volume / (P[L.P_SEGMENT_MODULUS_KPA] * P[L.P_TICK_S])
    if S[L.FLASHED] > 0.0:
        storage = 0.0
    opening = S[L.VALVE0_RATIO + 6]
    k_bypass = -1.0
    if opening >= L.SHUT_RATIO:
        k_bypass = P[L.P_K_BYPASS] / (opening * opening)
    else:
        S[L.FLOW_BYPASS_ML_S] = 0.0
    for _ in range(ITERATIONS):
        y_pump = _slope(P[L.P_K_PUMP], S[L.FLOW_PUMP_ML_S])
        c_pump = _constant(P[L.P_K_PUMP], S[L.FLOW_PUMP_ML_S], y_pump)
        y_ret = _slope(P[L.P_K_RETURN], S[L.FLOW_RETURN_ML_S])
        c_ret = _constant(P[L.P_K_RETURN], S[L.FLOW_RETURN_ML_S], y_ret)
        y_byp = 0.0
        c_byp = 0.0
        if k_bypass >= 0.0:
            y_byp = _slope(k_bypass, S[L.FLOW_BYPASS_ML_S])
            c_byp = _constant(k_bypass, S[L.FLOW_BYPASS_ML_S], y_byp)
        a11 = y_pump + y_byp
        a12 = -y_byp
        a22 = y_ret + y_byp
        b1 = y_pump * (comp_kpa + head_kpa) + c_pump - c_byp
        b2 = y_ret * comp_kpa - c_ret + c_byp
        for i in range(L.SEGMENTS):
            y_in, c_in, y_out, c_out, y_hole, c_hole = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            if S[K_IN + i] < 0.0 and S[K_OUT + i] < 0.0:
                continue
            if S[K_IN + i] >= 0.0:
                y_in = _slope(S[K_IN + i], S[L.FLOW_IN0_ML_S + i])
                c_in = _constant(S[K_IN + i], S[L.FLOW_IN0_ML_S + i], y_in)
            else:
                S[L.FLOW_IN0_ML_S + i] = 0.0
            if S[K_OUT + i] >= 0.0:
                y_out = _slope(S[K_OUT + i], S[L.FLOW_OUT0_ML_S + i])
                c_out = _constant(S[K_OUT + i], S[L.FLOW_OUT0_ML_S + i], y_out)
            else:
                S[L.FLOW_OUT0_ML_S + i] = 0.0
            if S[K_HOLE + i] >= 0.0:
                y_hole = _slope(S[K_HOLE + i], S[L.FLOW_LEAK0_ML_S + i])
                c_hole = _constant(S[K_HOLE + i], S[L.FLOW_LEAK0_ML_S + i], y_hole)
            else:
                S[L.FLOW_LEAK0_ML_S + i] = 0.0
            S[SLOPE_IN + i] = y_in
            S[SLOPE_OUT + i] = y_out
            S[SLOPE_HOLE + i] = y_hole
            d = y_in + y_out + y_hole + storage
            e = c_in - c_out - c_hole + y_hole * outside_kpa + storage * S[REST_KPA + i]
            if S[L.SEGMENT_VOID0 + i] > 0.0:  # its pressure is known
                a11 += y_in
                a22 += y_out
                b1 += y_in * S[VAPOUR_KPA + i] - c_in
                b2 += y_out * S[VAPOUR_KPA + i] + c_out
            else:
                a11 += y_in * (1.0 - y_in / d)
                a12 -= y_in * y_out / d
                a22 += y_out * (1.0 - y_out / d)
                b1 += y_in * e / d - c_in
                b2 += y_out * e / d + c_out
            S[L.SEGMENT0_KPA + i] = e / d
        determinant = a11 * a22 - a12 * a12
        supply_kpa = (b1 * a22 - a12 * b2) / determinant
        return_kpa = (a11 * b2 - a12 * b1) / determinant
        S[L.SUPPLY_MANIFOLD_KPA] = supply_kpa
        S[L.RETURN_MANIFOLD_KPA] = return_kpa
        change = _update(S, L.FLOW_PUMP_ML_S, y_pump * (comp_kpa + head_kpa - supply_kpa) + c_pump)
        change = max(change, _update(S, L.FLOW_RETURN_ML_S, y_ret * (return_kpa - comp_kpa) + c_ret))
        if k_bypass >= 0.0:
            change = max(change, _update(S, L.FLOW_BYPASS_ML_S, y_byp * (supply_kpa - return_kpa) + c_byp))
        for i in range(L.SEGMENTS):
            if S[K_IN + i] < 0.0 and S[K_OUT + i] < 0.0:
                continue
            change = max(change, _segment(S, P, i, supply_kpa, return_kpa, outside_kpa, storage))
        if change < 1e-6:
            break


@part
def _update(S: Any, index: int, value: float) -> float:
    """Store a flow; how far it moved."""
    change = abs(value - S[index])
    S[index] = value
    return float(change)


@part
def _segment(S: Any, P: Any, i: int, supply_kpa: float, return_kpa: float, outside_kpa: float, storage: float) -> float:
    """New flows of a connected segment, and whether it holds a void; how far the iteration still moved."""
    y_in, y_out, y_hole = S[SLOPE_IN + i], S[SLOPE_OUT + i], S[SLOPE_HOLE + i]
    void = S[L.SEGMENT_VOID0 + i] > 0.0
    pressure = S[VAPOUR_KPA + i]
    if not void:
        d = y_in + y_out + y_hole + storage
        pressure = S[L.SEGMENT0_KPA + i] + (y_in * supply_kpa + y_out * return_kpa) / d
    S[L.SEGMENT0_KPA + i] = pressure
    change = 0.0
    if S[K_IN + i] >= 0.0:
        constant = _constant(S[K_IN + i], S[L.FLOW_IN0_ML_S + i], y_in)
        change = max(change, _update(S, L.FLOW_IN0_ML_S + i, y_in * (supply_kpa - pressure) + constant))
    if S[K_OUT + i] >= 0.0:
        constant = _constant(S[K_OUT + i], S[L.FLOW_OUT0_ML_S + i], y_out)
        change = max(change, _update(S, L.FLOW_OUT0_ML_S + i, y_out * (pressure - return_kpa) + constant))
    if S[K_HOLE + i] >= 0.0:
        constant = _constant(S[K_HOLE + i], S[L.FLOW_LEAK0_ML_S + i], y_hole)
        change = max(change, _update(S, L.FLOW_LEAK0_ML_S + i, max(y_hole * (pressure - outside_kpa) + constant, 0.0)))
    if not void and pressure < S[VAPOUR_KPA + i] - 1e-9:
        S[L.SEGMENT_VOID0 + i] = 1.0
        change = 1.0
    elif void:
        net_ml_s = S[L.FLOW_IN0_ML_S + i] - S[L.FLOW_OUT0_ML_S + i] - S[L.FLOW_LEAK0_ML_S + i]
        filled = net_ml_s > 0.0  # in a flashed loop being fed is enough: the voids are everywhere
        if storage > 0.0:
            filled = S[REST_KPA + i] + net_ml_s / storage > S[VAPOUR_KPA + i]
        if filled:
            S[L.SEGMENT_VOID0 + i] = 0.0
            change = 1.0
    return float(change)


@part
def _move_mass(S: Any, P: Any) -> None:
    """Mass of the connected segments after the tick; the line gives what they take and what their holes lose."""
    tick_s = P[L.P_TICK_S]
    volume = P[L.P_RADIATOR_ML]
    for i in range(L.SEGMENTS):
        if S[K_IN + i] < 0.0 and S[K_OUT + i] < 0.0:
            continue
        density = S[DENSITY + i]
        before_g = S[L.SEGMENT0_G + i]
        lost_g = S[L.FLOW_LEAK0_ML_S + i] * density * tick_s
        if S[L.SEGMENT_VOID0 + i] > 0.0:
            fed_ml_s = S[L.FLOW_IN0_ML_S + i] - S[L.FLOW_OUT0_ML_S + i]
            if S[L.FLASHED] > 0.0:
                fed_ml_s *= S[POOL_RATIO + i]  # what the lines bring is part vapour
            lost_g = min(lost_g, before_g)
            after_g = max(before_g - lost_g + fed_ml_s * density * tick_s, 0.0)
        elif S[L.FLASHED] > 0.0:
            lost_g = min(lost_g, max(S[L.LINE_G], 0.0))
            after_g = before_g + (S[POOL_RATIO + i] * density * volume - before_g) * min(tick_s / REDISTRIBUTION_S, 1.0)
        else:
            after_g = density * volume * (1.0 + (S[L.SEGMENT0_KPA + i] - REFERENCE_KPA) / P[L.P_SEGMENT_MODULUS_KPA])
        S[L.SEGMENT0_G + i] = after_g
        S[L.LINE_G] -= after_g - before_g + lost_g
        S[L.LOST0_G + i] += lost_g
        S[L.FLOW_RELIEF0_ML_S + i] = 0.0
