"""The dictionary as XTCE 1.2 (OMG): telemetry and telecommand database for mission control systems."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from xml.etree.ElementTree import Element

from isoloop import __version__
from isoloop.dictionary import AnswerRow, Dictionary, Field, load_dictionary
from isoloop.dictionary.model import SEVERITIES, TYPE_RANGES
from isoloop.link.packet import APID
from isoloop.link.telecommand import KEY_BYTES

NAMESPACE = "http://www.omg.org/spec/XTCE/20180204"
SCHEMA_URL = f"{NAMESPACE}/SpaceSystem.xsd"
_BITS = {"u8": 8, "i8": 8, "u16": 16, "i16": 16, "u32": 32, "i32": 32}
_PRIMARY = (("VERSION", 3), ("TYPE", 1), ("SEC_HDR_FLG", 1), ("PKT_APID", 11), ("SEQ_FLGS", 2), ("SRC_SEQ_CTR", 14), ("PKT_LEN", 16))
_TM_SECONDARY = (
    ("pus_version", 4), ("time_reference_status", 4), ("service", 8), ("subtype", 8), ("message_counter", 16), ("destination", 16),
    ("coarse_s", 32), ("fine", 16),
)  # fmt: skip
_FIXED_BITS = 8 * (13 + 2)  # telemetry secondary header and error control


def render_xtce(dictionary: Dictionary | None = None) -> str:
    """The XTCE document."""
    return _Writer(dictionary or load_dictionary()).render()


class _Writer:
    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._types: dict[str, Element] = {}
        self._parameters: dict[str, Element] = {}
        self._containers: list[Element] = []

    def render(self) -> str:
        location = {"xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance", "xsi:schemaLocation": f"{NAMESPACE} {SCHEMA_URL}"}
        root = Element("SpaceSystem", {"xmlns": NAMESPACE, **location, "name": "isoloop"})
        # A header has no date: the same dictionary gives the same document.
        hash_text = f"dictionary hash 0x{self._dictionary.hash:04X}"
        ET.SubElement(root, "Header", {"version": __version__, "date": "1970-01-01T00:00:00Z", "validationStatus": "Working"})
        root.insert(0, _text("LongDescription", f"isoloop {__version__}, {hash_text}"))
        self._telemetry()
        telemetry = ET.SubElement(root, "TelemetryMetaData")
        for name, items in (
            ("ParameterTypeSet", self._types.values()), ("ParameterSet", self._parameters.values()), ("ContainerSet", self._containers),
        ):  # fmt: skip
            ET.SubElement(telemetry, name).extend(items)
        root.append(self._commands())
        ET.indent(root, "  ")
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"

    def _telemetry(self) -> None:
        for name, bits in (*_PRIMARY, *_TM_SECONDARY):
            self._parameter(name, self._integer_type(bits, False))
        self._parameter("error_control", self._integer_type(16, False))
        self._parameter("structure", self._integer_type(16, False))
        self._parameter("event", self._integer_type(16, False))
        header = self._container("CCSDSPacket", [name for name, _ in _PRIMARY], abstract=True)
        assert header is not None
        self._container("telemetry", [name for name, _ in _TM_SECONDARY], "CCSDSPacket", {"PKT_APID": APID, "TYPE": 0}, abstract=True)
        self._structures()
        self._events()
        for row in self._dictionary.answers:
            names = [self._value(f"{row.name}.{field.name}", field.type, field.enum) for field in row.fields]
            if row.row or row.data_bytes:
                names.append(self._block(row))
            self._container(row.name, [*names, "error_control"], "telemetry", {"service": row.service, "subtype": row.subtype})

    def _structures(self) -> None:
        self._container("structure_report", ["structure"], "telemetry", {"service": 3, "subtype": 25}, abstract=True)
        for row in self._dictionary.structures:
            names = [self._field(row.name, field) for field in row.fields]
            self._container(row.name, [*names, "error_control"], "structure_report", {"structure": row.number})

    def _events(self) -> None:
        for severity, subtype in SEVERITIES.items():
            self._container(f"event_{severity}", ["event"], "telemetry", {"service": 5, "subtype": subtype}, abstract=True)
        for row in self._dictionary.events:
            names = [self._value(f"{row.name}.{field.name}", "i32", field.enum) for field in row.fields]
            self._container(row.name, [*names, "error_control"], f"event_{row.severity}", {"event": row.number})

    def _block(self, row: AnswerRow) -> str:
        """What follows from the packet's length, rows or a block, as bytes."""
        kind = f"{row.name}_{'rows' if row.row else 'data'}"
        element = Element("BinaryParameterType", {"name": kind})
        size = ET.SubElement(ET.SubElement(element, "BinaryDataEncoding"), "SizeInBits")
        if row.row:
            before = _FIXED_BITS + sum(_BITS[field.type] for field in row.fields)
            dynamic = ET.SubElement(size, "DynamicValue")
            ET.SubElement(dynamic, "ParameterInstanceRef", {"parameterRef": "PKT_LEN", "useCalibratedValue": "false"})
            ET.SubElement(dynamic, "LinearAdjustment", {"slope": "8", "intercept": str(8 - before)})
        else:
            size.append(_text("FixedValue", str(8 * row.data_bytes)))
        self._types[kind] = element
        return self._parameter(kind, kind)

    def _value(self, name: str, kind: str, enum: str | None, unit: str = "", text: str = "") -> str:
        type_name = self._enum_type(kind, enum) if enum else self._integer_type(_BITS[kind], kind.startswith("i"), unit)
        return self._parameter(name.replace(".", "_"), type_name, text)

    def _field(self, structure: str, field: Field) -> str:
        """A housekeeping value. One with limits has a type of its own."""
        name = f"{structure}.{field.name}"
        if field.low is None and field.high is None:
            return self._value(name, field.type, field.enum, field.unit, field.text)
        kind = f"{structure}_{field.name}_limited"
        element = _integer("IntegerParameterType", kind, _BITS[field.type], field.type.startswith("i"), field.unit)
        ranges = ET.SubElement(ET.SubElement(element, "DefaultAlarm"), "StaticAlarmRanges")
        limits = {"minInclusive": field.low, "maxInclusive": field.high}
        ET.SubElement(ranges, "WarningRange", {key: str(value) for key, value in limits.items() if value is not None})
        self._types[kind] = element
        return self._parameter(name, kind, field.text)

    def _parameter(self, name: str, type_name: str, text: str = "") -> str:
        name = name.replace(".", "_")
        element = Element("Parameter", {"name": name, "parameterTypeRef": type_name})
        if text:
            element.append(_text("LongDescription", text))
        self._parameters[name] = element
        return name

    def _integer_type(self, bits: int, signed: bool, unit: str = "") -> str:
        name = f"{'i' if signed else 'u'}{bits}" + (f"_{_slug(unit)}" if unit else "")
        if name not in self._types:
            self._types[name] = _integer("IntegerParameterType", name, bits, signed, unit)
        return name

    def _enum_type(self, kind: str, group: str) -> str:
        name = f"{group}_{kind}"
        if name not in self._types:
            self._types[name] = self._enumerated("EnumeratedParameterType", name, kind, group)
        return name

    def _enumerated(self, tag: str, name: str, kind: str, group: str) -> Element:
        element = Element(tag, {"name": name})
        ET.SubElement(element, "UnitSet")
        element.append(_encoding(_BITS[kind], kind.startswith("i")))
        states = ET.SubElement(element, "EnumerationList")
        for number, label in self._dictionary.groups[group].items():
            ET.SubElement(states, "Enumeration", {"value": str(number), "label": label})
        # Unknown, or of a newer firmware: every other value has a name too, so that a decoder does not stop at it.
        if kind in ("u8", "u16"):
            top = TYPE_RANGES[kind][1]
            ET.SubElement(states, "Enumeration", {"value": str(top), "label": "unknown"})
        return element

    def _container(
        self, name: str, entries: list[str], base: str = "", conditions: dict[str, int] | None = None, abstract: bool = False
    ) -> Element:
        element = Element("SequenceContainer", {"name": name, **({"abstract": "true"} if abstract else {})})
        listed = ET.SubElement(element, "EntryList")
        for entry in entries:
            ET.SubElement(listed, "ParameterRefEntry", {"parameterRef": entry.replace(".", "_")})
        if base:
            inherited = ET.SubElement(element, "BaseContainer", {"containerRef": base})
            criteria = ET.SubElement(ET.SubElement(inherited, "RestrictionCriteria"), "ComparisonList")
            for parameter, value in (conditions or {}).items():
                ET.SubElement(criteria, "Comparison", {"parameterRef": parameter, "value": str(value), "useCalibratedValue": "false"})
        self._containers.append(element)
        return element

    def _commands(self) -> Element:
        """Arguments with their ranges and states; the headers as fixed values. Counter and tag belong to the link that sends."""
        section = Element("CommandMetaData")
        types = ET.SubElement(section, "ArgumentTypeSet")
        commands = ET.SubElement(section, "MetaCommandSet")
        for row in self._dictionary.telecommands:
            command = ET.SubElement(commands, "MetaCommand", {"name": row.name})
            command.append(_text("LongDescription", row.text))
            if row.args:
                arguments = ET.SubElement(command, "ArgumentList")
                for arg in row.args:
                    kind = f"{row.name}_{arg.name}"
                    if arg.is_key:
                        wrapped = ET.SubElement(types, "BinaryArgumentType", {"name": kind})
                        bits = ET.SubElement(ET.SubElement(wrapped, "BinaryDataEncoding"), "SizeInBits")
                        bits.append(_text("FixedValue", str(8 * KEY_BYTES)))
                    elif arg.enum:
                        types.append(self._enumerated("EnumeratedArgumentType", kind, arg.type, arg.enum))
                    else:
                        argument = _integer("IntegerArgumentType", kind, _BITS[arg.type], arg.type.startswith("i"))
                        ranges = ET.SubElement(ET.SubElement(argument, "ValidRangeSet"), "ValidRange")
                        ranges.attrib.update(minInclusive=str(arg.min), maxInclusive=str(arg.max))
                        types.append(argument)
                    given = {"initialValue": str(arg.min)} if arg.is_fixed else {}
                    ET.SubElement(arguments, "Argument", {"name": arg.name, "argumentTypeRef": kind, **given})
            container = ET.SubElement(command, "CommandContainer", {"name": f"{row.name}_packet"})
            entries = ET.SubElement(container, "EntryList")
            for field, value in (("service", row.service), ("subtype", row.subtype), ("function", row.function)):
                if value is None:
                    continue
                ET.SubElement(entries, "FixedValueEntry", {"name": field, "binaryValue": f"{value:02x}", "sizeInBits": "8"})
            for arg in row.args:
                ET.SubElement(entries, "ArgumentRefEntry", {"argumentRef": arg.name})
            if row.hazardous != "never":
                significance = {"consequenceLevel": "critical", "reasonForWarning": f"needs arm first: {row.hazardous}"}
                ET.SubElement(command, "DefaultSignificance", significance)
        return section


def _integer(tag: str, name: str, bits: int, signed: bool, unit: str = "") -> Element:
    element = Element(tag, {"name": name, "signed": str(signed).lower(), "sizeInBits": str(bits)})
    units = ET.SubElement(element, "UnitSet")
    if unit:
        units.append(_text("Unit", unit))
    element.append(_encoding(bits, signed))
    return element


def _encoding(bits: int, signed: bool) -> Element:
    return Element("IntegerDataEncoding", {"sizeInBits": str(bits), "encoding": "twosComplement" if signed else "unsigned"})


def _text(tag: str, text: str) -> Element:
    element = Element(tag)
    element.text = text
    return element


def _slug(unit: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in unit)
