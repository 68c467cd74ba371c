"""From a configuration to the kernel's parameters: the loop as it is built, seeded differences included."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from . import layout as L
from .adc import transfer
from .config import PlantConfig
from .sensors import TEMPERATURE_NOISE_K, V_REF_NOISE_COUNTS, V_REF_V
from .steady import SECOND_HARMONIC, Environment, environment

FloatArray = npt.NDArray[np.float64]

P_CABIN_SPAN_KPA = 250.0
CABIN_NOISE_KPA = 0.12
T_SPAN_DEGC = (-90.0, 90.0)


def pressure_spans_kpa(c: PlantConfig) -> list[float]:
    return [c.p_comp_span_kpa] * 3 + [c.p_pump_span_kpa] + [c.p_rad_span_kpa] * 3 + [P_CABIN_SPAN_KPA]


def as_built_environment(config: PlantConfig, rng: np.random.Generator) -> Environment:
    """Segments see slightly different sinks: +-2 K, +-5 % of swing, +-0.2 rad, with the bank as a whole unchanged. Ours."""
    offset_k = rng.uniform(-2.0, 2.0, L.SEGMENTS)
    gain = rng.uniform(0.95, 1.05, L.SEGMENTS) * np.exp(1j * rng.uniform(-0.2, 0.2, L.SEGMENTS))
    return environment(config, offset_k - offset_k.mean(), gain, float(rng.uniform(0.0, 2.0 * math.pi)))


def as_built_sensors(
    config: PlantConfig, P: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, tuple[FloatArray, FloatArray, FloatArray]]:
    """Fill the sensors' rows of the parameters; returns as-built offsets and the slow drift: amplitude, rad/s, phase by channel."""
    offset, amplitude = np.zeros(L.CHANNELS), np.zeros(L.CHANNELS)
    for i, span_kpa in enumerate(pressure_spans_kpa(config)):
        P[L.P_LOW0 + i] = 0.0
        P[L.P_COUNTS_PER_UNIT0 + i] = L.COUNTS_SPAN / span_kpa
        P[L.P_NOISE0 + i] = config.p_noise_kpa if i < L.PRESSURE_CHANNELS - 1 else CABIN_NOISE_KPA
        amplitude[i] = config.p_drift_ratio * span_kpa
    for i in range(L.PRESSURE_CHANNELS, L.V_REF_CHANNEL):
        P[L.P_LOW0 + i] = T_SPAN_DEGC[0]
        P[L.P_COUNTS_PER_UNIT0 + i] = L.COUNTS_SPAN / (T_SPAN_DEGC[1] - T_SPAN_DEGC[0])
        P[L.P_NOISE0 + i] = TEMPERATURE_NOISE_K
        offset[i] = rng.uniform(-config.t_offset_k, config.t_offset_k)
        amplitude[i] = config.t_drift_k
    v = L.V_REF_CHANNEL
    P[L.P_COUNTS_PER_UNIT0 + v] = L.V_REF_COUNTS / V_REF_V
    P[L.P_LOW0 + v] = L.COUNTS_LOW / P[L.P_COUNTS_PER_UNIT0 + v]
    P[L.P_NOISE0 + v] = V_REF_NOISE_COUNTS / P[L.P_COUNTS_PER_UNIT0 + v]
    widths = config.adc_jump_codes + rng.uniform(-config.adc_residual_codes, config.adc_residual_codes, 4)
    starts, ends, gain = transfer(tuple(float(w) for w in widths))
    P[L.P_ADC_START0 : L.P_ADC_START0 + 4] = starts
    P[L.P_ADC_END0 : L.P_ADC_END0 + 4] = ends
    P[L.P_ADC_GAIN] = gain
    rate_rad_s = 2.0 * math.pi / (86400.0 * rng.uniform(3.0, 6.0, L.CHANNELS))
    return offset, (amplitude, rate_rad_s, rng.uniform(0.0, 2.0 * math.pi, L.CHANNELS))


