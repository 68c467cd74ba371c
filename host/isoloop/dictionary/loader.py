"""Read and check the dictionary table."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from isoloop.dictionary.model import (
    HAZARDS,
    INT_MAX,
    INT_MIN,
    KEY_TYPE,
    REFERENCES,
    REPORT_CODES,
    SEVERITIES,
    TYPE_CODES,
    TYPE_RANGES,
    UNKNOWN_BY_TYPE,
    AnswerRow,
    Argument,
    Dictionary,
    Event,
    EventField,
    Field,
    Parameter,
    ReportField,
    State,
    Structure,
    Telecommand,
)

SCHEMA = "isoloop.dictionary/1"
_LOWER = re.compile(r"[a-z][a-z0-9_]*\Z")
_UPPER = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_TABLES = {"schema", "parameter", "event", "structure", "field", "state", "telecommand", "answer"}
_OPTIONAL = {"enum", "nullable", "function", "ref", "low", "high", "data_bytes"}
_FILES = ("table.toml", "commands.toml")


class DictionaryError(ValueError):
    """The table contradicts itself. The text names the row."""


@cache
def load_dictionary() -> Dictionary:
    """The dictionary that travels with this package."""
    folder = resources.files("isoloop.dictionary")
    return parse_dictionary(*(folder.joinpath(name).read_text(encoding="utf-8") for name in _FILES))


def parse_dictionary(*texts: str) -> Dictionary:
    """Parse and check a table, which may come in several files; DictionaryError says what is wrong with which row."""
    table: dict[str, Any] = {}
    for text in texts:
        try:
            part = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise DictionaryError(f"not TOML: {error}") from error
        if part.pop("schema", None) != SCHEMA:
            raise DictionaryError(f"schema is not {SCHEMA}")
        for key in part.keys() - _TABLES:
            raise DictionaryError(f"unknown table {key}")
        for key, rows in part.items():
            table.setdefault(key, []).extend(rows)
    states = tuple(State(**_row(State, raw, "state")) for raw in table.get("state", []))
    parameters = tuple(Parameter(**_row(Parameter, raw, "parameter")) for raw in table.get("parameter", []))
    events = tuple(_event(raw) for raw in table.get("event", []))
    fields = tuple(Field(**_row(Field, raw, "field")) for raw in table.get("field", []))
    structures = tuple(_structure(raw, fields) for raw in table.get("structure", []))
    telecommands = tuple(_telecommand(raw) for raw in table.get("telecommand", []))
    answers = tuple(_answer(raw) for raw in table.get("answer", []))
    dictionary = Dictionary(parameters, events, structures, states, telecommands, answers)
    _check(dictionary, fields)
    return dictionary


def _row(kind: type, raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The row's values by name, with exactly the keys and types of its class."""
    label = f"{where} {raw.get('name', raw.get('number', '?'))}"
    wanted = {name: hint for name, hint in kind.__annotations__.items() if name not in ("fields", "args", "row")}
    for key in raw.keys() - wanted.keys() - {"fields", "args", "row"}:
        raise DictionaryError(f"{label}: unknown key {key}")
    for key, hint in wanted.items():
        if key not in raw:
            if key in _OPTIONAL or (kind is Argument and key in ("min", "max")):
                continue
            raise DictionaryError(f"{label}: {key} is missing")
        expected = {"int": int, "int | None": int, "bool": bool}.get(hint, str)
        if type(raw[key]) is not expected:
            raise DictionaryError(f"{label}: {key} is not {expected.__name__}")
    return {key: raw[key] for key in wanted if key in raw}


def _event(raw: Mapping[str, Any]) -> Event:
    fields = raw.get("fields")
    if not isinstance(fields, list) or len(fields) > 4:
        raise DictionaryError(f"event {raw.get('name', '?')}: fields is not a list of at most four")
    return Event(**_row(Event, raw, "event"), fields=tuple(EventField(**_row(EventField, field, "event field")) for field in fields))


def _telecommand(raw: Mapping[str, Any]) -> Telecommand:
    label = f"telecommand {raw.get('name', '?')}"
    args = raw.get("args")
    if not isinstance(args, list):
        raise DictionaryError(f"{label}: args is not a list")
    return Telecommand(**_row(Telecommand, raw, "telecommand"), args=tuple(Argument(**_row(Argument, arg, "argument")) for arg in args))


