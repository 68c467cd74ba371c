"""Decoders that nobody here wrote read our downlink to the same values, and build telecommands that the firmware accepts."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import ccsdspy
import pytest
import space_packet_parser
from spacepackets.ecss import PusTc, PusTm

from fakes.ground_rig import Rig, outcomes
from isoloop import paths
from isoloop.dictionary import load_dictionary
from isoloop.flight import fly
from isoloop.link import cobs
from isoloop.link.decoder import AnswerReport, EventReport, LinkDecoder, ParameterReport, StructureReport, VerificationReport
from isoloop.link.packet import TelemetryPacket
from isoloop.link.xtce import render_xtce
from isoloop.schema import load_scenario

DICTIONARY = load_dictionary()
TALK = """schema = "isoloop.scenario/1"
name = "talk"
duration_s = 25
""" + "".join(
    f'[[event]]\nat_s = {2 + number}\nkind = "command"\nname = "{name}"\n{args}'
    for number, (name, args) in enumerate(
        [
            ("ping", ""),
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
            kind = f"verification_{report.subtype}"
            assert values[f"{kind}_request_id"] == report.packet_id
            assert values[f"{kind}_request_sequence_control"] & 0x3FFF == report.sequence
            if report.is_failure:
                assert parsed[f"{kind}_reason"] == report.reason_name(DICTIONARY)
        elif isinstance(report, ParameterReport):
            rows = bytes(values["parameter_values_rows"])
            assert rows == b"".join(n.to_bytes(2, "big") + v.to_bytes(4, "big", signed=True) for n, v in report.values)
        else:
            assert isinstance(report, AnswerReport)
            kind = f"{report.service},{report.subtype}"
        seen[kind] = seen.get(kind, 0) + 1
    return seen


@pytest.mark.req("REQ-LNK-007")
def test_space_packet_parser_reads_the_same_by_our_xtce(talk: bytes, xtce: Path) -> None:
    seen = assert_xtce_reads_the_same(talk, xtce)
    wanted = {"housekeeping", "platform", "uplink", "BOOT", "17,2", "12,9", "12,12", "9,2", "5,8", "ParameterReport"}
    wanted |= {f"verification_{subtype}" for subtype in (1, 3, 4, 5, 7, 8)}
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


def assert_ccsdspy_reads_the_same(link: bytes) -> None:
    structure = DICTIONARY.structures_by_name["housekeeping"]
    packets = [p for p in packets_of(link) if p[7:9] == b"\x03\x19" and int.from_bytes(p[19:21], "big") == structure.number]
    reports = [r for r in LinkDecoder().feed(link) if isinstance(r, StructureReport) and r.structure is structure]
    kinds = {"u": "uint", "i": "int"}
    head = {"pus": 8, "service": 8, "subtype": 8, "counter": 16, "destination": 16, "coarse": 32, "fine": 16, "id": 16}
    fields = [ccsdspy.PacketField(name=name, data_type="uint", bit_length=bits) for name, bits in head.items()]
    fields += [ccsdspy.PacketField(name=f"v_{f.name}", data_type=kinds[f.type[0]], bit_length=int(f.type[1:])) for f in structure.fields]
    fields.append(ccsdspy.PacketField(name="crc", data_type="uint", bit_length=16))
    table: Any = ccsdspy.FixedLength(fields).load(io.BytesIO(b"".join(packets)), include_primary_header=True)
    assert len(reports) == len(packets) == len(table["coarse"])
    for index, field in enumerate(structure.fields):
        assert table[f"v_{field.name}"].tolist() == [report.values[index] for report in reports], field.name


@pytest.mark.req("REQ-LNK-007")
def test_spacepackets_and_ccsdspy_read_the_same(talk: bytes) -> None:
    assert_spacepackets_reads_the_same(talk)
    assert_ccsdspy_reads_the_same(talk)


@pytest.mark.long
@pytest.mark.parametrize("name", paths.builtin_names(paths.SCENARIOS_DIR))
def test_all_three_read_every_built_in_scenario_the_same(name: str, tmp_path: Path, xtce: Path) -> None:
    fly(load_scenario(name), "unix", tmp_path)
    link = (tmp_path / "link.bin").read_bytes()[:2_000_000]
    link = link[: link.rfind(b"\0") + 1]
    assert_xtce_reads_the_same(link, xtce)
    assert_spacepackets_reads_the_same(link)
    assert_ccsdspy_reads_the_same(link)


def test_telecommands_built_by_spacepackets_are_accepted() -> None:
    rig = Rig()
    valve = (5).to_bytes(1, "big")
    for counter, (service, subtype, data) in enumerate([(17, 1, b""), (8, 1, b"\x02" + valve), (20, 130, b"")], start=1):
        body = counter.to_bytes(4, "big") + data
        unsigned = PusTc(apid=0x0A5, service=service, message_subtype=subtype, seq_count=counter, app_data=body + bytes(8))
        signed = body + rig.credentials.tag(bytes(unsigned.pack())[:-10])
        packet = PusTc(apid=0x0A5, service=service, message_subtype=subtype, seq_count=counter, app_data=signed)
        assert outcomes(rig.say(bytes(packet.pack()), ticks=12))[-1] == "7"
