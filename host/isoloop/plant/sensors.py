"""From the state to sixteen counts: lag, offset, drift, noise, supply, converter, and what sensor and relay events do to them."""

from __future__ import annotations

from typing import Any

from isoloop.jit import part

from . import layout as L

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
        return float(max(S[L.COMPENSATOR_KPA] + S[L.PUMP_HEAD_KPA], 0.0))
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
