"""What the dictionary table holds, as frozen rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

INT_MIN = -(1 << 30)
"""Smallest integer that a 32-bit MicroPython holds without allocating; on the wire it means unknown."""
INT_MAX = (1 << 30) - 1

TYPE_RANGES: dict[str, tuple[int, int]] = {
    "u8": (0, 0xFF),
    "i8": (-0x80, 0x7F),
    "u16": (0, 0xFFFF),
    "i16": (-0x8000, 0x7FFF),
    "i32": (INT_MIN, INT_MAX),
}
TYPE_CODES: dict[str, str] = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "i32": "i"}
KEY_TYPE = "key"
KEY_CODE = "s"
"""Type of an argument that is a command key of 32 bytes, and its code in the firmware's table. It travels wrapped in the key before it."""
REPORT_CODES: dict[str, str] = {**TYPE_CODES, "u32": "I"}
UNKNOWN_BY_TYPE: dict[str, int] = {"u8": 0xFF, "i8": -0x80, "u16": 0xFFFF, "i16": -0x8000, "i32": INT_MIN}
SEVERITIES: dict[str, int] = {"info": 1, "low": 2, "medium": 3, "high": 4}
"""Severity to subtype of PUS service 5."""
HAZARDS = ("never", "alarm", "disarm", "always")
"""When a telecommand needs arming first."""
REFERENCES = ("parameter", "structure", "event", "telecommand", "field")
"""What the number in an argument may point to; `field` is an index into the structure housekeeping."""


@dataclass(frozen=True)
class Parameter:
    """One flight parameter: an integer in a range, by number in the parameter slot."""

    number: int
    name: str
    unit: str
    default: int
    min: int
    max: int
    flight: bool
    text: str
    source: str
    enum: str | None = None


@dataclass(frozen=True)
class EventField:
    """One of the up to four i32 values of an event."""

    name: str
    enum: str | None = None


@dataclass(frozen=True)
class Event:
    """One kind of event report (PUS service 5)."""

    number: int
    name: str
    severity: str
    fields: tuple[EventField, ...]
    text: str


@dataclass(frozen=True)
class Field:
    """One value of a housekeeping structure; wire order is table order. Outside low..high a person should look at it."""

    structure: str
    name: str
    type: str
    unit: str
    text: str
    enum: str | None = None
    nullable: bool = False
    low: int | None = None
    high: int | None = None

    @property
    def unknown(self) -> int | None:
        """The value that means unknown; None when it always has one."""
        return UNKNOWN_BY_TYPE[self.type] if self.nullable or self.type == "i32" else None


@dataclass(frozen=True)
class Structure:
    """One housekeeping structure (PUS 3,25), with its fields in wire order."""

    number: int
    name: str
    text: str
    fields: tuple[Field, ...]

    @property
    def struct_format(self) -> str:
        """Format of the whole structure for `struct`, big-endian, without the structure id."""
        return ">" + "".join(TYPE_CODES[field.type] for field in self.fields)


@dataclass(frozen=True)
class State:
    """One named value of an enumeration group."""

    group: str
    number: int
    name: str
    text: str


@dataclass(frozen=True)
class Argument:
    """One argument of a telecommand. `ref` names the table that its number points into."""

    name: str
    type: str
    min: int = INT_MIN
    max: int = INT_MAX
    enum: str | None = None
    ref: str | None = None

    @property
    def is_key(self) -> bool:
        """Not a number but a key."""
        return self.type == KEY_TYPE

    @property
    def is_fixed(self) -> bool:
        """It can have one value only, which nobody needs to give."""
        return self.min == self.max

    @property
    def struct_code(self) -> str:
        """Its format for `struct`."""
        return "32s" if self.is_key else TYPE_CODES[self.type]


@dataclass(frozen=True)
class Telecommand:
    """One telecommand: PUS service and subtype, the function number of service 8, arguments in wire order."""

    number: int
    name: str
    service: int
    subtype: int
    hazardous: str
    text: str
    args: tuple[Argument, ...]
    function: int | None = None

    @property
    def struct_format(self) -> str:
        """Format of the arguments for `struct`, big-endian, the function number among them."""
        return ">" + ("B" if self.function is not None else "") + "".join(arg.struct_code for arg in self.args)


