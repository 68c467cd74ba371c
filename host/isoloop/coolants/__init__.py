"""Coolants: what the loop is filled with. Properties come from checked-in tables (`generate.py` makes them), not from a library."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import cast

from .tables import ROWS

NAMES: tuple[str, ...] = tuple(ROWS)


@dataclass(frozen=True)
class Coolant:
    """One liquid: tables each `step_k` kelvin from `first_degc` on; outside them the end value holds."""

    name: str
    number: int  # the firmware's parameter `coolant`
    first_degc: float
    step_k: float
    freezing_degc: float
    bulk_modulus_kpa: float
    cp_j_kg_k: float
    density_table_kg_m3: tuple[float, ...]
    vapour_pressure_table_pa: tuple[float, ...]

    def density_kg_m3(self, t_degc: float) -> float:
        """Liquid density at saturation, linear between table rows."""
        return self._interpolate(self.density_table_kg_m3, t_degc)

    def vapour_pressure_kpa(self, t_degc: float) -> float:
        """Vapour pressure, linear between table rows."""
        return self._interpolate(self.vapour_pressure_table_pa, t_degc) / 1000.0

    def expansion_per_k(self, t_degc: float) -> float:
        """Volumetric expansion coefficient -(d rho / d T) / rho, by a central difference of 1 K."""
        return (self.density_kg_m3(t_degc - 0.5) - self.density_kg_m3(t_degc + 0.5)) / self.density_kg_m3(t_degc)

    def _interpolate(self, table: tuple[float, ...], t_degc: float) -> float:
        place = min(max((t_degc - self.first_degc) / self.step_k, 0.0), len(table) - 1.0)
        left = min(int(place), len(table) - 2)
        return table[left] + (table[left + 1] - table[left]) * (place - left)


@cache
def coolant(name: str) -> Coolant:
    """The coolant of that name; raises ValueError naming the known ones."""
    if name not in ROWS:
        raise ValueError(f"coolant must be one of {', '.join(NAMES)}, not {name!r}")
    row = ROWS[name]
    scalars = {key: cast(float, row[key]) for key in ("first_degc", "step_k", "freezing_degc", "bulk_modulus_kpa", "cp_j_kg_k")}
    return Coolant(
        name=name,
        number=cast(int, row["number"]),
        density_table_kg_m3=cast(tuple[float, ...], row["density_kg_m3"]),
        vapour_pressure_table_pa=cast(tuple[float, ...], row["vapour_pressure_pa"]),
        **scalars,
    )
