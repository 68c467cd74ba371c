"""Nuisance: everything that is not a leak, drawn from a seed, for flights of several days.

What is drawn, and how often, stands in the constants; docs/detector.md gives the reasons. A flight's plant also differs in as-built
offsets, converter, drift and orbit (isoloop.plant), and in coloured noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from isoloop.bench.flight import Blame, Order
from isoloop.plant import PlantConfig, PlantEvent

DAY_S = 86400.0
CAUSES = (
    "quiet",
    "attitude",
    "heat",
    "pump stop",
    "pump trip",
    "bypass",
    "temperature fault",
    "pressure fault",
    "supply fault",
    "vibration",
)
AFTER_S = 1800.0
"""So long after its end a nuisance is blamed for what the statistics do."""

START_S = 1800.0
COLOURED_SHARE = 0.5
COLOURED_MAX_KPA = 0.05
SWING_K = (3.0, 7.0)
SLEW_S = (300.0, 900.0)
"""180 degrees at 0.2 to 0.6 degrees a second (ours)."""
SLEW_STEP_S = 2.0
VIBRATION_KPA = (0.05, 0.25)
"""Added to each pressure sensor's noise, rms, each by itself (ours)."""
PRESSURES = ("p_comp_a", "p_comp_b", "p_comp_c", "p_pump", "p_rad1", "p_rad2", "p_rad3")
TEMPERATURES = ("t_gas", "t_supply", "t_return", "t_rad1", "t_rad2", "t_rad3")
MEAN_GAP_S = {
    "attitude": DAY_S / 2,
    "heat": DAY_S / 3,
    "pump stop": DAY_S / 2,
    "pump trip": 4 * DAY_S,
    "bypass": DAY_S,
    "temperature fault": 4 * DAY_S,
    "pressure fault": 4 * DAY_S,
    "supply fault": 20 * DAY_S,
    "vibration": DAY_S / 2,
}
"""Mean time between two of a kind."""


@dataclass(frozen=True)
class Nuisance:
    """One flight without a leak."""

    config: PlantConfig
    events: tuple[PlantEvent, ...]
    orders: tuple[Order, ...]
    blames: tuple[Blame, ...]


