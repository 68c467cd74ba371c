"""The truth: what really holds in the loop, for the recorder and the tests."""

from __future__ import annotations

from typing import Any

from isoloop.jit import part

from . import layout as L
from .liquid import mean_degc


def _at(name: str) -> int:
    return L.TRUTH0 + L.TRUTH_NAMES.index(name)


TIME = _at("t_s")
TOTAL = _at("inventory_total_ml")
CONNECTED = _at("inventory_connected_ml")
LOST_TOTAL = _at("lost_total_ml")
LOST_OUTSIDE = _at("lost_outside_ml")
LOST_CABIN = _at("lost_cabin_ml")
LOST0 = _at("lost_rad1_ml")
GAS_VOLUME = _at("gas_volume_ml")
VOID = _at("void_ml")
P_COMP = _at("p_comp_kpa")
P_PUMP = _at("p_pump_kpa")
P_RAD0 = _at("p_rad1_kpa")
P_CABIN = _at("p_cabin_kpa")
T_MEAN = _at("t_mean_degc")
T_SUPPLY = _at("t_supply_degc")
T_RETURN = _at("t_return_degc")
T_RAD0 = _at("t_rad1_degc")
T_GAS = _at("t_gas_degc")
T_BAY = _at("t_bay_degc")
FLOW = _at("flow_ml_s")
FLOW_BYPASS = _at("flow_bypass_ml_s")
LEAK0 = _at("leak_rad1_ml_s")
LEAK_INTERNAL = _at("leak_internal_ml_s")
VALVE0 = _at("valve_rad1_in_ratio")
PUMP_SPEED = _at("pump_speed_ratio")
TRAPPED0 = _at("trapped_rad1")
MAX_BAY = _at("max_bay_degc")
MAX_SEGMENT = _at("max_segment_kpa")
MIN_LOOP = _at("min_loop_kpa")


@part
def tell(S: Any, P: Any) -> None:
    """Fill the truth of this tick."""
    to_ml = 1.0 / P[L.P_DENSITY_20_G_ML]
    line_g = S[L.LINE_G]
    connected_g, total_g, outside_g = line_g, line_g, 0.0
    heat_ml, volume_ml = 0.0, 0.0
    for i in range(L.SEGMENTS):
        total_g += S[L.SEGMENT0_G + i]
        outside_g += S[L.LOST0_G + i]
        trapped = S[L.VALVE0_RATIO + 2 * i] < L.SHUT_RATIO and S[L.VALVE0_RATIO + 2 * i + 1] < L.SHUT_RATIO
        if not trapped:
            connected_g += S[L.SEGMENT0_G + i]
        t_degc = mean_degc(S, L.RADIATOR0_DEGC + i * L.RADIATOR_CELLS, L.RADIATOR_CELLS)
        heat_ml += t_degc * P[L.P_RADIATOR_ML]
        volume_ml += P[L.P_RADIATOR_ML]
        S[LOST0 + i] = S[L.LOST0_G + i] * to_ml
        S[P_RAD0 + i] = S[L.SEGMENT0_KPA + i]
        S[T_RAD0 + i] = t_degc
        S[LEAK0 + i] = S[L.FLOW_LEAK0_ML_S + i]
        S[TRAPPED0 + i] = 1.0 if trapped else 0.0
        S[MAX_SEGMENT] = max(S[MAX_SEGMENT], S[L.SEGMENT0_KPA + i])
    supply_degc = mean_degc(S, L.SUPPLY0_DEGC, L.SUPPLY_CELLS)
    return_degc = mean_degc(S, L.RETURN0_DEGC, L.RETURN_CELLS)
    compensator_ml = max(P[L.P_GAS_MAX_ML] - S[L.GAS_ML], 0.0)
    suction_degc = S[L.RETURN0_DEGC + L.RETURN_CELLS - 1]
    heat_ml += supply_degc * P[L.P_SUPPLY_ML] + return_degc * P[L.P_RETURN_PIPE_ML] + suction_degc * compensator_ml
    volume_ml += P[L.P_SUPPLY_ML] + P[L.P_RETURN_PIPE_ML] + compensator_ml
    S[TIME] = S[L.TIME_S]
    S[TOTAL] = total_g * to_ml
    S[CONNECTED] = connected_g * to_ml
    S[LOST_TOTAL] = (outside_g + S[L.LOST_INTERNAL_G]) * to_ml
    S[LOST_OUTSIDE] = outside_g * to_ml
    S[LOST_CABIN] = S[L.LOST_INTERNAL_G] * to_ml
    S[GAS_VOLUME] = S[L.GAS_ML]
    S[VOID] = S[L.VOID_ML]
    S[P_COMP] = S[L.COMPENSATOR_KPA]
    S[P_PUMP] = max(S[L.COMPENSATOR_KPA] + S[L.PUMP_HEAD_KPA], 0.0)
    S[P_CABIN] = S[L.CABIN_KPA]
    S[T_MEAN] = heat_ml / volume_ml
    S[T_SUPPLY] = supply_degc
    S[T_RETURN] = return_degc
    S[T_GAS] = S[L.GAS_DEGC]
    S[T_BAY] = S[L.BAY_DEGC]
    S[FLOW] = S[L.FLOW_PUMP_ML_S]
    S[FLOW_BYPASS] = S[L.FLOW_BYPASS_ML_S]
    S[LEAK_INTERNAL] = S[L.FLOW_INTERNAL_ML_S]
    for i in range(L.VALVES):
        S[VALVE0 + i] = S[L.VALVE0_RATIO + i]
    S[PUMP_SPEED] = S[L.PUMP_SPEED_RATIO]
    S[MAX_BAY] = max(S[MAX_BAY], S[L.BAY_DEGC])
    S[MIN_LOOP] = min(S[MIN_LOOP], S[L.COMPENSATOR_KPA])
