"""Captures out of a recorded link: a log replays offline, the black box with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from isoloop.cli.blackbox import blackbox
from isoloop.cli.monitor import monitor
from isoloop.errors import EXIT_EXPECTATION, EXIT_OK, InputError, UsageError
from isoloop.flight import fly
from isoloop.link import cobs
from isoloop.link.bytelog import ByteLog
from isoloop.link.decoder import LinkDecoder, PieceReport
from isoloop.schema import load_scenario

SCENARIO = """schema = "isoloop.scenario/1"
name = "frozen"
duration_s = 20
[[event]]
at_s = 2
kind = "command"
name = "box_freeze"
"""


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frozen")
    (folder / "frozen.toml").write_text(SCENARIO)
    fly(load_scenario(folder / "frozen.toml"), "unix", folder / "run")
    assert (folder / "run" / "blackbox-1.csv").exists()
    return folder / "run"


def fetch(log: Path, out: Path) -> int:
    return blackbox(None, log, out, 5.0, None, 115_200)


def is_piece(block: bytes, *numbers: int) -> bool:
    reports = LinkDecoder().feed(block + b"\0")
    return any(isinstance(report, PieceReport) and report.number in numbers for report in reports)


@pytest.mark.req("REQ-BOX-003")
def test_captures_in_a_log_are_those_of_the_flight(flight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = (flight / "link.bin").read_bytes()
    log = ByteLog(tmp_path / "link.log")
    for at in range(0, len(link), 100):
        log.add("<", link[at : at + 100])
        log.add(">", link[at : at + 50])  # what went up is not taken for what came down
    log.close()
    for source, out in ((flight / "link.bin", tmp_path / "a"), (tmp_path / "link.log", tmp_path / "b")):
        assert fetch(source, out) == EXIT_OK
        assert sorted(path.name for path in out.iterdir()) == ["blackbox-1.bin", "blackbox-1.csv"]
        for name in ("blackbox-1.bin", "blackbox-1.csv"):
            assert (out / name).read_bytes() == (flight / name).read_bytes()
    said = capsys.readouterr().out
    assert said.count("by the ground") == 2


@pytest.mark.req("REQ-BOX-003")
def test_monitor_shows_a_capture_when_its_last_piece_has_come(flight: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert monitor(None, None, flight / "link.bin", 115_200) == EXIT_OK
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " ticks around " in line]
    assert line.endswith("by the ground")


def test_capture_with_a_gap_in_the_log_is_told_and_not_written(flight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = (flight / "link.bin").read_bytes().split(b"\0")
    (tmp_path / "gap.bin").write_bytes(b"\0".join(block for block in blocks if not is_piece(block, 7, 8)))
    assert fetch(tmp_path / "gap.bin", tmp_path / "out") == EXIT_EXPECTATION
    assert capsys.readouterr().out == "capture 1 is incomplete: 14 of 16 pieces came\n"
    assert not (tmp_path / "out").exists()


def test_capture_that_is_wrong_is_told_and_one_of_another_board_gets_a_name_of_its_own(
    flight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = (flight / "link.bin").read_bytes()
    broken = b"\0".join(damaged(block) if is_piece(block, 9) else block for block in link.split(b"\0"))
    (tmp_path / "both.bin").write_bytes(link + broken + link)
    assert fetch(tmp_path / "both.bin", tmp_path / "out") == EXIT_EXPECTATION
    assert "fails its CRC" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["blackbox-1.bin", "blackbox-1.csv"]


def damaged(block: bytes) -> bytes:
    """Another byte in the piece, and a right error control around it."""
    from isoloop.link.crc import crc16_ccitt_false

    packet = bytearray(cobs.decode(block)[:-2])
    packet[100] ^= 1
    return cobs.encode(bytes(packet) + crc16_ccitt_false(bytes(packet)).to_bytes(2, "big"))


def test_blackbox_wants_a_port_or_a_log_and_a_log_that_is_there(tmp_path: Path) -> None:
    for port, log in ((None, None), ("/dev/null", tmp_path / "x")):
        with pytest.raises(UsageError, match="either a PORT or --replay"):
            blackbox(port, log, tmp_path, 5.0, None, 115_200)
    with pytest.raises(InputError):
        fetch(tmp_path / "none.log", tmp_path)


def test_log_without_a_capture_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.bin").write_bytes(b"")
    assert fetch(tmp_path / "empty.bin", tmp_path) == EXIT_OK
    assert "no capture has come down" in capsys.readouterr().out
