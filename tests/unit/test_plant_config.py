"""Presets and parameters: what is accepted, and that a refusal names its parameter."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest

from isoloop.plant import ParameterError, Plant, PlantConfig
from isoloop.plant.presets import PRESETS


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("coolant", ["isooctane", "water", "ammonia"])
def test_preset_with_each_coolant_flies_or_is_refused_for_the_coolant(preset: str, coolant: str) -> None:
    if (preset, coolant) == ("bench", "ammonia"):
        with pytest.raises(ParameterError, match="ammonia boils") as caught:
            PlantConfig.from_preset(preset, coolant=coolant)
        assert caught.value.parameter == "coolant"
        return
    plant = Plant(PlantConfig.from_preset(preset, coolant=coolant))
    for _ in range(100):
        plant.step(1 << 14)
    assert np.isfinite(plant.truth).all()
    pressures = plant.counts[:7].astype(float)
    assert (pressures > 7000).all()
    assert (pressures < 58000).all()  # every span fits its charge


@pytest.mark.parametrize(
    ("overrides", "parameter"),
    [
        ({"coolant": "water", "coolant_temp_c": -20.0}, "coolant_temp_c"),  # ice
        ({"coolant": "ammonia", "charge_kpa": 300.0, "gas_pv_kpa_l": 1500.0}, "coolant"),  # boils
        ({"coolant_temp_c": 60.0}, "coolant_temp_c"),  # beyond the compensator
        ({"coolant_temp_c": -85.0}, "coolant_temp_c"),
        ({"coolant": "mercury"}, "coolant"),
        ({"load_w": float("nan")}, "load_w"),
        ({"load_w": "much"}, "load_w"),
        ({"orbit_swing_k": -1.0}, "orbit_swing_k"),
        ({"charge_kpa": 20.0}, "gas_pv_kpa_l"),
        ({"return_volume_ml": 2000.0}, "return_volume_ml"),
        ({"pump_head_kpa": 50.0}, "pump_dead_head_kpa"),
        ({"supply_loss_kpa": 1.0}, "pump_head_kpa"),
        ({"volume_of_hope_ml": 1.0}, "volume_of_hope_ml"),
    ],
)
def test_unfit_parameter_is_refused_by_name(overrides: dict[str, object], parameter: str) -> None:
    with pytest.raises(ParameterError) as caught:
        PlantConfig.from_preset("soyuz", **overrides)
    assert caught.value.parameter == parameter
    assert str(caught.value).startswith(f"{parameter}: ")


def test_unknown_preset_is_refused() -> None:
    with pytest.raises(ParameterError, match="preset"):
        PlantConfig.from_preset("buran")


def test_every_number_has_a_range_that_holds_its_default_and_a_source() -> None:
    for one in fields(PlantConfig):
        if one.name in ("preset", "coolant"):
            continue
        assert one.metadata["low"] <= one.default <= one.metadata["high"]
        assert one.metadata["source"]


def test_configuration_is_read_without_the_compiler() -> None:
    code = "import sys, isoloop.plant.config, isoloop.plant.events, isoloop.plant; print('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
