"""The ground's side of a scenario: telecommands at their times, and what the radio link does to the bytes both ways."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from isoloop.dictionary import load_dictionary
from isoloop.flight.schedule import ticks_up
from isoloop.link.keys import next_counter
from isoloop.link.telecommand import ACK_ALL, Credentials, Value, build_packet, frame
from isoloop.schema import Event, Scenario

_NEVER = sys.maxsize
_STREAM = 0x11C4
"""Keeps the link's dice apart from the plant's, which have the same seed."""


@dataclass(frozen=True)
class _Fault:
    from_tick: int
    to_tick: int
    ber: float
    drop: float
    is_down: bool


class GroundSegment:
    """Uplink and link faults of one flight. Seeded: the same scenario and seed give the same bytes, a lasting board's counters aside.

    Attributes:
        wake_tick: first tick that has something to send up; uplink() is to be asked from it on.
        names: telecommand by packet sequence count.
    """

    def __init__(self, scenario: Scenario, seed: int, credentials: Credentials | None = None, *, is_lasting: bool = False) -> None:
        """
        Args:
            credentials: with which it commands; None: those of the unix targets.
            is_lasting: the board knows the counters of former flights, so they go on from there.
        """
        self.names: dict[int, str] = {}
        self._budget_bytes = max(1, scenario.link_baud * scenario.tick_ms // 10_000)
        self._dice = np.random.default_rng((seed, _STREAM))
        self._faults = _faults(scenario)
        self._pending = b""
        self._credentials = credentials or Credentials()
        self._rows = load_dictionary().telecommands_by_name
        self._is_lasting = is_lasting
        self._number = 0
        self._commands = self._plan(scenario)
        self.wake_tick = self._commands[0][0] if self._commands else _NEVER

    def uplink(self, tick: int) -> bytes:
        """Bytes that reach the board in this tick, at most what the line carries."""
        while self._commands and self._commands[0][0] <= tick:
            _, name, values = self._commands.pop(0)
            self._send(name, values, ACK_ALL)
            self.names[self._number & 0x3FFF] = name
        data, self._pending = self._pending[: self._budget_bytes], self._pending[self._budget_bytes :]
        if not self._pending:
            self.wake_tick = self._commands[0][0] if self._commands else _NEVER
        return self._through(tick, data)

    def request(self, name: str, values: tuple[int, ...]) -> None:
        """Send a telecommand of the ground's own in the next tick; its successes are not reported."""
        self._send(name, values, 0)
        self.wake_tick = 0

    def command(self, name: str, values: tuple[Value, ...]) -> int:
        """Send a telecommand in the next tick with every verification report asked for; returns its sequence count."""
        self._send(name, values, ACK_ALL)
        sequence = self._number & 0x3FFF
        self.names[sequence] = name
        self.wake_tick = 0
        return sequence

    def received(self, tick: int, data: bytes) -> bytes:
        """What arrives of the bytes that left the board in this tick."""
        return self._through(tick, data) if self._faults else data

    def next_number(self) -> int:
        """Counter and sequence count of the next telecommand: they rise in the order of sending."""
        return next_counter(self._credentials.board_id) if self._is_lasting else self._number + 1

    def _send(self, name: str, values: tuple[Value, ...], acks: int) -> None:
        self._number = self.next_number()
        self._pending += frame(build_packet(self._rows[name], values, self._number, self._number, self._credentials, acks))
        if name == "key_write" and isinstance(values[0], bytes):
            self._credentials = Credentials(self._credentials.board_id, values[0])

    def _plan(self, scenario: Scenario) -> list[tuple[int, str, tuple[Value, ...]]]:
        """Tick, name and arguments of the scenario's telecommands."""
        plan = []
        for event in scenario.events:
            if event.kind == "command":
                name = str(event.fields["name"])
                texts = str(event.fields["args"]).split()
                values = (bytes.fromhex(text) if arg.is_key else int(text) for arg, text in zip(self._rows[name].args, texts, strict=True))
                plan.append((ticks_up(event.at_s, scenario.tick_ms), name, tuple(values)))
        return plan

    def _through(self, tick: int, data: bytes) -> bytes:
        active = [fault for fault in self._faults if fault.from_tick <= tick < fault.to_tick]
        if not active or not data:
            return data
        if any(fault.is_down for fault in active):
            return b""
        octets = np.frombuffer(data, np.uint8)
        drop = max(fault.drop for fault in active)
        if drop:
            octets = octets[self._dice.random(octets.size) >= drop]
        ber = max(fault.ber for fault in active)
        if ber:
            flips = self._dice.random((octets.size, 8)) < ber
            octets = octets ^ np.packbits(flips, axis=1)[:, 0]
        return octets.tobytes()


def _faults(scenario: Scenario) -> list[_Fault]:
    """Spans of the link events; `up` ends whatever is still going on."""
    events = [event for event in scenario.events if event.kind == "link"]
    faults = []
    for index, event in enumerate(events):
        if event.fields["mode"] == "up" and event.fields["ber"] is None and event.fields["drop"] is None:
            continue
        from_tick = ticks_up(event.at_s, scenario.tick_ms)
        duration_s = _value(event, "duration_s", None)
        to_tick = _NEVER if duration_s is None else ticks_up(event.at_s + duration_s, scenario.tick_ms)
        for later in events[index + 1 :]:
            if later.fields["mode"] == "up":
                to_tick = min(to_tick, ticks_up(later.at_s, scenario.tick_ms))
        is_down = event.fields["mode"] == "down"
        faults.append(_Fault(from_tick, to_tick, _value(event, "ber", 0.0) or 0.0, _value(event, "drop", 0.0) or 0.0, is_down))
    return faults


def _value(event: Event, key: str, default: float | None) -> float | None:
    value = event.fields[key]
    return float(value) if isinstance(value, int | float) else default
