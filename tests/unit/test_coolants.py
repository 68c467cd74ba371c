"""The coolants' tables: fresh, right, and fit for the firmware."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from isoloop.coolants import NAMES, coolant
from isoloop.coolants.generate import FIRMWARE_FILE, outputs


@pytest.mark.req("REQ-INV-002")
def test_generated_tables_are_what_the_property_library_gives() -> None:
    pytest.importorskip("chemicals", reason="the property library is in the extra `test`")
    for path, text in outputs().items():
        assert path.read_text() == text, f"{path.name} is stale: python -m isoloop.coolants.generate"


def firmware_tables() -> dict[str, Any]:
    """Names of the firmware's module, read as text: it holds nothing but literals."""
    found = {}
    for node in ast.parse(FIRMWARE_FILE.read_text()).body:
        if isinstance(node, ast.Assign):
            assert isinstance(node.targets[0], ast.Name)
            found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


@pytest.mark.parametrize(("t_c", "density"), [(-60, 756), (-40, 741), (-20, 726), (0, 710), (20, 694), (40, 678), (60, 660)])
def test_isooctane_density_is_the_known_one_within_1_kg_m3(t_c: float, density: float) -> None:
    assert coolant("isooctane").density_kg_m3(t_c) == pytest.approx(density, abs=1.0)


@pytest.mark.parametrize(("t_c", "kpa"), [(-60, 0.014), (-20, 0.47), (0, 1.7), (20, 5.0), (40, 12.7)])
def test_isooctane_vapour_pressure_is_the_known_one_within_5_percent(t_c: float, kpa: float) -> None:
    assert coolant("isooctane").vapour_pressure_kpa(t_c) == pytest.approx(kpa, rel=0.05)


def test_isooctane_expands_and_compresses_as_known() -> None:
    liquid = coolant("isooctane")
    assert liquid.expansion_per_k(-60) == pytest.approx(0.97e-3, rel=0.01)
    assert liquid.expansion_per_k(60) == pytest.approx(1.34e-3, rel=0.01)
    assert liquid.bulk_modulus_kpa == pytest.approx(0.8e6, rel=0.03)
    assert liquid.cp_j_kg_k == pytest.approx(2080, rel=0.01)


def test_water_and_ammonia_have_their_well_known_points() -> None:
    water, ammonia = coolant("water"), coolant("ammonia")
    assert water.density_kg_m3(4) == pytest.approx(999.97, abs=0.1)
    assert water.vapour_pressure_kpa(20) == pytest.approx(2.339, rel=0.01)
    assert water.freezing_degc == pytest.approx(0.0, abs=0.02)
    assert water.bulk_modulus_kpa == pytest.approx(2.18e6, rel=0.02)
    assert ammonia.vapour_pressure_kpa(-33.33) == pytest.approx(101.3, rel=0.02)
    assert ammonia.density_kg_m3(20) == pytest.approx(610, abs=3)
    assert ammonia.freezing_degc == pytest.approx(-77.7, abs=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_firmware_grid_agrees_with_the_plant_s_within_rounding(name: str) -> None:
    tables, liquid = firmware_tables(), coolant(name)
    number = liquid.number
    assert tables[name.upper()] == number
    rows = {key: tables[key][number] for key in ("EXPANSION_PPM", "VAPOUR_PRESSURE_PA", "DENSITY_KG_M3")}
    assert {len(row) for row in rows.values()} == {tables["COUNT"][number]}
    for i in range(tables["COUNT"][number]):
        t_c = (tables["FIRST_MDEGC"][number] + i * tables["STEP_MDEGC"]) / 1000
        assert t_c >= liquid.freezing_degc - 0.1
        assert rows["DENSITY_KG_M3"][i] == pytest.approx(liquid.density_kg_m3(t_c), abs=0.51)
        assert rows["VAPOUR_PRESSURE_PA"][i] == pytest.approx(liquid.vapour_pressure_kpa(t_c) * 1000, abs=0.51, rel=1e-5)
        expansion_ppm = (liquid.density_kg_m3(t_c) / liquid.density_kg_m3(20) - 1) * 1e6
        assert rows["EXPANSION_PPM"][i] == pytest.approx(expansion_ppm, abs=1.0)
    assert all(abs(value) < 1 << 30 for row in rows.values() for value in row)


def test_unknown_coolant_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="isooctane, water, ammonia"):
        coolant("glycol")
