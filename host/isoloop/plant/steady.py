"""The start: periodic steady state of the heat balance at nominal flow, and the sink temperatures that make the wanted swing.

At a constant flow every store of heat in the plant is linear, so the response to the orbit follows from one linear system a harmonic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import layout as L
from .config import PlantConfig

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]
SECOND_HARMONIC = 0.25


@dataclass(frozen=True)
class Environment:
    """What the radiators see: seeded differences between the segments, and the scale of the whole."""

    offset_k: FloatArray  # by segment
    gain: ComplexArray  # by segment: amplitude and phase of the swing
    second_phase_rad: float
    sink_mean_degc: float
    sink_swing_per_k: float  # sink amplitude that swings the mean coolant by 1 K
    mean_degc: FloatArray  # (LINEAR_STORES,)
    first: ComplexArray  # response of each store to a unit sink swing, first and second harmonic
    second: ComplexArray


def environment(config: PlantConfig, offset_k: FloatArray, gain: ComplexArray, second_phase_rad: float) -> Environment:
    """Solve for the sinks that give `coolant_temp_c` as the mean of the coolant, and for the response to their swing."""
    rates, sinks, load = _balance(config)
    weights = _weights(config)

    # Mean: nothing flows into the structure, so its loss is left out; temperatures are linear in the sinks' mean.
    still = rates.copy()
    still[L.STRUCTURE_DEGC, L.STRUCTURE_DEGC] += config.loss_ua_w_k / (config.structure_capacity_kj_k * 1000.0)
    per_kelvin = np.linalg.solve(-still, sinks.sum(axis=1))
    at_zero = np.linalg.solve(-still, sinks @ offset_k + load * config.load_w)
    sink_mean = (config.coolant_temp_c - weights @ at_zero) / (weights @ per_kelvin)
    mean = at_zero + per_kelvin * sink_mean

    omega = 2.0 * math.pi / config.orbit_period_s
    identity = np.eye(L.LINEAR_STORES)
    first = np.linalg.solve(1j * omega * identity - rates, sinks @ gain)
    second_drive = SECOND_HARMONIC * np.exp(1j * second_phase_rad) * np.ones(L.SEGMENTS)
    second = np.linalg.solve(2j * omega * identity - rates, sinks @ second_drive)
    scale = 1.0 / abs(weights @ first)
    return Environment(
        offset_k=offset_k,
        gain=gain,
        second_phase_rad=second_phase_rad,
        sink_mean_degc=float(sink_mean),
        sink_swing_per_k=float(scale),
        mean_degc=mean,
        first=first.astype(np.complex128),
        second=second.astype(np.complex128),
    )


def initial_degc(config: PlantConfig, env: Environment, swing_k: float, phase_rad: float, lag_s: float = 0.0) -> FloatArray:
    """Temperature of every store at this phase of the orbit, optionally as a sensor of that lag shows it."""
    omega = 2.0 * math.pi / config.orbit_period_s
    turn = np.exp(1j * phase_rad)
    wave = env.first * turn / (1.0 + 1j * omega * lag_s) + env.second * turn**2 / (1.0 + 2j * omega * lag_s)
    return np.asarray(env.mean_degc + swing_k * env.sink_swing_per_k * wave.imag, dtype=np.float64)


def _balance(config: PlantConfig) -> tuple[FloatArray, FloatArray, FloatArray]:
    """d T/d t = rates T + sinks (sink temperatures) + load (W), at the rated flow through three equal segments."""
    n = L.LINEAR_STORES
    rates, sinks, load = np.zeros((n, n)), np.zeros((n, L.SEGMENTS)), np.zeros(n)
    heat_j_ml_k = config.liquid.density_kg_m3(config.coolant_temp_c) / 1000.0 * config.liquid.cp_j_kg_k / 1000.0
    flow = config.pump_rated_ml_s
    capacity_w_k = flow * heat_j_ml_k
    effectiveness = 1.0 - math.exp(-config.exchanger_ua_w_k / capacity_w_k)
    suction = L.RETURN0_DEGC + L.RETURN_CELLS - 1

    def carry(first: int, cells: int, cell_ml: float, flow_ml_s: float, source: dict[int, float]) -> None:
        for j in range(cells):
            rates[first + j, first + j] -= flow_ml_s / cell_ml
            for index, share in (source if j == 0 else {first + j - 1: 1.0}).items():
                rates[first + j, index] += flow_ml_s / cell_ml * share

    supply = {suction: 1.0 - effectiveness, L.BAY_DEGC: effectiveness}
    carry(L.SUPPLY0_DEGC, L.SUPPLY_CELLS, config.supply_volume_ml / L.SUPPLY_CELLS, flow, supply)
    outlets: dict[int, float] = {}
    cell_ml = config.radiator_volume_ml / L.RADIATOR_CELLS
    cooling = config.radiator_ua_w_k / L.SEGMENTS / L.RADIATOR_CELLS / (cell_ml * heat_j_ml_k)
    for i in range(L.SEGMENTS):
        first = L.RADIATOR0_DEGC + i * L.RADIATOR_CELLS
        carry(first, L.RADIATOR_CELLS, cell_ml, flow / L.SEGMENTS, {L.SUPPLY0_DEGC + L.SUPPLY_CELLS - 1: 1.0})
        for j in range(first, first + L.RADIATOR_CELLS):
            rates[j, j] -= cooling
            sinks[j, i] = cooling
        outlets[first + L.RADIATOR_CELLS - 1] = 1.0 / L.SEGMENTS
    carry(L.RETURN0_DEGC, L.RETURN_CELLS, config.return_pipe_ml / L.RETURN_CELLS, flow, outlets)

    bay_j_k, structure_j_k = config.bay_capacity_kj_k * 1000.0, config.structure_capacity_kj_k * 1000.0
    exchange_w_k = capacity_w_k * effectiveness
    rates[L.BAY_DEGC, L.BAY_DEGC] -= (exchange_w_k + config.structure_ua_w_k) / bay_j_k
    rates[L.BAY_DEGC, suction] += exchange_w_k / bay_j_k
    rates[L.BAY_DEGC, L.STRUCTURE_DEGC] += config.structure_ua_w_k / bay_j_k
    load[L.BAY_DEGC] = 1.0 / bay_j_k
    rates[L.STRUCTURE_DEGC, L.BAY_DEGC] += config.structure_ua_w_k / structure_j_k
    rates[L.STRUCTURE_DEGC, L.STRUCTURE_DEGC] -= (config.structure_ua_w_k + config.loss_ua_w_k) / structure_j_k
    rates[L.WALL_DEGC, suction] += 1.0 / config.wall_lag_s
    rates[L.WALL_DEGC, L.WALL_DEGC] -= 1.0 / config.wall_lag_s
    return rates, sinks, load


def _weights(config: PlantConfig) -> FloatArray:
    """Share of each cell in the coolant's volume; the compensator's liquid counts with the cell before the pump."""
    weights = np.zeros(L.LINEAR_STORES)
    weights[L.SUPPLY0_DEGC : L.RADIATOR0_DEGC] = config.supply_volume_ml / L.SUPPLY_CELLS
    weights[L.RADIATOR0_DEGC : L.RETURN0_DEGC] = config.radiator_volume_ml / L.RADIATOR_CELLS
    weights[L.RETURN0_DEGC : L.BAY_DEGC] = config.return_pipe_ml / L.RETURN_CELLS
    liquid_ml = config.charge_g / config.liquid.density_kg_m3(config.coolant_temp_c) * 1000.0
    weights[L.RETURN0_DEGC + L.RETURN_CELLS - 1] += liquid_ml - weights.sum()
    return np.asarray(weights / weights.sum(), dtype=np.float64)
