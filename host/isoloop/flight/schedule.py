"""What the flight loop itself does with a scenario's events; all others are the plant's."""

from __future__ import annotations

from dataclasses import dataclass

from isoloop.flight.truth_record import Leak
from isoloop.schema import Event, Scenario

RESET_CAUSES = {"power_on": 0, "watchdog": 1, "reset": 2, "brownout": 3}
"""Reset cause on the bridge; `reset` and `brownout` are the modes of a power event."""

LOOP_KINDS = ("power", "command", "link")
"""Kinds that the flight loop carries out."""

NOTICED_KINDS = ("leak", "gas", "cabin")
"""Kinds that the firmware should raise a leak alarm for."""

LOSS_KINDS = ("leak", "gas")
"""Kinds in answer to which it may isolate."""


@dataclass(frozen=True)
class PowerCut:
    """The processor stops at the start of one tick and boots at the start of another."""

    off_tick: int
    on_tick: int
    reset_cause: int


def ticks_up(time_s: float, tick_ms: int) -> int:
    """Ticks that cover a time, in whole microseconds, so that 0.3 s is three ticks of 100 ms."""
    return -(-round(time_s * 1e6) // (tick_ms * 1000))


def plant_events(scenario: Scenario) -> list[Event]:
    """The events that the plant carries out."""
    return [event for event in scenario.events if event.kind not in LOOP_KINDS]


def power_cuts(scenario: Scenario) -> list[PowerCut]:
    """The power events, in order of time."""
    cuts = []
    for event in scenario.events:
        if event.kind == "power":
            off_tick = ticks_up(event.at_s, scenario.tick_ms)
            off_s = event.fields["off_s"]
            assert isinstance(off_s, int | float)
            cuts.append(PowerCut(off_tick, off_tick + ticks_up(off_s, scenario.tick_ms), RESET_CAUSES[str(event.fields["mode"])]))
    return sorted(cuts, key=lambda cut: cut.off_tick)


def leaks(scenario: Scenario) -> list[Leak]:
    """The holes of the scenario, first onset first."""
    found = []
    for event in scenario.events:
        if event.kind == "leak":
            hole_mm = event.fields["hole_mm"]
            assert isinstance(hole_mm, int | float)
            found.append(Leak(event.at_s, str(event.fields["segment"]), float(hole_mm)))
    return sorted(found, key=lambda leak: leak.onset_s)


def first_onset_s(scenario: Scenario, kinds: tuple[str, ...]) -> float | None:
    """When the first event of these kinds begins; None without one."""
    return min((event.at_s for event in scenario.events if event.kind in kinds), default=None)