@dataclass(frozen=True)
class ReportField:
    """One value of a report that answers a telecommand."""

    name: str
    type: str
    enum: str | None = None


@dataclass(frozen=True)
class AnswerRow:
    """One report that answers a telecommand: PUS service and subtype, values in wire order.

    Attributes:
        row: values that come as often as the first field (`count`, u8) says; none: no list.
        data_bytes: bytes of a block behind the values.
    """

    name: str
    service: int
    subtype: int
    text: str
    fields: tuple[ReportField, ...]
    row: tuple[ReportField, ...] = ()
    data_bytes: int = 0

    @property
    def struct_format(self) -> str:
        """Format of the values for `struct`, big-endian, without rows and block."""
        return ">" + "".join(REPORT_CODES[field.type] for field in self.fields)

    @property
    def row_format(self) -> str:
        """Format of one row of the list."""
        return ">" + "".join(REPORT_CODES[field.type] for field in self.row)


@dataclass(frozen=True)
class Dictionary:
    """The whole table. Rows keep their order; lookups are by name or number."""

    parameters: tuple[Parameter, ...]
    events: tuple[Event, ...]
    structures: tuple[Structure, ...]
    states: tuple[State, ...]
    telecommands: tuple[Telecommand, ...] = ()
    answers: tuple[AnswerRow, ...] = ()

    @cached_property
    def telecommands_by_name(self) -> dict[str, Telecommand]:
        """Telecommands by name."""
        return {row.name: row for row in self.telecommands}

    @cached_property
    def telecommands_by_number(self) -> dict[int, Telecommand]:
        """Telecommands by number."""
        return {row.number: row for row in self.telecommands}

    @cached_property
    def parameters_by_number(self) -> dict[int, Parameter]:
        """Parameters by number."""
        return {row.number: row for row in self.parameters}

    @cached_property
    def parameters_by_name(self) -> dict[str, Parameter]:
        """Parameters by name."""
        return {row.name: row for row in self.parameters}

    @cached_property
    def events_by_number(self) -> dict[int, Event]:
        """Events by number."""
        return {row.number: row for row in self.events}

    @cached_property
    def events_by_name(self) -> dict[str, Event]:
        """Events by name."""
        return {row.name: row for row in self.events}

    @cached_property
    def structures_by_number(self) -> dict[int, Structure]:
        """Structures by number."""
        return {row.number: row for row in self.structures}

    @cached_property
    def structures_by_name(self) -> dict[str, Structure]:
        """Structures by name."""
        return {row.name: row for row in self.structures}

    @cached_property
    def groups(self) -> dict[str, dict[int, str]]:
        """Group to number to state name."""
        groups: dict[str, dict[int, str]] = {}
        for row in self.states:
            groups.setdefault(row.group, {})[row.number] = row.name
        return groups

    def state_number(self, group: str, name: str) -> int:
        """Number of a state by its name; KeyError when there is none."""
        for number, state in self.groups[group].items():
            if state == name:
                return number
        raise KeyError(f"{group}.{name}")

    @cached_property
    def hash(self) -> int:
        """CRC-16/CCITT-FALSE of what changes meaning on the wire or in a slot: wording does not count."""
        from isoloop.link.crc import crc16_ccitt_false

        shape = {
            "parameters": [[p.number, p.name, p.min, p.max] for p in self.parameters],
            "events": [[e.number, e.name, e.severity, [f.name for f in e.fields]] for e in self.events],
            "structures": [[s.number, s.name, [[f.name, f.type, f.nullable] for f in s.fields]] for s in self.structures],
            "states": [[s.group, s.number, s.name] for s in self.states],
            "answers": [[a.name, a.service, a.subtype, a.struct_format, a.row_format, a.data_bytes] for a in self.answers],
            "telecommands": [[t.number, t.service, t.subtype, t.function, [[a.name, a.type] for a in t.args]] for t in self.telecommands],
        }
        return crc16_ccitt_false(json.dumps(shape, separators=(",", ":")).encode())
