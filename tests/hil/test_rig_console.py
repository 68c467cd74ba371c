"""The rig's own firmware on the emulated Pico with its DACs and shift registers: console, self-test, and what it says of a broken rig."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from isoloop.errors import TargetError, UsageError
from isoloop_hil.cli import main
from isoloop_hil.console import ON, RigPort
from isoloop_hil.rig_file import load_rig_file

if TYPE_CHECKING:
    from isoloop_hil.emulated.pair import LivePair

pytestmark = pytest.mark.req("REQ-HIL-001")


@pytest.fixture
def port(empty_rig: LivePair, empty_rig_file: Path) -> Iterator[RigPort]:
    port = RigPort(empty_rig.port, 30.0)
    port.identify()
    yield port
    port.close()


def test_console_shows_counts_and_switches_and_senses_drives(empty_rig: LivePair, port: RigPort) -> None:
    parts, board = empty_rig.pair.parts, empty_rig.pair.pins_board
    assert port.ask("power on") == ["on"]
    assert parts.is_on
    port.ask("count 3 20001")
    port.ask("count 15 99999")
    assert (parts.codes[3], parts.codes[15], board.counts[3], board.counts[15]) == (20001, 65520, 20001, 65520)
    port.ask("switches 2a55")
    assert board.switches == 0x2A55
    board._latched = 0x4081
    assert port.ask("read")[0].startswith("drives 4081 enable 0 supply 33")
    assert port.ask("power off") == ["off"]
    assert set(parts.codes) == {0}


def test_console_answers_nonsense_with_one_error_and_goes_on(port: RigPort) -> None:
    for line in ("fnord", "count 99 1", "count x y", "power sideways", "fly soon", "\x01\xff"):
        if line.isprintable():
            with pytest.raises(TargetError):
                port.ask(line)
        else:
            port._cable.write(line.encode("latin-1") + b"\n")
    assert port.identify().image_id != "-"


def test_rig_is_not_taken_for_a_board(empty_rig: LivePair, monkeypatch: pytest.MonkeyPatch) -> None:
    from isoloop.flash import install, look

    assert look.look_at(empty_rig.port, 1.0).what == look.RIG
    monkeypatch.setattr(install, "build_package", lambda *_: SimpleNamespace(image_id="0" * 64, size_bytes=0))
    with pytest.raises(UsageError, match="is a rig's own Pico, not the board in it"):
        install.flash(empty_rig.port, install.Options())


def test_self_test_of_a_whole_rig_is_good(empty_rig_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(empty_rig_file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"]
    assert [row["name"] for row in told["checks"]] == [
        "supply off", "shift ring", "supply on", "DACs", "DAC outputs", "enable line", "maintenance",
    ]  # fmt: skip


def test_self_test_of_a_broken_rig_names_what_is_broken(
    empty_rig: LivePair, empty_rig_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty_rig.pair.parts.broken |= {"dac2", "ring"}
    assert main(["test", str(empty_rig_file)]) == 1
    told = capsys.readouterr().out
    assert "BAD  DACs: 0x0e missing" in told
    assert "BAD  shift ring: pattern lost" in told
    assert "good supply on" in told


def test_board_that_cannot_be_powered_is_told_by_self_test_and_flight(empty_rig: LivePair, port: RigPort) -> None:
    empty_rig.pair.parts.broken.add("supply")
    assert [(check.name, check.seen) for check in port.self_test() if not check.is_good] == [("supply on", "0 mV")]
    port.fly(100, 115200)
    with pytest.raises(TargetError, match="supply does not follow the switch"):
        port.power(ON)
    assert port.identify().unique_id == "ff" * 8


def test_rig_gets_out_of_the_flight_of_a_host_that_died(empty_rig: LivePair, port: RigPort) -> None:
    port.fly(100, 115200)
    port._is_flying = False  # as when the process is killed
    port.close()
    again = RigPort(empty_rig.port, 30.0)
    assert again.identify().unique_id == "ff" * 8
    again.close()


def test_emulated_rig_writes_its_file_and_ends_with_ctrl_c(rig_uf2: Path, pico_uf2: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "isoloop_hil.cli", "emulate", "--file", str(tmp_path / "e.toml")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == str(tmp_path / "e.toml")
    file = load_rig_file(tmp_path / "e.toml")
    assert Path(file.rig.port).exists()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert not Path(file.rig.port).exists()


def test_cli_refuses_a_file_that_is_none_with_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "none.toml", "--json"]) == 2
    told = capsys.readouterr()
    assert json.loads(told.out) == {"ok": False, "error": {"file": "none.toml", "line": None, "key": None, "text": "no such file"}}
    assert told.err == "isoloop-rig: none.toml: no such file\n"