def _answer(raw: Mapping[str, Any]) -> AnswerRow:
    label = f"answer {raw.get('name', '?')}"
    lists = {}
    for key in ("fields", "row"):
        rows = raw.get(key, [])
        if not isinstance(rows, list):
            raise DictionaryError(f"{label}: {key} is not a list")
        lists[key] = tuple(ReportField(**_row(ReportField, row, f"{label} field")) for row in rows)
    return AnswerRow(**_row(AnswerRow, raw, "answer"), fields=lists["fields"], row=lists["row"])


def _structure(raw: Mapping[str, Any], fields: Iterable[Field]) -> Structure:
    row = _row(Structure, raw, "structure")
    return Structure(**row, fields=tuple(field for field in fields if field.structure == row["name"]))


def _check(dictionary: Dictionary, fields: tuple[Field, ...]) -> None:
    _check_unique("parameter number", (row.number for row in dictionary.parameters))
    _check_unique("parameter name", (row.name for row in dictionary.parameters))
    _check_unique("event number", (row.number for row in dictionary.events))
    _check_unique("event name", (row.name for row in dictionary.events))
    _check_unique("structure number", (row.number for row in dictionary.structures))
    _check_unique("structure name", (row.name for row in dictionary.structures))
    _check_unique("field", ((row.structure, row.name) for row in fields))
    _check_unique("state number", ((row.group, row.number) for row in dictionary.states))
    _check_unique("state name", ((row.group, row.name) for row in dictionary.states))
    for parameter in dictionary.parameters:
        _check_parameter(parameter, dictionary)
    for event in dictionary.events:
        _check_event(event, dictionary)
    for field in fields:
        _check_field(field, dictionary)
    _check_unique("telecommand number", (row.number for row in dictionary.telecommands))
    _check_unique("telecommand name", (row.name for row in dictionary.telecommands))
    _check_unique("telecommand", ((row.service, row.subtype, row.function) for row in dictionary.telecommands))
    for telecommand in dictionary.telecommands:
        _check_telecommand(telecommand, dictionary)
    _check_unique("answer name", (row.name for row in dictionary.answers))
    _check_unique("answer", ((row.service, row.subtype) for row in dictionary.answers))
    for answer in dictionary.answers:
        _check_answer(answer, dictionary)
    for state in dictionary.states:
        _check_name(state.group, _LOWER, f"state group {state.group}")
        _check_name(state.name, _LOWER, f"state {state.group}.{state.name}")
        if not 0 <= state.number <= 0xFE:
            raise DictionaryError(f"state {state.group}.{state.name}: number is outside 0..254")


def _check_parameter(row: Parameter, dictionary: Dictionary) -> None:
    label = f"parameter {row.name}"
    _check_name(row.name, _LOWER, label)
    if not 0 <= row.number <= 0xFFFF:
        raise DictionaryError(f"{label}: number is outside 0..65535")
    if not INT_MIN < row.min <= row.max <= INT_MAX:
        raise DictionaryError(f"{label}: min..max is empty or leaves +/-2^30")
    if not row.min <= row.default <= row.max:
        raise DictionaryError(f"{label}: default {row.default} is outside {row.min}..{row.max}")
    _check_group(row.enum, label, dictionary)
    if row.enum is not None and not set(range(row.min, row.max + 1)) <= dictionary.groups[row.enum].keys():
        raise DictionaryError(f"{label}: its range has values that group {row.enum} does not name")


def _check_event(row: Event, dictionary: Dictionary) -> None:
    label = f"event {row.name}"
    _check_name(row.name, _UPPER, label)
    if not 1 <= row.number <= 0xFF:
        raise DictionaryError(f"{label}: number is outside 1..255")
    if row.severity not in SEVERITIES:
        raise DictionaryError(f"{label}: severity {row.severity} is not one of {', '.join(SEVERITIES)}")
    _check_unique(f"{label} field", (field.name for field in row.fields))
    for field in row.fields:
        _check_name(field.name, _LOWER, f"{label} field {field.name}")
        _check_group(field.enum, f"{label} field {field.name}", dictionary)


