"""Decoders that nobody here wrote read our downlink to the same values, and build telecommands that the firmware accepts."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import ccsdspy
import pytest
import space_packet_parser
from spacepackets.ecss import PusTc, PusTm

from fakes.ground_rig import Rig, outcomes
from isoloop import paths
from isoloop.dictionary import AnswerRow, load_dictionary
from isoloop.flight import fly
from isoloop.link import cobs
from isoloop.link.decoder import (
    AnswerReport,
    CapturesReport,
    EventReport,
    LinkDecoder,
    ParameterReport,
    PieceReport,
    StructureReport,
    VerificationReport,
)
from isoloop.link.packet import TelemetryPacket
from isoloop.link.xtce import render_xtce
from isoloop.schema import Scenario, load_scenario

DICTIONARY = load_dictionary()
VERIFICATIONS = {row.subtype: row.name for row in DICTIONARY.answers if row.service == 1}
PIECES = {row.subtype: row.name for row in DICTIONARY.answers if row.data_bytes}
SHORT = ("ms21",)
"""Built-in scenarios that fly in make test; all of them in make test-long."""
TALK = """schema = "isoloop.scenario/1"
name = "talk"
duration_s = 25
""" + "".join(
    f'[[event]]\nat_s = {2 + number}\nkind = "command"\nname = "{name}"\n{args}'
    for number, (name, args) in enumerate(
        [
            ("ping", ""),
            ("box_freeze", ""),
            ("valve_close", 'args = {valve = "rad2_in"}\n'),
            ("mode_set", 'args = {mode = "inhibited"}\n'),
            ("monitor_add", 'args = {monitor = 1, field = "p_pump_pa", low = 0, high = 10, repetitions = 1}\n'),
            ("monitor_enable", "args = {monitor = 1}\n"),
            ("monitor_report", "args = {monitor = 1}\n"),
            ("time_rate", "args = {exponent = 2}\n"),
            ("event_disable", 'args = {event = "BOOT"}\n'),
            ("events_disabled", ""),
            ("param_dump", ""),
            ("report_once", 'args = {structure = "uplink"}\n'),
            ("report_once", 'args = {structure = "platform"}\n'),
            ("param_save", 'args = {slot = "prime", crc = 1}\n'),
            ("box_report", ""),
            ("box_downlink", "args = {capture = 1, first = 2, count = 3}\n"),
        ]
    )
)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A downlink with every kind of answer in it."""
    folder = tmp_path_factory.mktemp("talk")
    (folder / "talk.toml").write_text(TALK)
    fly(load_scenario(folder / "talk.toml"), "unix", folder / "out")
    return (folder / "out" / "link.bin").read_bytes()


