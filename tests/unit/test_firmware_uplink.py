"""Telecommands through the whole application: what is obeyed, what is refused and why."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.ground_rig import Board, Rig, outcomes
from isoloop.dictionary import load_dictionary
from isoloop.link import cobs
from isoloop.link.crc import crc16_ccitt_false
from isoloop.link.decoder import AnswerReport, EventReport, ParameterReport, StructureReport, VerificationReport
from isoloop.link.telecommand import TEST_KEY, Credentials, build_packet, build_raw, frame

DONE = ["1", "3", "7"]
DICTIONARY = load_dictionary()


def position(rig: Rig, valve: int) -> int:
    return int(rig.app.valves.position[valve])


def counters(rig: Rig) -> dict[str, int]:
    sent = rig.send("report_once", structure="uplink", ticks=12)
    (report,) = [r for r in sent if isinstance(r, StructureReport) and r.structure.name == "uplink"]
    return dict(zip((field.name for field in report.structure.fields), report.values, strict=True))


def test_ping_is_answered_between_start_and_completion() -> None:
    rig = Rig()
    rig.step(1)  # in which it says by itself that it is alive
    reports = rig.send("ping")
    answers = [r for r in reports if isinstance(r, VerificationReport | AnswerReport)]
    assert [r.subtype for r in answers] == [1, 3, 2, 7]
    assert isinstance(answers[2], AnswerReport)
    assert answers[2].service == 17
    assert all(r.sequence == rig.sequence and r.packet_id == 0x18A5 for r in answers if isinstance(r, VerificationReport))


def test_only_the_asked_successes_are_reported_but_every_failure() -> None:
    rig = Rig()
    ping = DICTIONARY.telecommands_by_name["ping"]
    assert outcomes(rig.say(build_packet(ping, (), 1, 1, rig.credentials, acks=0))) == []
    assert outcomes(rig.say(build_packet(ping, (), 2, 2, rig.credentials, acks=1))) == ["7"]
    assert outcomes(rig.say(build_packet(ping, (), 3, 2, rig.credentials, acks=0))) == ["2 replay"]


# ---------------------------------------------------------------------------------------------------- who commands


@pytest.mark.req("REQ-LNK-002")
def test_replayed_and_reordered_telecommands_are_refused_and_counted() -> None:
    rig = Rig()
    first, second = rig.packet("ping"), rig.packet("ping")
    assert outcomes(rig.say(second)) == DONE
    assert outcomes(rig.say(second)) == ["2 replay"]
    assert outcomes(rig.say(first)) == ["2 replay"]
    assert counters(rig)["replay_count"] == 2


def test_chip_without_an_id_is_an_emulated_board_under_its_one_name() -> None:
    board = Board()
    board.unique_id = b"\xff" * 8
    rig = Rig(board)
    assert rig.outcome("ping") == DONE
    rig.credentials = Credentials(b"\xff" * 8)
    assert rig.outcome("ping") == ["2 authentication"]


def test_wrong_key_and_other_board_are_refused_and_counted() -> None:
    rig = Rig()
    rig.credentials = Credentials(key=bytes(32))
    assert rig.outcome("ping") == ["2 authentication"]
    rig.credentials = Credentials(board_id=b"another!")
    assert rig.outcome("ping") == ["2 authentication"]
    rig.credentials = Credentials()
    assert rig.outcome("ping") == DONE
    assert counters(rig)["authentication_count"] == 2


@given(st.integers(0, 8 * 40 - 1))
def test_any_flipped_bit_of_a_telecommand_with_its_crc_made_right_again_is_refused(bit: int) -> None:
    rig = Rig()
    packet = bytearray(rig.packet("mode_set", mode="armed")[:-2])
    packet[bit // 8 % len(packet)] ^= 1 << bit % 8
    reports = rig.say(bytes(packet) + crc16_ccitt_false(bytes(packet)).to_bytes(2, "big"))
    assert [text[0] for text in outcomes(reports)] in (["2"], [])
    assert rig.app.ground.accepted == 0


@pytest.mark.req("REQ-LNK-002")
def test_counter_survives_a_reset_and_a_counter_above_thirty_bits_is_malformed() -> None:
    rig = Rig()
    old = rig.packet("ping")
    assert outcomes(rig.say(old)) == DONE
    rig.boot()
    rig.step(2)
    assert outcomes(rig.say(old)) == ["2 replay"]
    assert rig.outcome("ping") == DONE
    ping = DICTIONARY.telecommands_by_name["ping"]
    assert outcomes(rig.say(build_packet(ping, (), 1, 1 << 30, rig.credentials))) == ["2 malformed"]
    assert outcomes(rig.say(build_packet(ping, (), 1, (1 << 30) - 1, rig.credentials))) == DONE


def test_real_board_without_a_key_obeys_nobody_and_does_not_take_the_published_one() -> None:
    board = Board()
    board.unique_id = b"\xe6\x61\x40\x01\x02\x03\x04\x05"
    rig = Rig(board)
    assert rig.outcome("ping") == ["2 no_key"]
    rig.app.ground.store.save(5, bytearray(board.unique_id + TEST_KEY), 40)
    rig.boot()
    assert rig.outcome("ping") == ["2 no_key"]
    key = random.Random(1).randbytes(32)
    rig.app.ground.store.save(5, bytearray(board.unique_id + key), 40)
    rig.boot()
    rig.credentials = Credentials(board.unique_id, key)
    assert rig.outcome("ping") == DONE
    rig.credentials = Credentials(board.unique_id)
    assert rig.outcome("ping") == ["2 authentication"]


def test_at_most_one_telecommand_a_tick_and_none_is_lost() -> None:
    rig = Rig()
    for _ in range(6):
        rig.pending += frame(rig.packet("ping"))
    sizes = [outcomes(rig.step()) for _ in range(10)]
    assert max(map(len, sizes)) <= 3
    assert [text for reports in sizes for text in reports] == DONE * 6


# ------------------------------------------------------------------------------------------- what is refused, and why


@pytest.mark.parametrize(
    ("service", "subtype", "data", "outcome"),
    [
        (99, 1, b"", ["2 service"]),
        (8, 1, b"\xfe", ["2 service"]),
        (8, 1, b"", ["2 service"]),
        (17, 1, b"\0", ["2 length"]),
        (8, 1, b"\x01", ["2 length"]),
        (8, 1, b"\x01\x07", ["2 out_of_range"]),
        (3, 5, b"\x02\x00\x01", ["2 out_of_range"]),
        (20, 3, b"\x01\x00\x34\x80\x00\x00\x00", ["2 out_of_range"]),
        (20, 3, b"\x01\x00\x34\x7f\xff\xff\xff", ["2 out_of_range"]),
    ],
)
def test_what_is_not_in_the_dictionary_is_refused_with_its_reason(service: int, subtype: int, data: bytes, outcome: list[str]) -> None:
    rig = Rig()
    assert outcomes(rig.say(build_raw(service, subtype, data, 5, 1, rig.credentials))) == outcome
    rig.counter = 1  # used up where the tag was right
    assert counters(rig)["refused_count"] == 1


@pytest.mark.parametrize(
    ("name", "arguments", "outcome"),
    [
        ("report_enable", {"structure": 77}, ["1", "4 unknown_id"]),
        ("event_disable", {"event": 250}, ["1", "4 unknown_id"]),
        ("param_report", {"parameter": 65000}, ["1", "4 unknown_id"]),
        ("param_set", {"parameter": 65000, "value": 1}, ["1", "4 unknown_id"]),
        ("param_set", {"parameter": "coolant", "value": 1}, ["1", "4 not_in_flight"]),
        ("param_set", {"parameter": "stale_ms", "value": -5}, ["1", "4 out_of_range"]),
        ("param_save", {"slot": "prime", "crc": 1}, ["1", "3", "8 crc_mismatch"]),
        ("param_restore", {"slot": "backup"}, ["1", "3", "8 no_record"]),
        ("monitor_enable", {"monitor": 3}, ["1", "3", "8 unknown_id"]),
        ("arm", {"telecommand": 200}, ["1", "4 unknown_id"]),
    ],
)
@pytest.mark.req("REQ-LNK-004")
def test_what_cannot_be_done_is_refused_with_its_reason(name: str, arguments: dict[str, Any], outcome: list[str]) -> None:
    assert Rig().outcome(name, **arguments) == outcome


# ---------------------------------------------------------------------------------------------------- functions


def test_valve_is_completed_by_its_end_switch() -> None:
    rig = Rig()
    assert rig.outcome("valve_close", valve="rad2_in", ticks=5) == ["1", "3", "5"]
    assert outcomes(rig.step(10)) == ["7"]
    assert position(rig, 2) == 1
    assert rig.outcome("valve_open", valve="rad2_in", ticks=20) == ["1", "3", "5", "7"]


def test_valve_that_sticks_fails_and_one_commanded_anew_supersedes() -> None:
    rig = Rig(valve_retries=0)
    rig.board.stuck.add(4)
    assert rig.outcome("valve_close", valve="rad3_in", ticks=80) == ["1", "3", "8 valve_failed"]
    rig.board.stuck.clear()
    assert rig.outcome("valve_close", valve="rad3_in", ticks=20) == ["1", "3", "5", "7"]
    rig.send("valve_open", valve="rad3_in")
    assert rig.outcome("valve_close", valve="rad3_in", ticks=20)[-1] == "7"
    assert [text for text in outcomes(rig.reports) if "superseded" in text] == ["8 superseded"]


def test_pump_follows_and_says_so() -> None:
    rig = Rig()
    reports = rig.send("pump_off", ticks=5)
    assert not rig.app.drive_word & 0x4000
    assert any(isinstance(r, EventReport) and r.event.name == "PUMP_COMMANDED" and r.value("on") == 0 for r in reports)
    rig.send("pump_on", ticks=5)
    assert rig.app.drive_word & 0x4000


@pytest.mark.req("REQ-LNK-003")
def test_disarming_needs_arm_then_fire_within_ten_seconds_and_once() -> None:
    rig = Rig(mode=2)
    assert rig.outcome("mode_set", mode="passive") == ["1", "4 not_armed"]
    assert rig.outcome("arm", telecommand="mode_set") == DONE
    rig.step(110)
    assert rig.outcome("mode_set", mode="passive") == ["1", "4 not_armed"]
    assert rig.outcome("arm", telecommand="valve_open") == DONE
    assert rig.outcome("mode_set", mode="passive") == ["1", "4 not_armed"]
    assert rig.outcome("arm", telecommand="mode_set") == DONE
    assert rig.outcome("mode_set", mode="passive") == DONE
    assert rig.app.isolation.mode == 1
    assert rig.outcome("mode_set", mode="armed") == DONE  # arming isolation is never hazardous
    assert rig.outcome("mode_set", mode="inhibited") == ["1", "4 not_armed"]


@pytest.mark.req("REQ-LNK-003")
def test_opening_a_valve_while_a_leak_stands_needs_arming() -> None:
    rig = Rig()
    rig.send("valve_close", valve="rad1_in", ticks=20)
    rig.app.diagnosis.latch(1)
    assert rig.outcome("valve_open", valve="rad1_in", ticks=20) == ["1", "4 not_armed"]
    assert rig.outcome("valve_close", valve="rad1_out", ticks=20) == ["1", "3", "5", "7"]
    rig.send("arm", telecommand="valve_open")
    assert rig.outcome("valve_open", valve="rad1_in", ticks=20) == ["1", "3", "5", "7"]


# ------------------------------------------------------------------------------------ reports, events, time, monitors


def events(reports: list[Any]) -> list[str]:
    return [r.event.name for r in reports if isinstance(r, EventReport)]


def structures(reports: list[Any]) -> list[str]:
    return [r.structure.name for r in reports if isinstance(r, StructureReport)]


def test_structures_are_selected_and_paced_by_the_ground() -> None:
    rig = Rig()
    rig.step(30)
    assert rig.outcome("report_interval", structure="housekeeping", interval_s=5) == DONE
    rig.step(50 - rig.board.tick % 50)
    assert structures(rig.step(200)).count("housekeeping") == 4
    rig.send("report_disable", structure="housekeeping")
    assert "housekeeping" not in structures(rig.step(60))
    assert structures(rig.send("report_once", structure="housekeeping", ticks=20)).count("housekeeping") == 1
    rig.send("report_enable", structure="uplink")
    rig.send("report_interval", structure="uplink", interval_s=1)
    assert structures(rig.step(50)).count("uplink") == 5


def test_events_can_be_silenced_one_by_one() -> None:
    rig = Rig()
    rig.send("event_disable", event="PUMP_COMMANDED")
    assert "PUMP_COMMANDED" not in events(rig.send("pump_off", ticks=10))
    (listed,) = [r for r in rig.send("events_disabled") if isinstance(r, AnswerReport)]
    assert listed.values == (("event_number", DICTIONARY.events_by_name["PUMP_COMMANDED"].number),)
    rig.send("event_enable", event="PUMP_COMMANDED")
    assert "PUMP_COMMANDED" in events(rig.send("pump_on", ticks=10))


def test_time_reports_come_at_the_commanded_rate() -> None:
    rig = Rig()
    rig.send("time_rate", exponent=2)
    rig.step(40 - rig.board.tick % 40)
    times = [r for r in rig.step(120) if isinstance(r, AnswerReport) and r.service == 9]
    assert len(times) == 3
    assert {dict(r.values)["time_coarse_s"] % 4 for r in times} == {0}


def test_monitor_reports_transitions_after_its_repetitions() -> None:
    rig = Rig()
    added = {"monitor": 2, "field": "p_cabin_pa", "low": 90_000, "high": 110_000, "repetitions": 3}
    assert rig.outcome("monitor_add", **added) == DONE
    assert rig.outcome("monitor_enable", monitor=2) == DONE
    rig.step(80)
    (first,) = [dict(r.values) for r in rig.reports if isinstance(r, AnswerReport) and r.service == 12]
    assert (first["before"], first["after"]) == (4, 1)
    rig.board.levels[7] = 6552 + 52416 * 80 // 250
    crossed = [r for r in rig.step(80) if isinstance(r, AnswerReport) and r.service == 12]
    assert len(crossed) == 1
    values = dict(crossed[0].values)
    assert (values["monitor"], values["limit"], values["before"], values["after"]) == (2, 90_000, 1, 2)
    (setting,) = [r for r in rig.send("monitor_report", monitor=2) if isinstance(r, AnswerReport)]
    assert dict(setting.values)["monitor_status"] == 2
    rig.send("monitor_disable", monitor=2)
    rig.board.levels[7] = 27793
    assert not [r for r in rig.step(80) if isinstance(r, AnswerReport)]
    assert rig.outcome("monitor_delete", monitor=2) == DONE
    assert rig.outcome("monitor_report", monitor=2) == ["1", "3", "8 unknown_id"]


# ---------------------------------------------------------------------------------------------------- parameters


def dump(rig: Rig) -> dict[int, int]:
    values: dict[int, int] = {}
    for report in rig.send("param_dump", ticks=12):
        if isinstance(report, ParameterReport):
            values.update(report.values)
    return values


def payload_crc(values: dict[int, int]) -> int:
    order = [row.number for row in DICTIONARY.parameters]
    return crc16_ccitt_false(b"".join(n.to_bytes(2, "little") + values[n].to_bytes(4, "little", signed=True) for n in order))


def test_parameters_are_dumped_set_saved_and_survive() -> None:
    rig = Rig(stale_ms=2500)
    number = DICTIONARY.parameters_by_name["clear_ms"].number
    values = dump(rig)
    assert values.keys() == DICTIONARY.parameters_by_number.keys()
    assert values[DICTIONARY.parameters_by_name["stale_ms"].number] == 2500
    assert rig.outcome("param_save", slot="backup", crc=payload_crc(values)) == DONE
    assert rig.outcome("param_set", parameter="clear_ms", value=12_345) == DONE
    (report,) = [r for r in rig.send("param_report", parameter="clear_ms") if isinstance(r, ParameterReport)]
    assert report.values == ((number, 12_345),)
    assert rig.outcome("param_save", slot="prime", crc=payload_crc(values)) == ["1", "3", "8 crc_mismatch"]
    changed = {**values, number: 12_345}
    assert rig.outcome("param_save", slot="prime", crc=payload_crc(changed)) == DONE
    rig.boot()
    rig.step(2)
    assert dump(rig) == changed
    assert rig.outcome("param_restore", slot="backup") == DONE
    assert dump(rig) == values


def test_save_that_finds_no_room_fails_and_says_so() -> None:
    rig = Rig()
    crc = payload_crc(dump(rig))
    rig.app.ground.store.tidy = lambda: False
    results = [rig.outcome("param_save", slot="backup", crc=crc)[-1] for _ in range(30)]
    assert results[0] == "7"
    assert results[-1] == "8 storage"


# ------------------------------------------------------------------------------------------------------ hostile bytes


def mutated(dice: random.Random, rig: Rig) -> bytes:
    packet = bytearray(rig.packet(dice.choice(["ping", "pump_off", "param_dump", "events_disabled"])))
    kind = dice.randrange(6)
    if kind == 0:
        packet = packet[: dice.randrange(len(packet))]
    elif kind == 1:
        packet[dice.randrange(len(packet))] ^= 1 << dice.randrange(8)
    elif kind == 2:
        packet += dice.randbytes(dice.randrange(1, 200))
    elif kind == 3:
        body = bytearray(packet[:-2])
        body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
        packet = body + crc16_ccitt_false(bytes(body)).to_bytes(2, "big")
    elif kind == 4:
        packet = bytearray(dice.randbytes(dice.randrange(0, 120)))
    else:
        body = bytearray(dice.randbytes(dice.randrange(5, 94)))
        packet = body + crc16_ccitt_false(bytes(body)).to_bytes(2, "big")
    block = bytearray(cobs.encode(bytes(packet)))
    if dice.randrange(4) == 0:
        block[dice.randrange(len(block))] = dice.randrange(256)
    return bytes(block) + b"\0" * dice.randrange(1, 3)


@pytest.mark.parametrize("seed", range(3))
def test_hostile_frames_change_nothing_and_the_next_good_one_is_obeyed(seed: int) -> None:
    rig = Rig()
    dice = random.Random(seed)
    ground = rig.app.ground
    for _ in range(4000):
        data = mutated(dice, rig)
        rig.board.rx[: len(data)] = data
        rig.board.rx_count = len(data)
        ground.step(rig.board.tick * 7 + 3)
        rig.app.link.drain(2048)
        rig.app.link.drain(2048)
    assert ground.accepted == 0
    assert rig.app.isolation.pump_on
    rig.board.rx_count = 0
    for _ in range(30):
        ground.step(3)
        while rig.app.link.drain(2048):
            pass
    rig.decoder.restart()
    rig.reports.clear()
    assert rig.outcome("ping") == DONE
    assert counters(rig)["bad_frame_count"] > 1000
