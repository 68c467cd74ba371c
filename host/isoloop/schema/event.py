"""The events of a scenario: which fields each kind takes, and what each field may be.

Rows follow the event table of the interface description. A field that the file leaves out gets its default, so the plant sees
every field of a kind always.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from isoloop.dictionary import load_dictionary
from isoloop.link.telecommand import CommandError, resolve_arguments
from isoloop.schema.names import CHANNELS, LEAK_SEGMENTS, SEGMENTS, VALVES
from isoloop.schema.toml_file import Table

Value = float | str | None


@dataclass(frozen=True)
class Event:
    """Something that happens to the loop, the sensors or the processor.

    Attributes:
        at_s: scenario time, seconds.
        kind: a key of KINDS.
        fields: every field of the kind; None where the file leaves an optional one without default out.
        line: line of its `[[event]]` in the file.
    """

    at_s: float
    kind: str
    fields: Mapping[str, Value]
    line: int


@dataclass(frozen=True)
class Number:
    """A numeric field: range, whether the low end itself is excluded, and the default (REQUIRED: must be given)."""

    low: float
    high: float
    above_low: bool = False
    default: float | str | None = "required"


@dataclass(frozen=True)
class Choice:
    """A field that is one of some names."""

    choices: tuple[str, ...]
    default: str | None = "required"


REQUIRED = "required"
FOREVER_S = 31 * 86400.0
DURATION = Number(0, FOREVER_S, above_low=True, default=None)  # None: to the end of the run
RAMP = Number(0, FOREVER_S, default=0.0)
HOLE_MM = Number(0, 100, above_low=True)  # 100 mm: wider than any line here

KINDS: dict[str, dict[str, Number | Choice]] = {
    "leak": {"segment": Choice(LEAK_SEGMENTS), "hole_mm": HOLE_MM, "ramp_s": RAMP},
    "sensor": {
        "channel": Choice(CHANNELS, default=None),  # a dead multiplexer has no channel; every other mode has one
        "mode": Choice(("open", "short", "stuck", "bias", "drift", "noise", "spike", "dead_mux")),
        "value": Number(-1000, 1000, default=None),
        "duration_s": DURATION,
    },
    "valve": {
        "valve": Choice(VALVES),
        "mode": Choice(("stuck_open", "stuck_closed", "slow", "switch_open", "switch_short")),
        "duration_s": DURATION,
    },
    "pump": {"mode": Choice(("off", "on", "cavitate", "degrade")), "value": Number(0, 1, default=None)},
    "relief": {"segment": Choice(SEGMENTS), "mode": Choice(("stuck_closed", "leaking"))},
    "heat": {"load_w": Number(0, 20_000), "ramp_s": RAMP},
    "attitude": {"orbit_swing_k": Number(0, 60, default=None), "phase": Number(0, 1, default=None)},
    "gas": {"rate_ml_s": Number(0, 1000, above_low=True)},
    "cabin": {"hole_mm": HOLE_MM},
    "coolant_temp": {"delta_k": Number(-150, 150), "ramp_s": RAMP},
    "power": {"mode": Choice(("reset", "brownout")), "off_s": Number(0, 86400, default=0.0)},
    "relay": {"mode": Choice(("frozen", "bitflip")), "duration_s": DURATION},
    "link": {
        "ber": Number(0, 0.5, default=None),
        "drop": Number(0, 1, default=None),
        "mode": Choice(("down", "up"), default=None),
        "duration_s": DURATION,
    },
}
COMMAND = "command"
"""The kind whose fields depend on the telecommand: `name`, and its arguments as the integers of the wire in `args`, with blanks between."""

_VALUE_NEEDED = {("sensor", mode) for mode in ("bias", "drift", "noise", "spike")} | {("pump", "degrade")}
_VALUE_ALLOWED = _VALUE_NEEDED | {("sensor", "stuck"), ("pump", "on"), ("pump", "cavitate")}


def read_event(table: Table, duration_s: float) -> Event:
    """One `[[event]]` of a scenario that lasts `duration_s`.

    Raises:
        InputError: anything about it that is not in the table above.
    """
    kind = table.choice("kind", (*KINDS, COMMAND), "kind")
    if kind == COMMAND:
        return _read_command(table, duration_s)
    rows = KINDS[kind]
    table.only(("at_s", "kind", *rows), f"key for kind '{kind}'")
    at_s = table.number("at_s", 0, duration_s)
    fields = {name: _read_field(table, name, row) for name, row in rows.items()}
    if "value" in rows:
        _check_value(table, kind, fields)
    if kind == "sensor" and fields["channel"] is None and fields["mode"] != "dead_mux":
        table.fail("channel", f"is missing: one of {', '.join(CHANNELS)} is needed")
    if kind == "attitude" and fields["orbit_swing_k"] is None and fields["phase"] is None:
        table.fail("", "an attitude event needs orbit_swing_k or phase")
    if kind == "link" and fields["ber"] is None and fields["drop"] is None and fields["mode"] is None:
        table.fail("", "a link event needs ber, drop or mode")
    return Event(at_s, kind, fields, table.line or 1)


def _read_command(table: Table, duration_s: float) -> Event:
    rows = load_dictionary().telecommands_by_name
    table.only(("at_s", "kind", "name", "args"), f"key for kind '{COMMAND}'")
    at_s = table.number("at_s", 0, duration_s)
    name = table.choice("name", list(rows), "telecommand")
    try:
        values = resolve_arguments(rows[name], table.table("args").data)
    except CommandError as error:
        table.fail("args" if "args" in table else "", str(error))
    texts = (value.hex() if isinstance(value, bytes) else str(value) for value in values)
    return Event(at_s, COMMAND, {"name": name, "args": " ".join(texts)}, table.line or 1)


def _read_field(table: Table, name: str, row: Number | Choice) -> Value:
    if name not in table and row.default != REQUIRED:
        return row.default
    if isinstance(row, Choice):
        return table.choice(name, row.choices, name)
    return table.number(name, row.low, row.high, row.above_low)


def _check_value(table: Table, kind: str, fields: Mapping[str, Value]) -> None:
    """`value` where the mode needs it and nowhere else; an rms is not negative."""
    mode = fields["mode"]
    value = fields["value"]
    if value is None and (kind, mode) in _VALUE_NEEDED:
        table.fail("value", f"is missing: mode '{mode}' needs it")
    if value is not None and (kind, mode) not in _VALUE_ALLOWED:
        table.fail("value", f"mode '{mode}' takes no value")
    if mode == "noise" and isinstance(value, float) and value < 0:
        table.fail("value", f"an rms noise must not be negative, not {value:g}")
