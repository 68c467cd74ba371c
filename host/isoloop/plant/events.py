"""Events of a scenario as the plant feels them.

All but holes are standing conditions: at each tick where one starts or ends the host works out anew what now holds, in the order of the
scenario, and writes it into the parameters. Holes stand in the parameters from the start, with their time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import layout as L

FloatArray = npt.NDArray[np.float64]

# kind -> field -> (type or allowed words, required). The schema checks files; this check is for callers from Python.
SENSOR_MODES = ("open", "short", "stuck", "bias", "drift", "noise", "spike", "dead_mux")
VALVE_MODES = ("stuck_open", "stuck_closed", "slow", "switch_open", "switch_short")
FIELDS: dict[str, dict[str, tuple[Any, bool]]] = {
    "leak": {"segment": ((*L.SEGMENT_NAMES, "internal"), True), "hole_mm": (float, True), "ramp_s": (float, False)},
    "sensor": {"channel": (L.CHANNEL_NAMES, False), "mode": (SENSOR_MODES, True), "value": (float, False), "duration_s": (float, False)},
    "valve": {"valve": (L.VALVE_NAMES, True), "mode": (VALVE_MODES, True), "duration_s": (float, False)},
    "pump": {"mode": (("off", "on", "cavitate", "degrade"), True), "value": (float, False)},
    "relief": {"segment": (L.SEGMENT_NAMES, True), "mode": (("stuck_closed", "leaking"), True)},
    "heat": {"load_w": (float, True), "ramp_s": (float, False)},
    "attitude": {"orbit_swing_k": (float, False), "phase": (float, False)},
    "gas": {"rate_ml_s": (float, True)},
    "cabin": {"hole_mm": (float, True)},
    "coolant_temp": {"delta_k": (float, True), "ramp_s": (float, False)},
    "relay": {"mode": (("frozen", "bitflip"), True), "duration_s": (float, False)},
    "power": {"mode": (("reset", "brownout"), True), "off_s": (float, False)},  # the flight loop's business: nothing happens here
}
LATER = {"command": "telecommands", "link": "disturbances of the link"}

OPEN_COUNTS = 65300.0  # a pull-up takes an open input near the top
SHORT_COUNTS = 60.0
FAULT_NOISE_COUNTS = 5.0
SLOW_VALVE = 2.5  # times the travel, so longer than the one-shot of a drive (ours)
CAVITATION_RATIO = 0.4  # mean head of a cavitating pump when the event gives none (ours)
STEP_SLOPE_W_S = 1e9


@dataclass(frozen=True)
class PlantEvent:
    """Something that happens to the plant at a time of the scenario."""

    at_s: float
    kind: str
    fields: Mapping[str, Any]


def check(events: Sequence[PlantEvent]) -> None:
    """Raise ValueError for an event that the plant does not know, naming the field."""
    for event in events:
        if event.kind in LATER:
            raise ValueError(f"event kind {event.kind!r} is not available yet: {LATER[event.kind]} are not built")
        if event.kind not in FIELDS:
            raise ValueError(f"unknown event kind {event.kind!r}")
        known = FIELDS[event.kind]
        for name in event.fields:
            if name not in known:
                raise ValueError(f"{event.kind}: unknown field {name!r}")
        for name, (kind, required) in known.items():
            value = event.fields.get(name)
            if value is None:
                if required:
                    raise ValueError(f"{event.kind}: {name} is missing")
            elif kind is float:
                if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                    raise ValueError(f"{event.kind}: {name} must be a number, not {value!r}")
            elif value not in kind:
                raise ValueError(f"{event.kind}: {name} must be one of {', '.join(kind)}, not {value!r}")
        if event.kind == "sensor" and event.fields.get("channel") is None and event.fields["mode"] != "dead_mux":
            raise ValueError("sensor: channel is missing")


def leak_rows(events: Sequence[PlantEvent]) -> list[tuple[float, float, float, float]]:
    """Holes as rows of the parameters: segment, diameter mm, start s, ramp s."""
    names = (*L.SEGMENT_NAMES, "internal")
    return [
        (float(names.index(e.fields["segment"])), float(e.fields["hole_mm"]), e.at_s, float(e.fields.get("ramp_s") or 0.0))
        for e in events
        if e.kind == "leak"
    ]


class Schedule:
    """The standing events of one flight: when something changes, and what holds then."""

    def __init__(self, events: Sequence[PlantEvent], tick_s: float, base: FloatArray, rng: np.random.Generator) -> None:
        """`base`: the parameters without any event. The random generator gives the values that a fault leaves open."""
        self._tick_s = tick_s
        self._base = base.copy()
        self._events = [e for e in events if e.kind not in ("leak", "power")]
        self._spans = [self._span(e) for e in self._events]
        self._chance = [(float(rng.uniform(4000.0, 61000.0)), int(rng.integers(0, 16)), int(rng.integers(0, 50))) for _ in self._events]
        self.boundaries = sorted({tick for span in self._spans for tick in span if tick is not None and tick > 0})

    def _span(self, event: PlantEvent) -> tuple[int, int | None]:
        """First tick under the event, and first tick no longer under it."""
        start = max(0, math.ceil(event.at_s / self._tick_s - 1e-6))
        length_s = event.fields.get("duration_s")
        if event.kind == "coolant_temp":
            return start, start + self._ramp_ticks(event)
        if length_s is None:
            return start, None
        return start, max(start + 1, math.ceil((event.at_s + float(length_s)) / self._tick_s - 1e-6))

    def _ramp_ticks(self, event: PlantEvent) -> int:
        return max(1, round(float(event.fields.get("ramp_s") or 0.0) / self._tick_s))

    def next_after(self, tick: int) -> int:
        """The next tick where something changes; -1 when nothing more does."""
        return next((b for b in self.boundaries if b > tick), -1)

    def apply(self, tick: int, P: FloatArray, bias: FloatArray) -> None:
        """Write what holds from this tick on into the parameters; `bias` takes the sensor biases by channel."""
        P[L.P_LOAD_TARGET_W : L.P_LOW0] = self._base[L.P_LOAD_TARGET_W : L.P_LOW0]
        P[L.P_NOISE0 : L.P_OFFSET0] = self._base[L.P_NOISE0 : L.P_OFFSET0]
        P[L.P_DRIFT0 : L.P_SUPPLY_WANDER_RATIO] = self._base[L.P_DRIFT0 : L.P_SUPPLY_WANDER_RATIO]
        for index in (L.P_RELAY_HOLD, L.P_RELAY_XOR, L.P_PHASE_RAD, L.P_SINK_SWING_K):
            P[index] = self._base[index]
        bias[:] = 0.0
        for event, (start, end), chance in zip(self._events, self._spans, self._chance, strict=True):
            if tick < start or (end is not None and tick >= end):
                continue
            getattr(self, "_" + event.kind)(event, P, bias, chance)

    def _sensor(self, event: PlantEvent, P: FloatArray, bias: FloatArray, chance: tuple[float, int, int]) -> None:
        mode, value = event.fields["mode"], event.fields.get("value")
        if mode == "dead_mux":
            for channel in range(L.CHANNELS):
                if channel not in L.DIRECT_CHANNELS:
                    self._override(P, channel, chance[0])
            return
        channel = L.CHANNEL_NAMES.index(event.fields["channel"])
        number = float(value) if value is not None else 0.0
        if mode == "open":
            self._override(P, channel, OPEN_COUNTS)
        elif mode == "short":
            self._override(P, channel, SHORT_COUNTS)
        elif mode == "stuck" and value is None:
            P[L.P_OVERRIDE0 + channel] = L.OVERRIDE_HOLD
        elif mode == "stuck":
            self._override(P, channel, L.COUNTS_LOW + (number - P[L.P_LOW0 + channel]) * P[L.P_COUNTS_PER_UNIT0 + channel])
            P[L.P_OVERRIDE_NOISE0 + channel] = 0.0
        elif mode == "bias":
            bias[channel] += number
        elif mode == "drift":
            P[L.P_DRIFT0 + channel] += number
        elif mode == "noise":
            P[L.P_NOISE0 + channel] = math.hypot(P[L.P_NOISE0 + channel], number)
        elif mode == "spike":
            P[L.P_SPIKE0 + channel] = number
            P[L.P_SPIKE_TICK0 + channel] = chance[2]

    @staticmethod
    def _override(P: FloatArray, channel: int, counts: float) -> None:
        P[L.P_OVERRIDE0 + channel] = L.OVERRIDE_COUNTS
        P[L.P_OVERRIDE_COUNTS0 + channel] = counts
        P[L.P_OVERRIDE_NOISE0 + channel] = FAULT_NOISE_COUNTS

    def _valve(self, event: PlantEvent, P: FloatArray, _bias: FloatArray, _chance: tuple[float, int, int]) -> None:
        valve, mode = L.VALVE_NAMES.index(event.fields["valve"]), event.fields["mode"]
        if mode == "slow":
            P[L.P_VALVE_SLOWNESS0 + valve] = SLOW_VALVE
        elif mode == "switch_open":
            P[L.P_SWITCH_MODE0 + valve] = L.SWITCH_OPEN
        elif mode == "switch_short":
            P[L.P_SWITCH_MODE0 + valve] = L.SWITCH_SHORT
        else:
            P[L.P_VALVE_MODE0 + valve] = L.VALVE_STUCK_OPEN if mode == "stuck_open" else L.VALVE_STUCK_CLOSED

    def _pump(self, event: PlantEvent, P: FloatArray, _bias: FloatArray, _chance: tuple[float, int, int]) -> None:
        mode, value = event.fields["mode"], event.fields.get("value")
        P[L.P_PUMP_ALLOWED], P[L.P_PUMP_RATIO], P[L.P_PUMP_ROUGH] = 1.0, 1.0, 0.0
        if mode == "off":
            P[L.P_PUMP_ALLOWED] = 0.0
        elif mode == "degrade":
            P[L.P_PUMP_RATIO] = 0.5 if value is None else float(value)
        elif mode == "cavitate":
            P[L.P_PUMP_RATIO] = CAVITATION_RATIO if value is None else float(value)
            P[L.P_PUMP_ROUGH] = 1.0

    def _relief(self, event: PlantEvent, P: FloatArray, _bias: FloatArray, _chance: tuple[float, int, int]) -> None:
        first = L.P_RELIEF_STUCK0 if event.fields["mode"] == "stuck_closed" else L.P_RELIEF_LEAKING0
        P[first + L.SEGMENT_NAMES.index(event.fields["segment"])] = 1.0

    def _heat(self, event: PlantEvent, P: FloatArray, _bias: FloatArray, _chance: tuple[float, int, int]) -> None:
        before, after = P[L.P_LOAD_TARGET_W], float(event.fields["load_w"])
        ramp_s = float(event.fields.get("ramp_s") or 0.0)
        P[L.P_LOAD_TARGET_W] = after
        P[L.P_LOAD_SLOPE_W_S] = max(abs(after - before) / ramp_s, 1e-6) if ramp_s > 0.0 else STEP_SLOPE_W_S

    def _attitude(self, event: PlantEvent, P: FloatArray, _bias: FloatArray, _chance: tuple[float, int, int]) -> None:
        swing_k, phase = event.fields.get("orbit_swing_k"), event.fields.get("phase")
        if swing_k is not None:
            P[L.P_SINK_SWING_K] = float(swing_k) * P[L.P_SINK_PER_K]
        if phase is not None:
            P[L.P_PHASE_RAD] = 2.0 * math.pi * float(phase) - P[L.P_ORBIT_RAD_S] * event.at_s

    def _gas(self, event: PlantEvent, P: FloatArray, _bias: FloatArray, _chance: tuple[float, int, int]) -> None:
        P[L.P_GAS_LEAK_ML_S] += float(event.fields["rate_ml_s"])

    def _cabin(self, event: PlantEvent, P: FloatArray, _bias: FloatArray, _chance: tuple[float, int, int]) -> None:
        P[L.P_CABIN_HOLE_MM2] += math.pi / 4.0 * float(event.fields["hole_mm"]) ** 2

    def _coolant_temp(self, event: PlantEvent, P: FloatArray, _bias: FloatArray, _chance: tuple[float, int, int]) -> None:
        P[L.P_FLUID_RATE_K_S] += float(event.fields["delta_k"]) / (self._ramp_ticks(event) * self._tick_s)

    def _relay(self, event: PlantEvent, P: FloatArray, _bias: FloatArray, chance: tuple[float, int, int]) -> None:
        if event.fields["mode"] == "frozen":
            P[L.P_RELAY_HOLD] = 1.0
        else:
            P[L.P_RELAY_XOR] = float(1 << chance[1])
