"""The clairvoyant bound: when a likelihood-ratio test could call that knows onset, leak and thermal residual, and faces white noise alone.

Its signal is what the leak takes from the compensator's pressure: two flights of the plant that differ in the hole alone and have no noise.
The three sensors' mean has noise sigma; the log-likelihood ratio after n ticks is the sum of s x / sigma^2 - s^2 / (2 sigma^2). With no
more than one false call in G ticks it may call at ln G (Lorden 1971); here G is ten years of ticks.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from isoloop.bench.stats import YEAR_S
from isoloop.plant import TRUTH_NAMES, Plant, PlantConfig, PlantEvent

FloatArray = npt.NDArray[np.float64]
P_COMP = TRUTH_NAMES.index("p_comp_kpa")
ONSET_S = 60.0
G_TICKS = 10.0 * YEAR_S * 10.0


def signature_kpa(hole_mm: float, seconds: float, seed: int, overrides: dict[str, float]) -> FloatArray:
    """Pressure that the leak takes, by tick from its onset."""
    config = PlantConfig.from_preset("soyuz", **overrides)
    leak = PlantEvent(ONSET_S, "leak", {"segment": "rad2", "hole_mm": hole_mm, "ramp_s": 0.0})
    flights = [Plant(config, seed, 100, ()), Plant(config, seed, 100, (leak,))]
    ticks = round((ONSET_S + seconds) * 10)
    lost = np.zeros(ticks)
    for tick in range(ticks):
        lost[tick] = flights[0].truth[P_COMP] - flights[1].truth[P_COMP]
        for flight in flights:
            flight.step(0x4000)
    return lost[round(ONSET_S * 10) :]


def delays_s(
    hole_mm: float, seconds: float, trials: int, noise_kpa: float = 0.12, overrides: dict[str, float] | None = None
) -> list[float | None]:
    """Delay of the test in `trials` draws of noise; None where `seconds` were too short."""
    lost = signature_kpa(hole_mm, seconds, 1, overrides or {})
    sigma = noise_kpa / math.sqrt(3.0)
    rng = np.random.Generator(np.random.PCG64(7))
    found: list[float | None] = []
    for _ in range(trials):
        x = lost + sigma * rng.standard_normal(len(lost))
        ratio = np.cumsum(lost * x / sigma**2 - lost**2 / (2.0 * sigma**2))
        over = np.nonzero(ratio >= math.log(G_TICKS))[0]
        found.append(float(over[0]) / 10.0 if len(over) else None)
    return found
