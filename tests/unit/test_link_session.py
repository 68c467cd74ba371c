"""The ground's link over real ports: an emulated board behind a pseudo-terminal, and servers that behave badly."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from isoloop.dictionary import load_dictionary
from isoloop.errors import InputError, TargetError, UsageError
from isoloop.link import keys
from isoloop.link.bytelog import ByteLog, read_log
from isoloop.link.cobs import encode
from isoloop.link.decoder import EventReport, LinkDecoder
from isoloop.link.packet import TelemetryPacket
from isoloop.link.session import GroundLink
from isoloop.link.telecommand import Credentials


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config")


@pytest.fixture(autouse=True)
def _own_config(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))


@pytest.fixture(scope="module")
def board(config: Path) -> Iterator[str]:
    """An emulated board behind a pseudo-terminal."""
    process = subprocess.Popen(
        [sys.executable, "-m", "isoloop", "emulate", "--pty"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "XDG_CONFIG_HOME": str(config)},
    )  # fmt: skip
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.send_signal(signal.SIGINT)
    assert process.wait(15) == 0


def cli(*arguments: object, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "isoloop", *map(str, arguments)], capture_output=True, text=True, timeout=timeout_s, check=False
    )


def event_frame(sequence: int, number: int = 17) -> bytes:
    return encode(TelemetryPacket(sequence, 5, 1, 0, 1, 0, number.to_bytes(2, "big")).pack()) + b"\0"


def poll_on(link: GroundLink) -> None:
    for _ in range(10):
        link.poll(1.0)


class Server:
    """Accepts clients one after the other and does what it is told with each."""

    def __init__(self, *scripts: Callable[[socket.socket], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self._scripts = scripts
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        for script in self._scripts:
            client, _ = self._listener.accept()
            time.sleep(0.5)  # pyserial throws away what comes before its socket is open
            with contextlib.suppress(OSError):  # the client left
                script(client)
                # What the client sent and nobody read would turn the close into a reset that takes our last bytes along.
                client.shutdown(socket.SHUT_WR)
                client.settimeout(2)
                while client.recv(4096):
                    pass
            client.close()


def test_board_behind_a_pseudo_terminal_is_commanded_and_watched(board: str, tmp_path: Path) -> None:
    assert re.fullmatch(r"/dev/(pts/\d+|tty\w+)", board)
    log = ByteLog(tmp_path / "log")
    with GroundLink(board, log=log) as link:
        outcome = link.command("valve_close", {"valve": "rad2_in"}, 15)
        assert [stage.subtype for stage in outcome.stages] == [1, 3, 5, 7]
        refused = link.command("mode_set", {"mode": "inhibited"})
        assert refused.failure is not None
        assert refused.failure.reason_name(link.dictionary) == "not_armed"
        assert link.command("param_report", {"parameter": "tick_ms"}).answers
        assert link.statistics.bad_frames == link.statistics.lost_packets == 0
        with pytest.raises(TargetError, match="in use"):
            GroundLink(board, timeout_s=0.5)
    log.close()
    pieces = list(read_log(tmp_path / "log"))
    assert {direction for _, direction, _ in pieces} == {"<", ">"}
    decoder = LinkDecoder()
    reports = [report for _, direction, data in pieces if direction == "<" for report in decoder.feed(data)]
    assert len(reports) >= 8


def test_board_of_another_dictionary_is_refused_with_what_to_do(board: str) -> None:
    with GroundLink(board) as link:
        ours = link.dictionary
        link.decoder.dictionary = dataclasses.replace(ours, states=ours.states[:-1])
        with pytest.raises(UsageError, match=f"0x{ours.hash:04X}.*flash it with this version"):
            link.command("pump_off", timeout_s=10)
        link.decoder.dictionary = ours
        assert link.command("pump_on", timeout_s=10).is_completed


def test_command_line_tells_by_its_exit_code(board: str) -> None:
    done = cli("command", board, "ping")
    assert (done.returncode, done.stdout.count("ping completed")) == (0, 1), done.stderr
    refused = cli("command", board, "param_set", "parameter=coolant", "value=1")
    assert (refused.returncode, "not_in_flight" in refused.stdout) == (1, True)
    unarmed = cli("command", board, "key_write", f"key={'00' * 32}")
    assert unarmed.returncode == 1
    assert unarmed.stdout.splitlines()[-1].endswith(f"First: isoloop command {board} arm telecommand=key_write")
    wrong = cli("command", board, "param_set", "parameter=coolant")
    assert (wrong.returncode, wrong.stderr) == (2, "isoloop: param_set needs the argument 'value'\n")


def test_command_line_waits_for_what_comes_behind_the_completion(board: str) -> None:
    dumped = cli("command", board, "param_dump", "--timeout", "20").stdout.splitlines()
    assert [line.split()[2] for line in dumped if " = " in line] == [row.name for row in load_dictionary().parameters]
    told = cli("command", board, "report_once", "structure=uplink", "--timeout", "20").stdout
    for field in load_dictionary().structures_by_name["uplink"].fields:
        assert f"  {field.name} = " in told


def test_monitor_prints_lines_in_a_pipe_and_replays_its_log(board: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "isoloop", "monitor", board, "--log", str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    line = first
    while line and "p_comp_voted_pa=" not in line:  # whichever structure is due first
        line = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=15)[0]
    assert process.returncode == 0
    assert line
    assert " frames, 0 bad, 0 lost" in rest
    again = cli("monitor", "--replay", tmp_path / "log")
    assert again.stdout.splitlines()[0] == first.rstrip("\n")


def test_log_of_a_host_that_died_while_it_wrote_replays_up_to_there(tmp_path: Path) -> None:
    log = ByteLog(tmp_path / "log")
    for number in range(3):
        log.add("<", bytes([number] * 9))
    log.close()
    text = (tmp_path / "log").read_text()
    for cut in range(1, 27):
        (tmp_path / "torn").write_text(text[:-cut])
        assert [data[0] for _, _, data in read_log(tmp_path / "torn")] == [0, 1]
    (tmp_path / "bad").write_text(text.replace("0101", "01x1"))
    with pytest.raises(InputError, match="no line of a link log"):
        list(read_log(tmp_path / "bad"))


def test_key_of_another_board_is_refused(board: str, tmp_path: Path) -> None:
    file = tmp_path / "other.key"
    file.write_text(f"{b'another!'.hex()}\n{bytes(32).hex()}\n")
    file.chmod(0o600)
    done = cli("command", board, "ping", "--key", file)
    assert done.returncode == 1
    assert re.search("acceptance failed: (authentication|replay)", done.stdout)  # its counter may stand behind this board's


def test_silence_ends_with_its_time_and_code_three() -> None:
    server = Server(lambda client: time.sleep(20))
    start_s = time.monotonic()
    with GroundLink(server.url) as link:
        outcome = link.command("ping", timeout_s=1.0)
    assert not outcome.stages
    assert 0.9 < time.monotonic() - start_s < 3
    server = Server(lambda client: time.sleep(20))
    done = cli("command", server.url, "ping", "--timeout", "1")
    assert (done.returncode, done.stdout) == (3, "no answer to ping within 1 s\n")


@pytest.mark.req("REQ-LNK-008")
def test_babble_does_not_stretch_the_time() -> None:
    def babble(client: socket.socket) -> None:
        end_s = time.monotonic() + 15
        number = 0
        while time.monotonic() < end_s:
            client.sendall(event_frame(number & 0x3FFF))
            number += 1
            time.sleep(0.01)

    start_s = time.monotonic()
    with GroundLink(Server(babble).url) as link:
        link.command("ping", timeout_s=1.0)
    assert time.monotonic() - start_s < 3


@pytest.mark.req("REQ-LNK-008")
def test_broken_link_comes_back_by_itself_and_nothing_is_told_twice() -> None:
    def cut_mid_frame(client: socket.socket) -> None:
        client.sendall(event_frame(0) + event_frame(1) + event_frame(2)[:9])

    def go_on(client: socket.socket) -> None:
        client.sendall(event_frame(3)[5:] + event_frame(4) + event_frame(5))
        time.sleep(5)

    with GroundLink(Server(cut_mid_frame, go_on).url) as link:
        times = []
        deadline_s = time.monotonic() + 10
        while len(times) < 4 and time.monotonic() < deadline_s:
            times += link.poll(2.0)
        assert len(times) == 4
        assert link.reconnects == 1


def test_port_that_is_gone_for_good_is_said_in_time() -> None:
    server = Server(lambda client: None)
    link = GroundLink(server.url)
    server._listener.close()
    start_s = time.monotonic()
    with pytest.raises(TargetError, match="does not open"):
        poll_on(link)
    assert time.monotonic() - start_s < 5
    with pytest.raises(UsageError, match=r"there is no port /dev/does-not-exist: .*isoloop doctor"):
        GroundLink("/dev/does-not-exist", timeout_s=0.2)
    with pytest.raises(UsageError):
        GroundLink("nonsense://x", timeout_s=0.2)


def test_keys_are_read_and_refused(tmp_path: Path, config: Path) -> None:
    file = tmp_path / "board.key"
    file.write_text(f"{bytes(8).hex()}\n{bytes(range(32)).hex()}\n")
    file.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        keys.read_key(file)
    file.chmod(0o600)
    assert keys.read_key(file) == Credentials(bytes(8), bytes(range(32)))
    file.write_text("zz\n")
    with pytest.raises(InputError, match="no key file"):
        keys.read_key(file)
    assert keys.find_credentials(None) == Credentials()


def test_counters_only_rise(config: Path) -> None:
    seen = [keys.next_counter(b"12345678") for _ in range(20)]
    assert seen == sorted(set(seen))
    assert keys.next_counter(b"12345678") == seen[-1] + 1


@pytest.mark.req("REQ-BOX-003")
def test_black_box_of_a_live_board_is_fetched_by_the_command_line(board: str, tmp_path: Path) -> None:
    empty = cli("blackbox", board, "--out", str(tmp_path))
    assert (empty.returncode, empty.stdout) == (0, "the black box holds no capture\n")
    assert cli("command", board, "box_freeze").returncode == 0
    with GroundLink(board) as link:
        deadline_s = time.monotonic() + 15
        while not any(isinstance(r, EventReport) and r.event.name == "BLACK_BOX_SAVED" for r in link.poll(1)):
            assert time.monotonic() < deadline_s
    done = cli("blackbox", board, "--out", str(tmp_path / "new"))
    assert done.returncode == 0, done.stderr
    assert re.match(r"capture 1: \d+ ticks around [\d.]+ s, by the ground: .*/new/blackbox-1\.csv\n\Z", done.stdout)
    assert (tmp_path / "new" / "blackbox-1.bin").stat().st_size == 4096
    assert len((tmp_path / "new" / "blackbox-1.csv").read_text().splitlines()) > 30