class _Plan:
    def __init__(self, rng: np.random.Generator, swing_k: float) -> None:
        self.rng = rng
        self.swing_k = swing_k
        self.events: list[PlantEvent] = []
        self.orders: list[Order] = []

    def tell(self, at_s: float, kind: str, **fields: object) -> None:
        self.events.append(PlantEvent(at_s, kind, fields))

    def attitude(self, at_s: float) -> float:
        """A slew: the environment goes over to another swing and phase in small steps."""
        length_s = float(self.rng.uniform(*SLEW_S))
        swing_k, turn = float(self.rng.uniform(*SWING_K)), float(self.rng.uniform(-0.25, 0.25))
        steps = max(1, round(length_s / SLEW_STEP_S))
        for i in range(1, steps + 1):
            now_k = self.swing_k + (swing_k - self.swing_k) * i / steps
            self.orders.append(Order(at_s + length_s * i / steps, "slew", (now_k, turn / steps)))
        self.swing_k = swing_k
        return length_s

    def heat(self, at_s: float) -> float:
        ramp_s = 0.0 if self.rng.random() < 0.5 else float(self.rng.uniform(10.0, 600.0))
        self.tell(at_s, "heat", load_w=float(self.rng.uniform(700.0, 1800.0)), ramp_s=ramp_s)
        return ramp_s

    def pump_stop(self, at_s: float) -> float:
        """Ordered: the firmware knows."""
        length_s = float(np.exp(self.rng.uniform(np.log(30.0), np.log(2400.0))))
        self.orders += [Order(at_s, "pump_off"), Order(at_s + length_s, "pump_on")]
        return length_s

    def pump_trip(self, at_s: float) -> float:
        """The pump stops by itself and comes back; the firmware sees its head go."""
        length_s = float(np.exp(self.rng.uniform(np.log(30.0), np.log(2400.0))))
        self.tell(at_s, "pump", mode="off")
        self.tell(at_s + length_s, "pump", mode="on")
        return length_s

    def bypass(self, at_s: float) -> float:
        length_s = float(self.rng.uniform(10.0, 1200.0))
        self.orders += [Order(at_s, "bypass_open"), Order(at_s + length_s, "bypass_shut")]
        return length_s + 4.0

    def temperature_fault(self, at_s: float) -> float:
        return self._fault(at_s, str(self.rng.choice(TEMPERATURES)), {"bias": 1.0, "drift": 0.002, "noise": 0.3, "spike": 5.0})

    def pressure_fault(self, at_s: float) -> float:
        return self._fault(at_s, str(self.rng.choice(PRESSURES)), {"bias": 2.0, "drift": 0.002, "noise": 1.0, "spike": 10.0})

    def supply_fault(self, at_s: float) -> float:
        return self._fault(at_s, "v_ref", {"bias": 0.003, "drift": 1e-6, "noise": 0.001, "spike": 0.05})

    def vibration(self, at_s: float) -> float:
        """A burst that shakes all pressure sensors, each by itself."""
        length_s = float(self.rng.uniform(1.0, 20.0))
        rms_kpa = float(self.rng.uniform(*VIBRATION_KPA))
        for channel in PRESSURES:
            self.tell(at_s, "sensor", channel=channel, mode="noise", value=rms_kpa, duration_s=length_s)
        return length_s

    def _fault(self, at_s: float, channel: str, sizes: dict[str, float]) -> float:
        mode = str(self.rng.choice(("open", "short", "stuck", "bias", "drift", "noise", "spike")))
        length_s = float(self.rng.uniform(20.0, 1800.0))
        fields: dict[str, object] = {"channel": channel, "mode": mode, "duration_s": length_s}
        if mode in sizes:
            sign = 1.0 if mode in ("noise", "spike") or self.rng.random() < 0.5 else -1.0
            fields["value"] = sign * sizes[mode] * float(self.rng.uniform(0.2, 1.0))
        self.events.append(PlantEvent(at_s, "sensor", fields))
        return length_s


def nuisance(seed: int, days: float, only: str | None = None) -> Nuisance:
    """The flight of this seed. only: one cause (or "quiet"), for finding out what a cause does."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, 0x105))))
    coloured = float(rng.uniform(0.0, COLOURED_MAX_KPA)) if rng.random() < COLOURED_SHARE else 0.0
    swing_k = float(rng.uniform(4.0, 6.0))
    config = PlantConfig.from_preset("soyuz", orbit_swing_k=swing_k, common_noise_kpa=coloured if only is None else 0.0)
    plan = _Plan(rng, config.orbit_swing_k)
    makers: dict[str, Callable[[float], float]] = {
        cause: getattr(plan, cause.replace(" ", "_")) for cause in CAUSES if cause != "quiet" and only in (None, cause)
    }
    blames: list[Blame] = []
    total = sum(1.0 / MEAN_GAP_S[cause] for cause in makers)
    at_s = START_S
    last_row, last_end = 0, -1e9
    while makers:
        at_s += float(rng.exponential(1.0 / total))
        if at_s > days * DAY_S:
            break
        weights = np.array([1.0 / MEAN_GAP_S[cause] for cause in makers])
        cause = str(rng.choice(list(makers), p=weights / weights.sum()))
        length_s = makers[cause](at_s)
        if last_end > 0.0 and last_end < at_s:
            blames.append(Blame(last_end, 0))
        last_row, last_end = CAUSES.index(cause), at_s + length_s + AFTER_S
        blames.append(Blame(at_s, last_row))
        at_s += length_s  # one at a time: two faults at once are another trial
    if last_row and last_end < days * DAY_S:
        blames.append(Blame(last_end, 0))
    return Nuisance(config, tuple(sorted(plan.events, key=lambda event: event.at_s)), tuple(plan.orders), tuple(blames))