@pytest.fixture(scope="module")
def xtce(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("xtce") / "isoloop.xml"
    path.write_text(render_xtce())
    return path


def packets_of(link: bytes) -> list[bytes]:
    return [cobs.decode(block) for block in link.split(b"\0")[:-1] if block]


def test_xtce_is_valid_by_the_standard_s_schema(xtce: Path) -> None:
    assert space_packet_parser.validate_xtce(xtce, allow_schema_download=False, print_results=False)


def assert_xtce_reads_the_same(link: bytes, xtce: Path) -> dict[str, int]:
    """Every packet, every value; returns how many packets of each container."""
    definition = space_packet_parser.load_xtce(xtce)
    packets = packets_of(link)
    reports = LinkDecoder().feed(link)
    assert len(reports) == len(packets)
    seen: dict[str, int] = {}
    read = list(space_packet_parser.ccsds_generator(io.BytesIO(b"".join(packets))))
    assert [bytes(packet) for packet in read] == packets
    for raw, report in zip(read, reports, strict=True):
        parsed = definition.parse_bytes(raw)
        values = {name: getattr(value, "raw_value", value) for name, value in parsed.items()}
        assert values["coarse_s"] * 1000 + round(values["fine"] * 1000 / 65536) == report.time_ms
        kind = type(report).__name__
        if isinstance(report, StructureReport):
            kind = report.structure.name
            for field, value in zip(report.structure.fields, report.values, strict=True):
                assert values[f"{kind}_{field.name}"] == value, field.name
                if field.enum and value in DICTIONARY.groups[field.enum]:
                    assert parsed[f"{kind}_{field.name}"] == DICTIONARY.groups[field.enum][value]
        elif isinstance(report, EventReport):
            kind = report.event.name
            assert values["event"] == report.event.number
            for row, value in zip(report.event.fields, report.values, strict=True):
                assert values[f"{kind}_{row.name}"] == value
        elif isinstance(report, VerificationReport):
            kind = VERIFICATIONS[report.subtype]
            assert values[f"{kind}_request_id"] == report.packet_id
            assert values[f"{kind}_request_sequence_control"] & 0x3FFF == report.sequence
            if report.is_failure:
                assert parsed[f"{kind}_reason"] == report.reason_name(DICTIONARY)
            elif report.step is not None:
                assert values[f"{kind}_step"] == report.step
        elif isinstance(report, ParameterReport):
            rows = bytes(values["parameter_values_rows"])
            assert rows == b"".join(n.to_bytes(2, "big") + v.to_bytes(4, "big", signed=True) for n, v in report.values)
        elif isinstance(report, CapturesReport):
            rows = bytes(values["captures_rows"])
            assert len(rows) == 11 * values["captures_count"]
            assert [int.from_bytes(rows[at : at + 4], "big") for at in range(0, len(rows), 11)] == [row.number for row in report.captures]
        elif isinstance(report, PieceReport):
            name = PIECES[bytes(raw)[8]]
            assert (values[f"{name}_transaction"], values[f"{name}_part"]) == (report.transaction, report.number)
            assert bytes(values[f"{name}_data"]) == report.data
        else:
            assert isinstance(report, AnswerReport)
            kind = f"{report.service},{report.subtype}"
            name = next(row.name for row in DICTIONARY.answers if (row.service, row.subtype) == (report.service, report.subtype))
            if report.service != 5:
                assert {key: values[f"{name}_{key}"] for key, _ in report.values} == dict(report.values)
        seen[kind] = seen.get(kind, 0) + 1
    return seen


@pytest.mark.req("REQ-LNK-007")
def test_space_packet_parser_reads_the_same_by_our_xtce(talk: bytes, xtce: Path) -> None:
    seen = assert_xtce_reads_the_same(talk, xtce)
    wanted = {"housekeeping", "platform", "uplink", "BOOT", "17,2", "12,9", "12,12", "9,2", "5,8", "ParameterReport"}
    wanted |= {"CapturesReport", "PieceReport", *(VERIFICATIONS[subtype] for subtype in (1, 3, 4, 5, 7, 8))}
    assert wanted <= seen.keys()


def assert_spacepackets_reads_the_same(link: bytes) -> None:
    for packet in packets_of(link):
        ours = TelemetryPacket.unpack(packet)
        theirs = PusTm.unpack(packet, timestamp_len=6)
        assert (theirs.service, theirs.message_subtype, theirs.apid) == (ours.service, ours.subtype, 0x0A5)
        header = theirs.pus_tm_sec_header
        assert (theirs.seq_count, header.message_counter, header.dest_id) == (ours.sequence, ours.counter, 0)
        assert bytes(theirs.timestamp) == ours.coarse_s.to_bytes(4, "big") + ours.fine.to_bytes(2, "big")
        assert bytes(theirs.tm_data) == ours.data


def listed(row: AnswerRow, fields: list[tuple[str, str]], rows: list[tuple[int, ...]]) -> tuple[str, list[tuple[str, str]], Any]:
    """An answer with a list: a name for each length, its fields, its values."""
    columns = [(f"r{at}_{field.name}", field.type) for at in range(len(rows)) for field in row.row]
    return f"{row.name} {len(rows)}", fields + columns, (len(rows), *(value for values in rows for value in values))


def assert_ccsdspy_reads_the_same(link: bytes) -> set[str]:
    """Every structure, event and answer that is in this downlink, value by value; returns which there were."""
    groups: dict[str, tuple[list[tuple[str, str]], list[bytes], list[Any]]] = {}
    for packet in packets_of(link):
        (report,) = LinkDecoder().feed(cobs.encode(packet) + b"\0")
        if isinstance(report, StructureReport):
            name, fields = report.structure.name, [("id", "u16"), *((f"v_{f.name}", f.type) for f in report.structure.fields)]
            values: Any = (report.structure.number, *report.values)
        elif isinstance(report, EventReport):
            name, fields = report.event.name, [("id", "u16"), *((f"v_{f.name}", "i32") for f in report.event.fields)]
            values = (report.event.number, *report.values)
        else:
            row = next(row for row in DICTIONARY.answers if (row.service, row.subtype) == (packet[7], packet[8]))
            name, fields = row.name, [(f"v_{f.name}", f.type) for f in row.fields]
            if isinstance(report, VerificationReport):
                last = [part for part in (report.step, report.reason) if part is not None]
                values = (report.packet_id, report.sequence | 0xC000, *last)
            elif isinstance(report, PieceReport):
                values = (report.transaction, report.number, *report.data)
                fields += [(f"d_{at}", "u8") for at in range(row.data_bytes)]
            elif isinstance(report, CapturesReport):
                rows = [(c.number, c.dictionary_hash, c.trigger, c.trigger_tick) for c in report.captures]
                name, fields, values = listed(row, fields, rows)
            elif isinstance(report, ParameterReport):
                name, fields, values = listed(row, fields, list(report.values))
            elif row.row:
                name, fields, values = listed(row, fields, [(number,) for _, number in report.values])
            else:
                values = tuple(value for _, value in report.values)
        group = groups.setdefault(name, (fields, [], []))
        group[1].append(packet)
        group[2].append((round(report.time_ms), *values))
    kinds = {"u": "uint", "i": "int"}
    head = {"pus": 8, "service": 8, "subtype": 8, "counter": 16, "destination": 16, "coarse": 32, "fine": 16}
    for name, (fields, packets, expected) in groups.items():
        layout = [ccsdspy.PacketField(name=key, data_type="uint", bit_length=bits) for key, bits in head.items()]
        layout += [ccsdspy.PacketField(name=key, data_type=kinds[kind[0]], bit_length=int(kind[1:])) for key, kind in fields]
        layout.append(ccsdspy.PacketField(name="crc", data_type="uint", bit_length=16))
        table: Any = ccsdspy.FixedLength(layout).load(io.BytesIO(b"".join(packets)), include_primary_header=True)
        times = [round(int(c) * 1000 + int(f) * 1000 / 65536) for c, f in zip(table["coarse"], table["fine"], strict=True)]
        assert list(zip(times, *(table[key].tolist() for key, _ in fields), strict=True)) == expected, name
    return set(groups)


@pytest.mark.req("REQ-LNK-007")
def test_spacepackets_and_ccsdspy_read_the_same(talk: bytes) -> None:
    assert_spacepackets_reads_the_same(talk)
    wanted = {"housekeeping", "platform", "uplink", "piece_first", "piece_between", "piece_last", "captures 1", "BOOT", "alive"}
    assert wanted <= assert_ccsdspy_reads_the_same(talk)


def assert_all_three_read_the_same(scenario: Scenario, folder: Path, xtce: Path) -> None:
    """Every byte of its downlink, and no second of it without a report."""
    fly(scenario, "unix", folder)
    link = (folder / "link.bin").read_bytes()
    seen = assert_xtce_reads_the_same(link, xtce)
    assert seen["housekeeping"] >= 0.99 * scenario.duration_s
    assert_spacepackets_reads_the_same(link)
    assert_ccsdspy_reads_the_same(link)


@pytest.mark.req("REQ-LNK-007")
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SHORT else pytest.mark.long) for name in paths.builtin_names(paths.SCENARIOS_DIR)]
)
def test_all_three_read_every_built_in_scenario_the_same(name: str, tmp_path: Path, xtce: Path) -> None:
    assert_all_three_read_the_same(load_scenario(name), tmp_path, xtce)


@pytest.mark.req("REQ-LNK-007")
def test_all_three_read_two_hours_of_the_day_the_same(tmp_path: Path, xtce: Path) -> None:
    assert_all_three_read_the_same(replace(load_scenario("nominal-orbit"), duration_s=7200.0), tmp_path, xtce)


def test_telecommands_built_by_spacepackets_are_accepted() -> None:
    rig = Rig()
    valve = (5).to_bytes(1, "big")
    for counter, (service, subtype, data) in enumerate([(17, 1, b""), (8, 1, b"\x02" + valve), (20, 130, b"")], start=1):
        body = counter.to_bytes(4, "big") + data
        unsigned = PusTc(apid=0x0A5, service=service, message_subtype=subtype, seq_count=counter, app_data=body + bytes(8))
        signed = body + rig.credentials.tag(bytes(unsigned.pack())[:-10])
        packet = PusTc(apid=0x0A5, service=service, message_subtype=subtype, seq_count=counter, app_data=signed)
        assert outcomes(rig.say(bytes(packet.pack()), ticks=12))[-1] == "7"
