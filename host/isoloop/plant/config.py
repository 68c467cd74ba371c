"""What a plant is built of: every parameter by name, its unit, range, and where it comes from.

Sources: "facts" are the figures that the project's loop rests on (docs/plant.md says how well each is known), "ours" are chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from isoloop.coolants import NAMES, Coolant, coolant

from .presets import CHARGES, PRESETS

REFERENCE_DEGC = 20.0  # charge, inventory and volumes are stated here
FREEZING_MARGIN_K = 1.0
BOILING_MARGIN_KPA = 5.0


class ParameterError(ValueError):
    """A parameter of the plant is not acceptable; `parameter` names it."""

    def __init__(self, parameter: str, text: str) -> None:
        super().__init__(f"{parameter}: {text}")
        self.parameter = parameter
        self.text = text


def _row(default: Any, low: float, high: float, source: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "source": source})


@dataclass(frozen=True)
class PlantConfig:
    """Parameters of one plant; the defaults are the preset `soyuz` with isooctane. Raises ParameterError where they do not fit together."""

    preset: str = "soyuz"
    coolant: str = "isooctane"
    coolant_temp_c: float = _row(20.0, -90.0, 90.0, "mean of the coolant over its volume and an orbit")
    orbit_period_s: float = _row(5562.0, 600.0, 1e6, "facts: 92.7 min")
    orbit_swing_k: float = _row(5.0, 0.0, 60.0, "facts: amplitude of the mean coolant temperature")
    orbit_spread_ratio: float = _row(0.1, 0.0, 0.5, "facts: how far the swing varies from orbit to orbit, one sigma")
    # coolant and compensator
    radiator_volume_ml: float = _row(7350.0, 10.0, 1e5, "ours: each of three segments, 45 % in all")
    supply_volume_ml: float = _row(12250.0, 10.0, 1e5, "ours: 25 %")
    return_volume_ml: float = _row(14700.0, 10.0, 1e5, "ours: 30 %, the compensator's liquid included")
    charge_kpa: float = _row(118.15, 1.0, 1e4, "facts: at 20 C, pump off")
    gas_pv_kpa_l: float = _row(358.0, 0.01, 1e5, "facts: p V of the compensator's gas at 20 C")
    gas_max_ml: float = _row(7750.0, 1.0, 1e5, "ours: cold stop")
    gas_min_ml: float = _row(500.0, 0.1, 1e5, "ours: hot stop")
    gas_relax_s: float = _row(10.0, 0.1, 1e4, "facts: gas to wall")
    wall_lag_s: float = _row(300.0, 1.0, 1e5, "ours: wall to return liquid")
    segment_wall_kpa: float = _row(1.25e7, 1e4, 1e9, "ours: stiffness of a segment's walls; with the liquid's 9 bar/K trapped")
    # hydraulics
    pump_rated_ml_s: float = _row(100.0, 0.1, 1e4, "facts")
    pump_head_kpa: float = _row(30.0, 0.1, 1e3, "ours: at the rated flow")
    pump_dead_head_kpa: float = _row(38.0, 0.1, 1e3, "ours: at no flow")
    pump_spin_s: float = _row(0.5, 0.01, 100.0, "ours: time constant of the speed")
    pump_npsh_kpa: float = _row(8.0, 0.1, 1e3, "ours: suction above vapour pressure below which the head falls")
    supply_loss_kpa: float = _row(18.0, 0.01, 1e3, "ours: at the rated flow, exchanger included")
    bank_loss_kpa: float = _row(6.0, 0.01, 1e3, "ours: radiator segments, inlet to outlet, at the rated flow")
    return_loss_kpa: float = _row(6.0, 0.01, 1e3, "ours: at the rated flow")
    valve_share_ratio: float = _row(1.0 / 3.0, 0.01, 1.0, "ours: of a segment side's loss, in its open valve")
    valve_travel_s: float = _row(3.0, 0.05, 60.0, "ours")
    drive_limit_s: float = _row(5.0, 0.1, 100.0, "ours: hardware one-shot of a valve drive")
    relief_crack_kpa: float = _row(60.0, 1.0, 1e4, "ours")
    relief_ml_s_kpa: float = _row(0.5, 1e-4, 1e3, "ours")
    outside_kpa: float = _row(0.0, 0.0, 200.0, "what a hole in a radiator discharges into")
    # heat
    load_w: float = _row(1270.0, 0.0, 1e5, "ours: equipment and crew")
    radiator_ua_w_k: float = _row(36.0, 0.1, 1e4, "ours: all three segments, linearised")
    exchanger_ua_w_k: float = _row(430.0, 0.1, 1e5, "ours")
    bay_capacity_kj_k: float = _row(50.0, 0.1, 1e5, "ours: air and cold plates")
    structure_capacity_kj_k: float = _row(900.0, 0.1, 1e6, "ours")
    structure_ua_w_k: float = _row(100.0, 0.0, 1e4, "ours: bay to structure")
    loss_ua_w_k: float = _row(40.0, 0.0, 1e4, "ours: structure to surroundings, about the nominal temperature")
    cabin_kpa: float = _row(101.3, 10.0, 200.0, "facts")
    cabin_volume_m3: float = _row(10.0, 0.1, 1e4, "ours: habitable volume, undocked")
    cabin_temp_c: float = _row(22.0, 0.0, 50.0, "ours")
    # sensors
    p_comp_span_kpa: float = _row(250.0, 10.0, 1e5, "ours: 0 to this, absolute")
    p_pump_span_kpa: float = _row(400.0, 10.0, 1e5, "ours")
    p_rad_span_kpa: float = _row(600.0, 10.0, 1e5, "ours")
    p_noise_kpa: float = _row(0.12, 0.0, 100.0, "facts: white, rms a sensor a tick")
    common_noise_kpa: float = _row(0.0, 0.0, 1.0, "facts: coloured, common to all loop pressures, up to 0.05")
    common_noise_s: float = _row(1.0, 0.01, 1e3, "facts: its correlation time")
    p_drift_ratio: float = _row(0.001, 0.0, 0.05, "facts: of span, over days")
    t_offset_k: float = _row(0.3, 0.0, 5.0, "facts: at most, as built, seeded")
    t_drift_k: float = _row(0.05, 0.0, 5.0, "facts: amplitude, over days")
    t_lag_s: float = _row(20.0, 0.01, 1e3, "facts")
    supply_wander_ratio: float = _row(0.0005, 0.0, 0.05, "ours: rms of the sensor supply about 3.300 V, over ten minutes")
    adc_jump_codes: float = _row(9.0, 1.0, 20.0, "facts: width of the four wide codes")
    adc_residual_codes: float = _row(2.0, 0.0, 8.0, "facts: how far each differs from the board's table, at most, seeded")

    @classmethod
    def from_preset(cls, preset: str = "soyuz", **overrides: Any) -> PlantConfig:
        """A preset, filled with its coolant (or the one in `overrides`), then every override by name."""
        if preset not in PRESETS:
            raise ParameterError("preset", f"must be one of {', '.join(PRESETS)}, not {preset!r}")
        base: dict[str, Any] = dict(PRESETS[preset])
        liquid = overrides.get("coolant", base.get("coolant", "isooctane"))
        base.update(CHARGES.get((preset, liquid), {}))
        known = {one.name for one in fields(cls)}
        for name in overrides:
            if name not in known:
                raise ParameterError(name, "is no parameter of the plant")
        return cls(**{**base, "preset": preset, **overrides})

    @staticmethod
    def field_ranges() -> dict[str, tuple[type, float | None, float | None]]:
        """Name -> (type, lowest, highest) of every parameter; no bounds for text. For the scenario schema."""
        ranges: dict[str, tuple[type, float | None, float | None]] = {}
        for one in fields(PlantConfig):
            if "low" in one.metadata:
                ranges[one.name] = (float, one.metadata["low"], one.metadata["high"])
            else:
                ranges[one.name] = (str, None, None)
        return ranges

    def __post_init__(self) -> None:
        for name, (kind, low, high) in self.field_ranges().items():
            value = getattr(self, name)
            if kind is str:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ParameterError(name, f"must be a number, not {value!r}")
            if low is not None and high is not None and not low <= value <= high:
                raise ParameterError(name, f"must lie in {low:g}..{high:g}, not {value:g}")
        if self.coolant not in NAMES:
            raise ParameterError("coolant", f"must be one of {', '.join(NAMES)}, not {self.coolant!r}")
        self._check_volumes()
        self._check_liquid()

    def _check_volumes(self) -> None:
        if not self.gas_min_ml < self.gas_nominal_ml < self.gas_max_ml:
            text = f"{self.gas_pv_kpa_l:g} kPa L at {self.charge_kpa:g} kPa is {self.gas_nominal_ml:.0f} mL of gas"
            raise ParameterError("gas_pv_kpa_l", f"{text}, outside the stops {self.gas_min_ml:g}..{self.gas_max_ml:g} mL")
        if self.return_pipe_ml <= 0.0:
            raise ParameterError("return_volume_ml", f"the compensator's liquid alone is {self.gas_max_ml - self.gas_nominal_ml:.0f} mL")
        if self.pump_dead_head_kpa <= self.pump_head_kpa:
            raise ParameterError("pump_dead_head_kpa", "must exceed pump_head_kpa")
        losses = self.supply_loss_kpa + self.bank_loss_kpa + self.return_loss_kpa
        if abs(losses - self.pump_head_kpa) > 0.01 * self.pump_head_kpa:
            raise ParameterError("pump_head_kpa", f"must equal the losses at the rated flow, {losses:g} kPa")

    def _check_liquid(self) -> None:
        """Neither freezing nor boiling anywhere in the orbit, and the compensator between its stops."""
        liquid = self.liquid
        cold, hot = self.coolant_temp_c - self.orbit_swing_k, self.coolant_temp_c + self.orbit_swing_k
        if cold < liquid.freezing_degc + FREEZING_MARGIN_K:
            text = f"{self.coolant} freezes at {liquid.freezing_degc:.1f} C and the orbit goes down to {cold:.1f} C"
            raise ParameterError("coolant_temp_c", text)
        vapour_kpa = liquid.vapour_pressure_kpa(REFERENCE_DEGC)
        if vapour_kpa + BOILING_MARGIN_KPA > self.charge_kpa:
            text = f"{self.coolant} boils at the charge of {self.charge_kpa:g} kPa: its vapour pressure at 20 C is {vapour_kpa:.0f} kPa"
            raise ParameterError("coolant", text)
        for t_degc in (cold, hot):
            gas_ml = self.gas_nominal_ml - self.charge_g / liquid.density_kg_m3(t_degc) * 1000.0 + self.volume_ml
            if not self.gas_min_ml < gas_ml < self.gas_max_ml:
                stops = f"{self.gas_min_ml:g}..{self.gas_max_ml:g} mL"
                text = f"at {t_degc:.1f} C the compensator's gas would be {gas_ml:.0f} mL, outside its stops {stops}"
                raise ParameterError("coolant_temp_c", text)
            pressure_kpa = self.gas_pv_kpa_l * 1000.0 * (t_degc + 273.15) / (REFERENCE_DEGC + 273.15) / gas_ml
            if pressure_kpa < liquid.vapour_pressure_kpa(t_degc) + BOILING_MARGIN_KPA:
                raise ParameterError("coolant_temp_c", f"{self.coolant} boils at {t_degc:.1f} C and {pressure_kpa:.0f} kPa")
            if pressure_kpa > self.p_comp_span_kpa:
                text = f"at {t_degc:.1f} C the loop reaches {pressure_kpa:.0f} kPa, beyond p_comp_span_kpa = {self.p_comp_span_kpa:g}"
                raise ParameterError("coolant_temp_c", text)

    # ---- what follows
    @property
    def liquid(self) -> Coolant:
        """Properties of the coolant."""
        return coolant(self.coolant)

    @property
    def volume_ml(self) -> float:
        """All coolant at 20 C."""
        return 3.0 * self.radiator_volume_ml + self.supply_volume_ml + self.return_volume_ml

    @property
    def charge_g(self) -> float:
        """Mass of the charge."""
        return self.volume_ml * self.liquid.density_kg_m3(REFERENCE_DEGC) / 1000.0

    @property
    def gas_nominal_ml(self) -> float:
        """Gas volume at 20 C, full charge."""
        return self.gas_pv_kpa_l * 1000.0 / self.charge_kpa

    @property
    def return_pipe_ml(self) -> float:
        """Return line without the compensator's liquid."""
        return self.return_volume_ml - (self.gas_max_ml - self.gas_nominal_ml)

    @property
    def segment_modulus_kpa(self) -> float:
        """Effective bulk modulus of a trapped segment: liquid and walls in series."""
        return 1.0 / (1.0 / self.liquid.bulk_modulus_kpa + 1.0 / self.segment_wall_kpa)
