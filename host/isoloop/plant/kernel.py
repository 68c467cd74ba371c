"""One tick of the plant, compiled: the order of its parts."""

from __future__ import annotations

from typing import Any

from isoloop.jit import entry

from . import layout as L
from .actuators import drive
from .compensator import compensate, exchange, room_ml
from .network import flow
from .sensors import measure
from .thermal import heat
from .truth import tell


@entry
def step(S: Any, P: Any, noise: Any, counts: Any, drive_word: int) -> int:
    """Advance by one tick under this drive word; fills counts and truth, returns the switch word. Allocates nothing."""
    S[L.TICK] += 1.0
    S[L.TIME_S] = S[L.TICK] * P[L.P_TICK_S]
    rough = noise[int(S[L.NOISE_ROW]) * L.NOISE_COLUMNS + L.N_ROUGH]
    S[L.PUMP_ROUGHNESS] = S[L.PUMP_ROUGHNESS] * P[L.P_ROUGH_KEEP] + rough * (1.0 - P[L.P_ROUGH_KEEP] ** 2) ** 0.5
    switches = drive(S, P, drive_word)
    heat(S, P)
    flow(S, P)
    exchange(S, P)
    compensate(S, P)
    measure(S, P, noise, counts)
    tell(S, P)
    S[L.NOISE_ROW] += 1.0
    return switches


@entry
def settle(S: Any, P: Any) -> None:
    """Balance of flows, segment masses and compensator at the temperatures of the state; no time passes for heat."""
    for _ in range(50):
        flow(S, P)
        S[L.GAS_DEGC] = S[L.WALL_DEGC]
        S[L.GAS_ML] = min(max(room_ml(S, P), P[L.P_GAS_MIN_ML]), P[L.P_GAS_MAX_ML])
        compensate(S, P)
    S[L.GAS_DEGC] = S[L.WALL_DEGC]
