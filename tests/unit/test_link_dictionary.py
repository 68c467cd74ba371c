"""A firmware of another dictionary is refused wherever a host meets it: live, in a flight, in a log."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fakes.ground_rig import Rig
from isoloop.cli.monitor import monitor
from isoloop.dictionary import load_dictionary
from isoloop.errors import InputError, TargetError, UsageError
from isoloop.flight.recorder import Recorder
from isoloop.link import cobs
from isoloop.link.decoder import AnswerReport, LinkDecoder
from isoloop.link.packet import TelemetryPacket
from isoloop.link.session import GroundLink

OURS = load_dictionary().hash
WHAT_TO_DO = f"0x{OURS ^ 1:04X}, this isoloop has 0x{OURS:04X}: flash it with this version, or use the isoloop that it was flashed with"


def alive(found: int, sequence: int = 0) -> bytes:
    packet = TelemetryPacket(sequence, 17, 2, 0, 0, 0, found.to_bytes(2, "big"))
    return b"\0" + cobs.encode(packet.pack()) + b"\0"


def test_firmware_says_its_dictionary_at_boot_and_each_minute_unasked() -> None:
    rig = Rig()
    rig.step(1250)
    told = [r for r in rig.reports if isinstance(r, AnswerReport) and r.service == 17]
    assert [round(r.time_ms, -3) for r in told] == [0, 60_000, 120_000]
    assert {dict(r.values)["dictionary_hash"] for r in told} == {OURS}
    rig.boot()
    assert [r.service for r in rig.step(1) if isinstance(r, AnswerReport)] == [17]


def test_decoder_knows_a_stranger_until_ours_is_back() -> None:
    decoder = LinkDecoder()
    decoder.feed(alive(OURS))
    assert decoder.foreign_hash is None
    decoder.feed(alive(OURS ^ 1))
    assert decoder.foreign_hash == OURS ^ 1
    decoder.feed(alive(OURS))
    assert decoder.foreign_hash is None


@pytest.mark.req("REQ-LNK-011")
def test_open_link_refuses_it(tmp_path: Path) -> None:
    with GroundLink("loop://") as link:
        link._write(alive(OURS), 1e12)
        assert link.poll(0.2)
        link._write(alive(OURS ^ 1), 1e12)
        with pytest.raises(UsageError, match=f"the board on loop:// was built with dictionary {WHAT_TO_DO}"):
            link.poll(0.2)


@pytest.mark.req("REQ-LNK-011")
def test_flight_refuses_it(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, pytest.raises(TargetError, match=WHAT_TO_DO):
        recorder.downlink(alive(OURS ^ 1))


@pytest.mark.req("REQ-LNK-011")
def test_replayed_log_of_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link.bin").write_bytes(alive(OURS) + alive(OURS ^ 1, 1))
    with pytest.raises(InputError, match=WHAT_TO_DO):
        monitor(None, None, tmp_path / "link.bin", 115_200)


@pytest.mark.req("REQ-LNK-011")
def test_command_is_not_sent_to_it() -> None:
    with GroundLink("loop://") as link:
        ours = link.dictionary
        link.decoder.dictionary = dataclasses.replace(ours, states=ours.states[:-1])
        link._write(alive(OURS), 1e12)
        with pytest.raises(UsageError, match="flash it with this version"):
            link.command("pump_off", timeout_s=1)
