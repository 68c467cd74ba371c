"""From the state to sixteen counts: lag, offset, drift, noise, supply, converter, and what sensor and relay events do to them."""

from __future__ import annotations

from typing import Any

from . import layout as L
from .jit import part
from .liquid import mean_degc

V_REF_NOISE_COUNTS = 2.0  # of the converter on a quiet input, 16 conversions (ours)
TEMPERATURE_NOISE_K = 0.005  # ours
V_REF_V = 3.3  # nominal sensor supply; the channel sees half of it


@part
def convert(P: Any, ideal: float) -> float:
    """Transfer function of the converter on the scale of a count, not yet rounded."""
    gain = P[L.P_ADC_GAIN]
    lost = 0.0
    for j in range(4):
        start, end = P[L.P_ADC_START0 + j], P[L.P_ADC_END0 + j]
        if ideal <= start:
            break
        if ideal < end:
            return float((start - lost) * gain + 16.0 * j + 16.0 * (ideal - start) / (end - start))
        lost += end - start
    passed = 0.0
    for j in range(4):
        if ideal >= P[L.P_ADC_END0 + j]:
            passed += 16.0
    return float((ideal - lost) * gain + passed)


@part
def measure(S: Any, P: Any, noise: Any, counts: Any) -> None:
    """One tick of all channels into `counts` (uint16[16])."""
    row = int(S[L.NOISE_ROW]) * L.NOISE_COLUMNS
    tick_s = P[L.P_TICK_S]
    S[L.SUPPLY_WANDER] = S[L.SUPPLY_WANDER] * P[L.P_WANDER_KEEP] + noise[row + L.N_WANDER] * (1.0 - P[L.P_WANDER_KEEP] ** 2) ** 0.5
    supply = 1.0 + P[L.P_SUPPLY_WANDER_RATIO] * S[L.SUPPLY_WANDER]
    S[L.COMMON_NOISE_KPA] = (
        S[L.COMMON_NOISE_KPA] * P[L.P_COMMON_KEEP]
        + P[L.P_COMMON_NOISE_KPA] * (1.0 - P[L.P_COMMON_KEEP] ** 2) ** 0.5 * noise[row + L.N_COMMON]
    )
    keep = P[L.P_LAG_KEEP]
    for i in range(L.TEMPERATURE_CHANNELS):
        S[L.LAGGED0_DEGC + i] = _temperature(S, i) + (S[L.LAGGED0_DEGC + i] - _temperature(S, i)) * keep
    for i in range(L.CHANNELS):
        value = 0.0
        if i < L.PRESSURE_CHANNELS:
            value = _pressure(S, i)
            if i < L.PRESSURE_CHANNELS - 1:
                value += S[L.COMMON_NOISE_KPA]
        elif i < L.V_REF_CHANNEL:
            value = S[L.LAGGED0_DEGC + i - L.PRESSURE_CHANNELS]
        else:
            value = V_REF_V
        S[L.DRIFTED0 + i] += P[L.P_DRIFT0 + i] * tick_s
        value += P[L.P_OFFSET0 + i] + S[L.DRIFTED0 + i] + P[L.P_NOISE0 + i] * noise[row + L.N_CHANNEL0 + i]
        if P[L.P_SPIKE0 + i] != 0.0 and int(S[L.TICK]) % 50 == int(P[L.P_SPIKE_TICK0 + i]):
            value += P[L.P_SPIKE0 + i]
        ideal = (L.COUNTS_LOW + (value - P[L.P_LOW0 + i]) * P[L.P_COUNTS_PER_UNIT0 + i]) * supply
        override = P[L.P_OVERRIDE0 + i]
        if override == L.OVERRIDE_COUNTS:
            ideal = P[L.P_OVERRIDE_COUNTS0 + i] + P[L.P_OVERRIDE_NOISE0 + i] * noise[row + L.N_CHANNEL0 + i]
        code = min(max(convert(P, ideal) + 0.5, 0.0), float(L.COUNTS_MAX))
        if override != L.OVERRIDE_HOLD and P[L.P_RELAY_HOLD] == 0.0:
            S[L.LAST_COUNTS0 + i] = float(int(code))
        counts[i] = int(S[L.LAST_COUNTS0 + i]) ^ int(P[L.P_RELAY_XOR])


@part
def _pressure(S: Any, i: int) -> float:
    if i < 3:
        return float(S[L.COMPENSATOR_KPA])
    if i == 3:
        return float(S[L.COMPENSATOR_KPA] + S[L.PUMP_HEAD_KPA])
    if i < 7:
        return float(S[L.SEGMENT0_KPA + i - 4])
    return float(S[L.CABIN_KPA])


