"""The ground's rules where the firmware flies: every telecommand, and what is refused, on target `unix` over its link."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator

import pytest

from fakes.ground_rig import Board, Rig, outcomes
from isoloop.flight.schedule import RESET_CAUSES
from isoloop.link.crc import crc16_ccitt_false
from isoloop.link.decoder import AnswerReport, CapturesReport, LinkDecoder, ParameterReport, PieceReport, Report
from isoloop.link.telecommand import Credentials, build_packet, build_raw
from isoloop.targets.unix import UnixTarget

DONE = ["1", "3", "7"]
NEW = random.Random(8).randbytes(32)
UPLINK_BYTES = 200  # a tick
HOLE_COUNTS = 60  # a tick, off the compensator's sensors and what stands above them


class Ground(Rig):
    """A rig whose application runs on a target: what it says comes over the link alone."""

    def __init__(self, target: UnixTarget) -> None:
        self.target = target
        self.cause = RESET_CAUSES["power_on"]
        super().__init__(Board())

    def boot(self) -> None:
        self.target.start(self.board.nor, self.cause)
        self.decoder = LinkDecoder()

    def reset(self) -> None:
        self.cause = RESET_CAUSES["watchdog"]
        self.boot()
        self.step(20)

    def step(self, ticks: int = 1) -> list[Report]:
        new: list[Report] = []
        board = self.board
        for _ in range(ticks):
            board.convert()
            part, self.pending = self.pending[:UPLINK_BYTES], self.pending[UPLINK_BYTES:]
            answer = self.target.tick(array("H", board.counts), board.fresh, board.switches, board.tick, part)
            assert answer.fed
            board.move(answer.drive_word)
            new += self.decoder.feed(answer.downlink)
            board.tick += 1
        self.reports += new
        return new

    def forged(self, at: int, value: int) -> list[str]:
        """Outcome of a ping with one byte of it another, its error control right."""
        packet = bytearray(self.packet("ping"))
        packet[at] = value
        packet[-2:] = crc16_ccitt_false(packet[:-2]).to_bytes(2, "big")
        return outcomes(self.say(bytes(packet)))

    def raw(self, name: str, data: bytes) -> list[str]:
        """Outcome of a telecommand with these arguments."""
        row = self.dictionary.telecommands_by_name[name]
        self.counter += 1
        function = b"" if row.function is None else bytes([row.function])
        return outcomes(self.say(build_raw(row.service, row.subtype, function + data, 1, self.counter, self.credentials)))

    def armed(self, name: str, **arguments: object) -> list[str]:
        assert self.outcome("arm", telecommand=name) == DONE
        return self.outcome(name, ticks=60, **arguments)


@pytest.fixture
def ground() -> Iterator[Ground]:
    target = UnixTarget()
    rig = Ground(target)
    rig.step(20)
    yield rig
    target.close()


@pytest.mark.req("REQ-LNK-009")
def test_key_changes_on_the_target_and_holds_over_a_reset(ground: Ground) -> None:
    old = ground.credentials
    assert ground.outcome("key_write", key=NEW) == ["1", "4 not_armed"]
    assert ground.armed("key_write", key=NEW) == DONE
    for _ in range(2):
        assert ground.outcome("ping") == ["2 authentication"]
        ground.credentials = Credentials(old.board_id, NEW)
        assert ground.outcome("ping") == DONE
        ground.credentials = old
        ground.reset()


@pytest.mark.req("REQ-LNK-002", "REQ-LNK-004")
def test_what_is_forged_malformed_old_or_not_ours_is_refused_with_its_reason(ground: Ground) -> None:
    last = ground.packet("ping")
    assert outcomes(ground.say(last)) == DONE
    assert outcomes(ground.say(last)) == ["2 replay"]
    ground.reset()
    assert outcomes(ground.say(last)) == ["2 replay"]
    assert ground.forged(0, 0x00) == ["2 malformed"]  # a telemetry packet
    assert ground.forged(2, 0x00) == ["2 malformed"]  # a segment
    assert ground.forged(6, 0x1F) == ["2 malformed"]  # PUS version 1
    assert ground.forged(5, 0x00) == ["2 malformed"]  # another length
    assert ground.forged(1, 0x01) == ["2 apid"]
    assert ground.forged(7, 200) == ["2 service"]
    assert ground.forged(12, 0x40) == ["2 authentication"]
    assert ground.outcome("ping") == DONE
    assert ground.raw("ping", b"\x01") == ["2 length"]
    assert ground.raw("time_rate", b"\x0d") == ["2 out_of_range"]
    assert ground.raw("time_rate", b"") == ["2 length"]
    assert ground.raw("param_set", b"\x01\x00\x01\x7f\xff\xff\xff") == ["2 out_of_range"]  # more than a small integer
    assert ground.raw("param_set", b"\x01\x00\x01\x80\x00\x00\x00") == ["2 out_of_range"]
    stranger = build_packet(ground.dictionary.telecommands_by_name["ping"], (), 1, ground.counter + 1, Credentials(b"somebody", NEW))
    assert outcomes(ground.say(stranger)) == ["2 authentication"]
    ground.pending += random.Random(3).randbytes(3000)
    ground.step(40)
    assert ground.outcome("ping") == DONE


@pytest.mark.req("REQ-LNK-004")
def test_every_report_and_setting_answers_on_the_target(ground: Ground) -> None:
    housekeeping = ground.dictionary.structures[0]
    event = ground.dictionary.events[-1]
    for name in ("report_disable", "report_enable", "report_once"):
        assert ground.outcome(name, structure=housekeeping.number) == DONE
    assert ground.outcome("report_interval", structure=housekeeping.number, interval_s=1) == DONE
    assert ground.outcome("report_once", structure=999) == ["1", "4 unknown_id"]
    assert ground.outcome("event_disable", event=event.number) == DONE
    assert ground.outcome("events_disabled") == DONE
    assert ground.outcome("event_enable", event=event.number) == DONE
    assert ground.outcome("event_enable", event=254) == ["1", "4 unknown_id"]
    assert ground.outcome("time_rate", exponent=1) == DONE
    assert ground.outcome("mode_set", mode="passive") == ["1", "4 not_armed"]
    told = []
    for low, high in ((-(2**30), 1), (2**30 - 2, 2**30 - 1), (-(2**30), 2**30 - 1)):
        assert ground.outcome("monitor_add", monitor=1, field=8, low=low, high=high, repetitions=1) == DONE
        assert ground.outcome("monitor_enable", monitor=1) == DONE
        ground.step(40)
        assert ground.outcome("monitor_report", monitor=1) == DONE
        report = [report for report in ground.reports if isinstance(report, AnswerReport) and report.service == 12][-1]
        told.append(dict(report.values)["monitor_status"])
        assert ground.outcome("monitor_disable", monitor=1) == DONE
        assert ground.outcome("monitor_delete", monitor=1) == DONE
    assert told == [ground.dictionary.state_number("monitor_status", name) for name in ("above", "below", "within")]
    for name in ("monitor_enable", "monitor_disable", "monitor_report", "monitor_delete"):
        assert ground.outcome(name, monitor=2) == ["1", "3", "8 unknown_id"]
    assert ground.outcome("monitor_add", monitor=2, field=65535, low=0, high=1, repetitions=1) == ["1", "3", "8 unknown_id"]
    assert ground.outcome("monitor_add", monitor=2, field=3, low=5, high=1, repetitions=1) == ["1", "3", "8 out_of_range"]


@pytest.mark.req("REQ-LNK-004")
def test_parameters_are_set_saved_and_given_back_on_the_target(ground: Ground) -> None:
    flight = next(row for row in ground.dictionary.parameters if row.flight)
    fixed = next(row for row in ground.dictionary.parameters if not row.flight)
    assert ground.outcome("param_report", parameter=flight.number) == DONE
    assert ground.outcome("param_report", parameter=60000) == ["1", "4 unknown_id"]
    assert ground.outcome("param_set", parameter=flight.number, value=flight.max) == DONE
    assert ground.outcome("param_set", parameter=flight.number, value=flight.max + 1) == ["1", "4 out_of_range"]
    assert ground.outcome("param_set", parameter=fixed.number, value=fixed.default) == ["1", "4 not_in_flight"]
    assert ground.outcome("param_set", parameter=60000, value=1) == ["1", "4 unknown_id"]
    assert ground.outcome("param_save", slot=1, crc=0) == ["1", "3", "8 crc_mismatch"]
    assert ground.outcome("param_restore", slot=1) == ["1", "3", "8 no_record"]
    assert ground.outcome("param_restore", slot=0) == DONE
    assert ground.outcome("param_dump", ticks=200) == DONE
    assert sum(len(report.values) for report in ground.reports if isinstance(report, ParameterReport)) > len(ground.dictionary.parameters)


@pytest.mark.req("REQ-BOX-003")
def test_capture_is_frozen_listed_and_brought_down_also_after_a_reset(ground: Ground) -> None:
    ground.step(200)
    assert ground.outcome("box_freeze", ticks=700)[:2] == ["1", "3"]
    ground.step(700)
    ground.reset()
    for _ in range(2):
        assert ground.outcome("box_report", ticks=20) == DONE
        listed = [report for report in ground.reports if isinstance(report, CapturesReport)][-1]
        assert len(listed.captures) == 1
        number = listed.captures[0].number
        assert ground.outcome("box_downlink", ticks=300, capture=number, first=1, count=16) == DONE
        assert {report.number for report in ground.reports if isinstance(report, PieceReport)} >= {1, 2}
        assert ground.outcome("box_downlink", capture=number + 7, first=1, count=1) == ["1", "3", "8 no_record"]


@pytest.mark.req("REQ-MOD-002")
def test_leak_is_isolated_and_the_ground_opens_only_after_it_has_rearmed(ground: Ground) -> None:
    ground.step(400)
    for _ in range(60):
        for channel in range(7):
            ground.board.levels[channel] -= HOLE_COUNTS
        ground.step()
    ground.step(100)
    assert ground.board.switches == 0b01_10_10_10_10_10_10
    assert ground.outcome("valve_open", valve="rad1_in") == ["1", "4 not_armed"]
    assert ground.outcome("rearm") == ["1", "4 not_armed"]
    assert ground.armed("rearm") == DONE
    assert ground.outcome("valve_open", valve="rad1_in", ticks=60) == ["1", "3", "5", "7"]
    assert ground.board.switches == 0b01_10_10_10_10_10_01
    assert ground.outcome("pump_on") == DONE
    assert ground.outcome("pump_off") == DONE
    ground.board.stuck = {0}
    assert ground.outcome("valve_close", valve="rad1_in", ticks=400) == ["1", "3", "8 valve_failed"]
    ground.reset()
    assert ground.outcome("ping") == DONE