def parameters(c: PlantConfig, tick_s: float, env: Environment, leaks: Sequence[tuple[float, float, float, float]]) -> FloatArray:
    """The kernel's parameters without any event but the holes."""
    P = np.zeros(L.P_LEAK0 + L.LEAK_FIELDS * max(len(leaks), 1))
    liquid = c.liquid
    P[L.P_TICK_S] = tick_s
    for index, time_s in (
        (L.P_GAS_KEEP, c.gas_relax_s),
        (L.P_WALL_KEEP, c.wall_lag_s),
        (L.P_LAG_KEEP, c.t_lag_s),
        (L.P_PUMP_KEEP, c.pump_spin_s),
        (L.P_ROUGH_KEEP, 0.3),
        (L.P_WANDER_KEEP, 600.0),
        (L.P_COMMON_KEEP, c.common_noise_s),
    ):
        P[index] = math.exp(-tick_s / time_s)
    rated2 = c.pump_rated_ml_s**2
    side = c.bank_loss_kpa / 2.0 / (rated2 / L.SEGMENTS**2)
    density = liquid.density_kg_m3(c.coolant_temp_c) / 1000.0
    for index, value in (
        (L.P_SUPPLY_ML, c.supply_volume_ml),
        (L.P_RETURN_PIPE_ML, c.return_pipe_ml),
        (L.P_RADIATOR_ML, c.radiator_volume_ml),
        (L.P_GAS_MAX_ML, c.gas_max_ml),
        (L.P_GAS_MIN_ML, c.gas_min_ml),
        (L.P_LOOP_STIFFNESS_KPA_ML, liquid.bulk_modulus_kpa / c.volume_ml),
        (L.P_SEGMENT_MODULUS_KPA, c.segment_modulus_kpa),
        (L.P_DEAD_HEAD_KPA, c.pump_dead_head_kpa),
        (L.P_K_PUMP, (c.pump_dead_head_kpa - c.pump_head_kpa + c.supply_loss_kpa) / rated2),
        (L.P_K_CURVE, (c.pump_dead_head_kpa - c.pump_head_kpa) / rated2),
        (L.P_K_RETURN, c.return_loss_kpa / rated2),
        (L.P_K_SIDE, side * (1.0 - c.valve_share_ratio)),
        (L.P_K_VALVE, side * c.valve_share_ratio),
        (L.P_K_BYPASS, c.bank_loss_kpa / rated2),
        (L.P_RELIEF_CRACK_KPA, c.relief_crack_kpa),
        (L.P_RELIEF_ML_S_KPA, c.relief_ml_s_kpa),
        (L.P_NPSH_KPA, c.pump_npsh_kpa),
        (L.P_VALVE_TRAVEL_S, c.valve_travel_s),
        (L.P_DRIVE_LIMIT_S, c.drive_limit_s),
        (L.P_OUTSIDE_KPA, c.outside_kpa),
        (L.P_CABIN_ML, c.cabin_volume_m3 * 1e6),
        (L.P_CABIN_K, c.cabin_temp_c + 273.15),
        (L.P_CP_J_G_K, liquid.cp_j_kg_k / 1000.0),
        (L.P_DENSITY_NOMINAL_G_ML, density),
        (L.P_HX_UA_W_K, c.exchanger_ua_w_k),
        (L.P_RADIATOR_UA_W_K, c.radiator_ua_w_k / L.SEGMENTS),
        (L.P_BAY_J_K, c.bay_capacity_kj_k * 1000.0),
        (L.P_STRUCTURE_J_K, c.structure_capacity_kj_k * 1000.0),
        (L.P_STRUCTURE_UA_W_K, c.structure_ua_w_k),
        (L.P_LOSS_UA_W_K, c.loss_ua_w_k),
        (L.P_LOSS_REF_DEGC, float(env.mean_degc[L.STRUCTURE_DEGC])),
        (L.P_ORBIT_RAD_S, 2.0 * math.pi / c.orbit_period_s),
        (L.P_SINK_MEAN_DEGC, env.sink_mean_degc),
        (L.P_SINK_PER_K, env.sink_swing_per_k),
        (L.P_SINK_SWING_K, env.sink_swing_per_k * c.orbit_swing_k),
        (L.P_SECOND_HARMONIC, SECOND_HARMONIC),
        (L.P_SECOND_SIN, math.cos(env.second_phase_rad)),
        (L.P_SECOND_COS, math.sin(env.second_phase_rad)),
        (L.P_LOAD_TARGET_W, c.load_w),
        (L.P_LOAD_SLOPE_W_S, 1e9),
        (L.P_PUMP_ALLOWED, 1.0),
        (L.P_PUMP_RATIO, 1.0),
        (L.P_SUPPLY_WANDER_RATIO, c.supply_wander_ratio),
        (L.P_COMMON_NOISE_KPA, c.common_noise_kpa),
        (L.P_TABLE_FIRST_DEGC, liquid.first_degc),
        (L.P_TABLE_COUNT, len(liquid.density_table_kg_m3)),
        (L.P_DENSITY_20_G_ML, liquid.density_kg_m3(20.0) / 1000.0),
    ):
        P[index] = value
    P[L.P_VALVE_SLOWNESS0 : L.P_VALVE_SLOWNESS0 + L.VALVES] = 1.0
    P[L.P_SINK_OFFSET0_K : L.P_SINK_OFFSET0_K + L.SEGMENTS] = env.offset_k
    P[L.P_SINK_SIN0 : L.P_SINK_SIN0 + L.SEGMENTS] = env.gain.real
    P[L.P_SINK_COS0 : L.P_SINK_COS0 + L.SEGMENTS] = env.gain.imag
    rows = len(liquid.density_table_kg_m3)
    P[L.P_DENSITY0_G_ML : L.P_DENSITY0_G_ML + rows] = np.array(liquid.density_table_kg_m3) / 1000.0
    P[L.P_VAPOUR0_KPA : L.P_VAPOUR0_KPA + rows] = np.array(liquid.vapour_pressure_table_pa) / 1000.0
    P[L.P_LEAK_COUNT] = len(leaks)
    for i, row in enumerate(leaks):
        P[L.P_LEAK0 + i * L.LEAK_FIELDS : L.P_LEAK0 + (i + 1) * L.LEAK_FIELDS] = row
    return P