@part
def _temperature(S: Any, i: int) -> float:
    """Where the sensors sit: the compensator's gas, the middle of each run of coolant, the bay."""
    if i == 0:
        return float(S[L.GAS_DEGC])
    if i == 1:
        return float(S[L.SUPPLY0_DEGC + L.SUPPLY_CELLS // 2])
    if i == 2:
        return float(S[L.RETURN0_DEGC + L.RETURN_CELLS // 2])
    if i < 6:
        return float(S[L.RADIATOR0_DEGC + (i - 3) * L.RADIATOR_CELLS + L.RADIATOR_CELLS // 2])
    return float(S[L.BAY_DEGC])


@part
def tell(S: Any, P: Any) -> None:
    """Fill the truth."""
    to_ml = 1.0 / P[L.P_DENSITY_20_G_ML]
    connected_g = S[L.LINE_G]
    total_g = S[L.LINE_G]
    k = L.TRUTH0
    heat_ml = 0.0
    volume = 0.0
    for i in range(L.SEGMENTS):
        total_g += S[L.SEGMENT0_G + i]
        trapped = S[L.VALVE0_RATIO + 2 * i] < L.SHUT_RATIO and S[L.VALVE0_RATIO + 2 * i + 1] < L.SHUT_RATIO
        if not trapped:
            connected_g += S[L.SEGMENT0_G + i]
        t_degc = mean_degc(S, L.RADIATOR0_DEGC + i * L.RADIATOR_CELLS, L.RADIATOR_CELLS)
        heat_ml += t_degc * P[L.P_RADIATOR_ML]
        volume += P[L.P_RADIATOR_ML]
        S[k + 6 + i] = S[L.LOST0_G + i] * to_ml
        S[k + 13 + i] = S[L.SEGMENT0_KPA + i]
        S[k + 20 + i] = t_degc
        S[k + 27 + i] = S[L.FLOW_LEAK0_ML_S + i]
        S[k + 39 + i] = 1.0 if trapped else 0.0
        S[k + L.TRUTH_MAX_SEGMENT] = max(S[k + L.TRUTH_MAX_SEGMENT], S[L.SEGMENT0_KPA + i])
    supply_degc = mean_degc(S, L.SUPPLY0_DEGC, L.SUPPLY_CELLS)
    return_degc = mean_degc(S, L.RETURN0_DEGC, L.RETURN_CELLS)
    liquid_ml = max(P[L.P_GAS_MAX_ML] - S[L.GAS_ML], 0.0)
    suction_degc = S[L.RETURN0_DEGC + L.RETURN_CELLS - 1]
    heat_ml += supply_degc * P[L.P_SUPPLY_ML] + return_degc * P[L.P_RETURN_PIPE_ML] + suction_degc * liquid_ml
    volume += P[L.P_SUPPLY_ML] + P[L.P_RETURN_PIPE_ML] + liquid_ml
    outside_g = S[L.LOST0_G] + S[L.LOST0_G + 1] + S[L.LOST0_G + 2]
    S[k] = S[L.TIME_S]
    S[k + 1] = total_g * to_ml
    S[k + 2] = connected_g * to_ml
    S[k + 3] = (outside_g + S[L.LOST_INTERNAL_G]) * to_ml
    S[k + 4] = outside_g * to_ml
    S[k + 5] = S[L.LOST_INTERNAL_G] * to_ml
    S[k + 9] = S[L.GAS_ML]
    S[k + 10] = S[L.LINE_VOID_ML]
    S[k + 11] = S[L.COMPENSATOR_KPA]
    S[k + 12] = S[L.COMPENSATOR_KPA] + S[L.PUMP_HEAD_KPA]
    S[k + 16] = S[L.CABIN_KPA]
    S[k + 17] = heat_ml / volume
    S[k + 18] = supply_degc
    S[k + 19] = return_degc
    S[k + 23] = S[L.GAS_DEGC]
    S[k + 24] = S[L.BAY_DEGC]
    S[k + 25] = S[L.FLOW_PUMP_ML_S]
    S[k + 26] = S[L.FLOW_BYPASS_ML_S]
    S[k + 30] = S[L.FLOW_INTERNAL_ML_S]
    for i in range(L.VALVES):
        S[k + 31 + i] = S[L.VALVE0_RATIO + i]
    S[k + 38] = S[L.PUMP_SPEED_RATIO]
    S[k + L.TRUTH_MAX_BAY] = max(S[k + L.TRUTH_MAX_BAY], S[L.BAY_DEGC])
    S[k + L.TRUTH_MIN_LOOP] = min(S[k + L.TRUTH_MIN_LOOP], S[L.COMPENSATOR_KPA])
