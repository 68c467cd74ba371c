"""The plant: valve and pump commands in, sixteen counts out, one step a tick. The truth of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from . import layout as L
from . import truth
from .build import T_SPAN_DEGC, as_built_environment, as_built_sensors, parameters, pressure_spans_kpa
from .config import PlantConfig
from .events import PlantEvent, Schedule, check, leak_rows
from .kernel import settle, step
from .steady import initial_degc
from .thermal import exchanger_w_k

CREW = {"soyuz": 3}
"""People aboard by preset; nobody elsewhere."""
CREW_HEAT_W = 120
LFL_G_M3 = {"isooctane": 52, "water": 0, "ammonia": 106}
"""Lower flammable limit in air: 1.1 % of isooctane, 15 % of ammonia (by volume, at 20 C); water does not burn."""
SEGMENT_DESIGN_KPA, DESIGN_RATIO = 500.0, 2.5
"""Design pressure of a segment, and for charges that leave it no room their multiple (ours)."""
LOOP_MIN_RATIO = 48.0 / 118.15
"""Lowest working pressure, of the charge: 360 mmHg in the default loop [S?]; the same share elsewhere is ours."""

FloatArray = npt.NDArray[np.float64]

TICKS_MS = (10, 20, 50, 100)
NO_DRIVE_PUMP_ON = 1 << 14
KIND_PRESSURE, KIND_TEMPERATURE, KIND_V_REF = 1, 2, 3
ALL_FRESH = 0xFFFF


class Plant:
    """One flight of one plant; a pure function of configuration, seed, events and the drive words.

    Attributes:
        counts: uint16[16], this tick's samples, one array for the plant's life.
        switches: end switches of the valves, two bits each.
        fresh: bit a channel with a new sample this tick.
        truth: float64 view, named by TRUTH_NAMES.
    """

    def __init__(self, config: PlantConfig, seed: int = 1, tick_ms: int = 100, events: Sequence[PlantEvent] = ()) -> None:
        """Build the plant in its periodic steady state, pump running, radiator valves open, bypass shut.

        Raises:
            ValueError: a tick length or an event that is not known.
        """
        if tick_ms not in TICKS_MS:
            raise ValueError(f"tick_ms must be one of {TICKS_MS}, not {tick_ms!r}")
        check(events)
        self.config = config
        self.seed = seed
        self.tick_ms = tick_ms
        self.tick = 0
        built, noise, chance = (np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence(seed).spawn(3))
        self._rng = noise
        self._noise = np.zeros(L.NOISE_ROWS * L.NOISE_COLUMNS)
        self.counts: npt.NDArray[np.uint16] = np.zeros(L.CHANNELS, np.uint16)
        self.fresh = ALL_FRESH
        self.switches = 0

        self._env = as_built_environment(config, built)
        self._P = parameters(config, tick_ms / 1000.0, self._env, leak_rows(events))
        self._offset, self._slow = as_built_sensors(config, self._P, built)
        self._P[L.P_PHASE_RAD] = built.uniform(0.0, 2.0 * math.pi)
        amplitude = 1.0 + config.orbit_spread_ratio * np.clip(built.standard_normal(L.ORBITS), -3.0, 3.0)
        self._P[L.P_ORBIT_AMPLITUDE0 : L.P_ORBIT_AMPLITUDE0 + L.ORBITS] = np.maximum(amplitude, 0.0)
        self._bias = np.zeros(L.CHANNELS)
        self._schedule = Schedule(events, tick_ms / 1000.0, self._P, chance)
        self._schedule.apply(0, self._P, self._bias)
        self._next_change = self._schedule.next_after(0)

        self._S = np.zeros(L.STATE_SIZE)
        self.truth: FloatArray = self._S[L.TRUTH0 :]
        self._start()

    def step(self, drive_word: int) -> None:
        """Fly one tick under this drive word."""
        self.tick += 1
        if self.tick == self._next_change:
            self._schedule.apply(self.tick, self._P, self._bias)
            self._next_change = self._schedule.next_after(self.tick)
            self._write_offsets()
        if self.tick % L.NOISE_ROWS == 0:
            self._draw_noise()
        self.switches = step(self._S, self._P, self._noise, self.counts, drive_word)

    def _draw_noise(self) -> None:
        self._rng.standard_normal(out=self._noise)
        self._S[L.NOISE_ROW] = 0.0
        self._write_offsets()

    def _write_offsets(self) -> None:
        """As-built offsets, slow drift and biases of this moment; the drift moves less than a count between two blocks of noise."""
        amplitude, rate_rad_s, phase = self._slow
        time_s = self.tick * self.tick_ms / 1000.0
        self._P[L.P_OFFSET0 : L.P_OFFSET0 + L.CHANNELS] = self._offset + amplitude * np.sin(rate_rad_s * time_s + phase) + self._bias

    def _start(self) -> None:
        S, P, config = self._S, self._P, self.config
        swing_k = P[L.P_SINK_SWING_K] / P[L.P_SINK_PER_K] * P[L.P_ORBIT_AMPLITUDE0]
        phase = float(P[L.P_PHASE_RAD])
        S[: L.LINEAR_STORES] = initial_degc(config, self._env, swing_k, phase)
        S[L.GAS_DEGC] = S[L.WALL_DEGC]
        S[L.GAS_AMOUNT_KPA_ML_K] = config.gas_pv_kpa_l * 1000.0 / (20.0 + 273.15)
        S[L.GAS_ML] = config.gas_nominal_ml
        S[L.LOAD_W] = P[L.P_LOAD_TARGET_W]
        S[L.CABIN_KPA] = config.cabin_kpa
        S[L.COMPENSATOR_KPA] = config.charge_kpa
        S[L.PUMP_SPEED_RATIO] = P[L.P_PUMP_ALLOWED]
        S[L.VALVE0_RATIO : L.VALVE0_RATIO + 6] = 1.0
        S[truth.MIN_LOOP] = math.inf
        S[truth.MAX_BAY] = -math.inf
        full_g = config.charge_g
        for i in range(L.SEGMENTS):
            first = L.RADIATOR0_DEGC + i * L.RADIATOR_CELLS
            S[L.SEGMENT0_G + i] = config.radiator_volume_ml * config.liquid.density_kg_m3(S[first + 1]) / 1000.0
            S[L.FLOW_IN0_ML_S + i] = S[L.FLOW_OUT0_ML_S + i] = config.pump_rated_ml_s / L.SEGMENTS
        S[L.LINE_G] = full_g - S[L.SEGMENT0_G : L.SEGMENT0_G + L.SEGMENTS].sum()
        S[L.FLOW_PUMP_ML_S] = S[L.FLOW_RETURN_ML_S] = config.pump_rated_ml_s
        S[L.TIME_S] = -1e9  # no hole is open yet
        settle(S, P)
        lagged = initial_degc(config, self._env, swing_k, phase, config.t_lag_s)
        cells = [
            L.WALL_DEGC,
            L.SUPPLY0_DEGC + L.SUPPLY_CELLS // 2,
            L.RETURN0_DEGC + L.RETURN_CELLS // 2,
            *(L.RADIATOR0_DEGC + i * L.RADIATOR_CELLS + L.RADIATOR_CELLS // 2 for i in range(L.SEGMENTS)),
            L.BAY_DEGC,
        ]
        S[L.LAGGED0_DEGC : L.LAGGED0_DEGC + L.TEMPERATURE_CHANNELS] = lagged[cells]
        self._draw_noise()
        # The samples of time zero: one step back in time that arrives at 0; pump and valves hold.
        S[L.TICK] = -1.0
        self.switches = step(S, P, self._noise, self.counts, NO_DRIVE_PUMP_ON)

    def firmware_params(self) -> dict[str, int]:
        """As-built flight parameters by dictionary name: what the builder of this loop tells the firmware."""
        c = self.config
        segment_ml = round(c.radiator_volume_ml)
        crew = CREW.get(c.preset, 0)
        return {
            "coolant": c.liquid.number,
            "gas_pv_mj": round(c.gas_pv_kpa_l * 1000.0),
            "gas_max_ml": round(c.gas_max_ml),
            "gas_min_ml": round(c.gas_min_ml),
            "gas_nominal_ml": round(c.gas_nominal_ml),
            "gas_relax_ms": round(c.gas_relax_s * 1000.0),
            "t_lag_ms": round(c.t_lag_s * 1000.0),
            "volume_rad1_ml": segment_ml,
            "volume_rad2_ml": segment_ml,
            "volume_rad3_ml": segment_ml,
            "volume_supply_ml": round(c.supply_volume_ml),
            "volume_return_ml": round(c.return_volume_ml),
            "head_rad_pa": round((c.return_loss_kpa + c.bank_loss_kpa / 2.0) * 1000.0),
            "head_pump_pa": round(c.pump_head_kpa * 1000.0),
            "pump_rated_ml_s": round(c.pump_rated_ml_s),
            "tick_ms": self.tick_ms,
            "p_noise_pa": round(c.p_noise_kpa * 1000.0),
            "pump_npsh_pa": round(c.pump_npsh_kpa * 1000.0),
            "relief_crack_pa": round(c.relief_crack_kpa * 1000.0),
            "segment_design_pa": round(max(SEGMENT_DESIGN_KPA, DESIGN_RATIO * c.charge_kpa) * 1000.0),
            "loop_min_pa": round(LOOP_MIN_RATIO * c.charge_kpa * 1000.0),
            "crew_count": crew,
            "equipment_heat_w": max(0, round(c.load_w) - crew * CREW_HEAT_W),
            "bay_capacity_j_k": _within(c.bay_capacity_kj_k * 1e3, 1000, 1_000_000),
            "structure_capacity_j_k": _within(c.structure_capacity_kj_k * 1e3, 1000, 100_000_000),
            "structure_ua_mw_k": _within(c.structure_ua_w_k * 1e3, 0, 1_000_000),
            "loss_ua_mw_k": _within(c.loss_ua_w_k * 1e3, 0, 1_000_000),
            "exchanger_ua_mw_k": _within(exchanger_w_k(self._P, c.pump_rated_ml_s) * 1e3, 0, 1_000_000),
            "radiator_ua_mw_k": _within(c.radiator_ua_w_k * 1e3, 0, 1_000_000),
            "coolant_cp_j_kg_k": _within(c.liquid.cp_j_kg_k, 100, 10_000),
            "cabin_volume_l": _within(c.cabin_volume_m3 * 1e3, 1, 1_000_000),
            "lfl_g_m3": LFL_G_M3[c.coolant],
        }

    def calibration(self) -> list[tuple[int, int, int]]:
        """(kind, value at 10 %, value at 90 % of the count range) by channel: Pa for pressures, milli-degC for temperatures; v_ref none."""
        rows = [(KIND_PRESSURE, 0, round(span * 1000.0)) for span in pressure_spans_kpa(self.config)]
        rows += [(KIND_TEMPERATURE, round(T_SPAN_DEGC[0] * 1000.0), round(T_SPAN_DEGC[1] * 1000.0))] * L.TEMPERATURE_CHANNELS
        return [*rows, (KIND_V_REF, 0, 0)]


def _within(value: float, low: int, high: int) -> int:
    """As a flight parameter, within its range."""
    return min(max(round(value), low), high)
