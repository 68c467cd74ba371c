"""Presets of the plant and the charge that goes with each coolant. docs/plant.md says what is known and what is chosen."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "soyuz": {},
    # Cargo ship on the same loop: no crew, so less load and a smaller habitable volume. Ours.
    "progress": {"load_w": 900.0, "cabin_volume_m3": 7.0},
    # A water rig on a table: a small pump, air-cooled radiators, a membrane vessel at 1.8 bar. Holes discharge into the room. Ours.
    "bench": {
        "coolant": "water",
        "coolant_temp_c": 22.0,
        "orbit_swing_k": 0.5,
        "orbit_period_s": 3600.0,
        "radiator_volume_ml": 400.0,
        "supply_volume_ml": 600.0,
        "return_volume_ml": 1200.0,
        "charge_kpa": 180.0,
        "gas_pv_kpa_l": 54.0,
        "gas_max_ml": 500.0,
        "gas_min_ml": 50.0,
        "pump_rated_ml_s": 30.0,
        "pump_head_kpa": 20.0,
        "pump_dead_head_kpa": 26.0,
        "supply_loss_kpa": 10.0,
        "bank_loss_kpa": 6.0,
        "return_loss_kpa": 4.0,
        "outside_kpa": 101.3,
        "load_w": 400.0,
        "radiator_ua_w_k": 40.0,
        "exchanger_ua_w_k": 250.0,
        "bay_capacity_kj_k": 5.0,
        "structure_capacity_kj_k": 20.0,
        "structure_ua_w_k": 5.0,
        "loss_ua_w_k": 5.0,
        "cabin_volume_m3": 50.0,
    },
}

CHARGES: dict[tuple[str, str], dict[str, Any]] = {}
for _vehicle in ("soyuz", "progress"):
    # Water expands a fifth as much: a smaller gas volume gives the sensors something to see. Ours.
    CHARGES[_vehicle, "water"] = {"charge_kpa": 150.0, "gas_pv_kpa_l": 300.0, "gas_max_ml": 4500.0, "gas_min_ml": 300.0}
    # Ammonia has 8.6 bar of vapour pressure at 20 C and twice isooctane's expansion: a stiff charge and a larger compensator. Ours.
    CHARGES[_vehicle, "ammonia"] = {
        "charge_kpa": 1500.0,
        "gas_pv_kpa_l": 7500.0,
        "gas_max_ml": 11000.0,
        "gas_min_ml": 700.0,
        "p_comp_span_kpa": 3000.0,
        "p_pump_span_kpa": 3200.0,
        "p_rad_span_kpa": 4000.0,
        "p_noise_kpa": 1.44,  # the same share of its span
        "common_noise_kpa": 0.0,
    }