def _check_telecommand(row: Telecommand, dictionary: Dictionary) -> None:
    label = f"telecommand {row.name}"
    _check_name(row.name, _LOWER, label)
    if not (1 <= row.number <= 0xFF and 1 <= row.service <= 0xFF and 1 <= row.subtype <= 0xFF):
        raise DictionaryError(f"{label}: number, service or subtype is outside 1..255")
    if (row.service == 8) != (row.function is not None) or not 0 <= (row.function or 0) <= 0xFF:
        raise DictionaryError(f"{label}: service 8 has a function 0..255, and no other service has one")
    if row.hazardous not in HAZARDS:
        raise DictionaryError(f"{label}: hazardous is not one of {', '.join(HAZARDS)}")
    _check_unique(f"{label} argument", (arg.name for arg in row.args))
    for arg in row.args:
        where = f"{label} argument {arg.name}"
        _check_name(arg.name, _LOWER, where)
        if arg.is_key:
            continue
        if arg.type not in TYPE_CODES:
            raise DictionaryError(f"{where}: type {arg.type} is not one of {', '.join(TYPE_CODES)}, {KEY_TYPE}")
        low, high = TYPE_RANGES[arg.type]
        if not low <= arg.min <= arg.max <= high:
            raise DictionaryError(f"{where}: min..max is empty or leaves its type")
        if arg.ref is not None and arg.ref not in REFERENCES:
            raise DictionaryError(f"{where}: ref is not one of {', '.join(REFERENCES)}")
        _check_group(arg.enum, where, dictionary)


def _check_field(row: Field, dictionary: Dictionary) -> None:
    label = f"field {row.structure}.{row.name}"
    _check_name(row.name, _LOWER, label)
    if row.structure not in dictionary.structures_by_name:
        raise DictionaryError(f"{label}: there is no structure {row.structure}")
    if row.type not in TYPE_CODES:
        raise DictionaryError(f"{label}: type {row.type} is not one of {', '.join(TYPE_CODES)}")
    if row.low is not None or row.high is not None:
        least, most = TYPE_RANGES[row.type]
        low, high = least if row.low is None else row.low, most if row.high is None else row.high
        if row.enum is not None or not least <= low < high <= most:
            raise DictionaryError(f"{label}: low..high is empty, leaves its type, or limits a state")
    _check_group(row.enum, label, dictionary)
    if row.enum is not None and row.nullable and UNKNOWN_BY_TYPE[row.type] in dictionary.groups[row.enum]:
        raise DictionaryError(f"{label}: a state of group {row.enum} has the number that means unknown")


def _check_answer(row: AnswerRow, dictionary: Dictionary) -> None:
    label = f"answer {row.name}"
    _check_name(row.name, _LOWER, label)
    if not (1 <= row.service <= 0xFF and 1 <= row.subtype <= 0xFF and 0 <= row.data_bytes <= 0xFF + 1):
        raise DictionaryError(f"{label}: service or subtype is outside 1..255, or data_bytes outside 0..256")
    if row.row and (not row.fields or (row.fields[-1].name, row.fields[-1].type) != ("count", "u8")):
        raise DictionaryError(f"{label}: a list follows a last field named count of type u8")
    _check_unique(f"{label} field", (field.name for field in (*row.fields, *row.row)))
    for field in (*row.fields, *row.row):
        _check_name(field.name, _LOWER, f"{label} field {field.name}")
        if field.type not in REPORT_CODES:
            raise DictionaryError(f"{label} field {field.name}: type {field.type} is not one of {', '.join(REPORT_CODES)}")
        _check_group(field.enum, f"{label} field {field.name}", dictionary)


def _check_group(group: str | None, label: str, dictionary: Dictionary) -> None:
    if group is not None and group not in dictionary.groups:
        raise DictionaryError(f"{label}: there is no state group {group}")


def _check_name(name: str, pattern: re.Pattern[str], label: str) -> None:
    if not pattern.match(name):
        raise DictionaryError(f"{label}: the name is not {'UPPER' if pattern is _UPPER else 'lower'}_snake")


def _check_unique(what: str, keys: Iterable[object]) -> None:
    seen: set[object] = set()
    for key in keys:
        if key in seen:
            raise DictionaryError(f"{what} {key} stands twice")
        seen.add(key)
