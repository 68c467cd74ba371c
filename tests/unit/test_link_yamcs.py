"""Our XTCE against the one that Yamcs' own generator makes of the same dictionary: types, states, units, limits, argument ranges."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from yamcs import pymdb

from isoloop.dictionary import load_dictionary
from isoloop.dictionary.model import TYPE_RANGES
from isoloop.link.xtce import NAMESPACE, render_xtce

DICTIONARY = load_dictionary()
N = f"{{{NAMESPACE}}}"
BITS = {"u8": 8, "i8": 8, "u16": 16, "i16": 16, "u32": 32, "i32": 32}


def encoding(kind: str) -> Any:
    scheme = pymdb.IntegerEncodingScheme.TWOS_COMPLEMENT if kind.startswith("i") else pymdb.IntegerEncodingScheme.UNSIGNED
    return pymdb.IntegerEncoding(BITS[kind], scheme=scheme)


def choices(group: str, kind: str) -> list[tuple[int, str]]:
    unknown = [(TYPE_RANGES[kind][1], "unknown")] if kind in ("u8", "u16") else []
    return [*DICTIONARY.groups[group].items(), *unknown]


def by_yamcs() -> ET.Element:
    """The dictionary's structures, events and telecommands as Yamcs' generator writes them."""
    system = pymdb.System("isoloop")
    for structure in DICTIONARY.structures:
        for field in structure.fields:
            name = f"{structure.name}_{field.name}"
            if field.enum:
                pymdb.EnumeratedParameter(system, name, choices(field.enum, field.type), encoding=encoding(field.type))
                continue
            is_limited = field.low is not None or field.high is not None
            alarm = pymdb.ThresholdAlarm(warning_low=field.low, warning_high=field.high) if is_limited else None
            kind = field.type
            signed, units = kind.startswith("i"), field.unit or None
            pymdb.IntegerParameter(system, name, signed, BITS[kind], units=units, encoding=encoding(kind), alarm=alarm)
    for event in DICTIONARY.events:
        for row in event.fields:
            name = f"{event.name}_{row.name}"
            if row.enum:
                pymdb.EnumeratedParameter(system, name, choices(row.enum, "i32"), encoding=encoding("i32"))
            else:
                pymdb.IntegerParameter(system, name, True, 32, encoding=encoding("i32"))
    for telecommand in DICTIONARY.telecommands:
        arguments: list[pymdb.Argument] = []
        for arg in telecommand.args:
            if arg.is_key:
                arguments.append(pymdb.BinaryArgument(arg.name, encoding=pymdb.BinaryEncoding(bits=256)))
            elif arg.enum:
                arguments.append(pymdb.EnumeratedArgument(arg.name, choices=choices(arg.enum, arg.type), encoding=encoding(arg.type)))
            else:
                signed = arg.type.startswith("i")
                bits = BITS[arg.type]
                arguments.append(
                    pymdb.IntegerArgument(arg.name, signed=signed, bits=bits, minimum=arg.min, maximum=arg.max, encoding=encoding(arg.type))
                )
        pymdb.Command(system, telecommand.name, arguments=arguments, entries=[])
    return ET.fromstring(system.dumps())


def facts(kind: ET.Element) -> dict[str, Any]:
    """What a decoder and an operator take from a type."""
    found: dict[str, Any] = {"tag": kind.tag.removeprefix(N), "size": kind.get("sizeInBits"), "signed": kind.get("signed")}
    coded = kind.find(f"{N}IntegerDataEncoding")
    if coded is not None:
        found["encoding"] = (coded.get("sizeInBits"), coded.get("encoding"))
    found["units"] = [unit.text for unit in kind.iter(f"{N}Unit")]
    found["states"] = sorted((int(row.get("value", "")), row.get("label")) for row in kind.iter(f"{N}Enumeration"))
    for name in ("ValidRange", "WarningRange"):
        found[name] = [tuple(float(row.get(end) or "nan") for end in ("minInclusive", "maxInclusive")) for row in kind.iter(f"{N}{name}")]
    sizes = [text.text for text in kind.iter(f"{N}FixedValue")]
    return {**{key: str(value) for key, value in found.items()}, "block": str(sizes)}


def types(root: ET.Element, rows: str, reference: str) -> dict[str, dict[str, Any]]:
    kinds = {kind.get("name"): kind for kind in root.iter() if kind.tag.endswith(("ParameterType", "ArgumentType"))}
    return {str(row.get("name")): facts(kinds[row.get(reference)]) for row in root.iter(f"{N}{rows}")}


@pytest.mark.req("REQ-LNK-010")
def test_parameters_have_the_types_states_units_and_limits_that_yamcs_writes() -> None:
    ours, theirs = (types(root, "Parameter", "parameterTypeRef") for root in (ET.fromstring(render_xtce()), by_yamcs()))
    assert len(theirs) > 150
    assert {name: ours.get(name) for name in theirs} == theirs
    limited = [name for name, row in theirs.items() if row["WarningRange"] != "[]"]
    assert len(limited) == sum(f.low is not None or f.high is not None for s in DICTIONARY.structures for f in s.fields) >= 15


@pytest.mark.req("REQ-LNK-010")
def test_telecommands_have_the_arguments_states_and_ranges_that_yamcs_writes() -> None:
    roots = (ET.fromstring(render_xtce()), by_yamcs())
    commands = []
    for root in roots:
        kinds = {kind.get("name"): facts(kind) for kind in root.iter() if kind.tag.endswith("ArgumentType")}
        commands.append({
            command.get("name"): [(arg.get("name"), kinds[arg.get("argumentTypeRef")]) for arg in command.iter(f"{N}Argument")]
            for command in root.iter(f"{N}MetaCommand")
        })  # fmt: skip
    assert commands[0].keys() == {row.name for row in DICTIONARY.telecommands}
    assert commands[0] == commands[1]
