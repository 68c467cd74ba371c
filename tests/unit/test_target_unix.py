"""Target unix: real MicroPython processes, sound, dying, hanging and lying."""

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fakes.firmware import make_tree
from isoloop.errors import TargetError, UsageError
from isoloop.targets import ERASE_MS, Nor, open_target
from isoloop.targets.affinity import CorePin, current_core
from isoloop.targets.interpreter import VARIABLE, Interpreter, find_interpreter
from isoloop.targets.unix import UnixTarget

COUNTS = np.arange(16, dtype=np.uint16) * 4000
LOOP = """
board = UnixBoard()
def run():
    heap_lock()
    while True:
        board.sample()
        {body}
        board.finish(board.counts[1] + board.switches, board.fresh == 3)
run()
"""
needs_affinity = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no process to a core")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[list[UnixTarget]]:
    targets: list[UnixTarget] = []
    yield targets
    for target in targets:
        target.close()


def boot(opened: list[UnixTarget], folder: Path, main: str, hang_s: float = 10.0, nor: Nor | None = None) -> UnixTarget:
    target = UnixTarget(firmware=make_tree(folder / "firmware", main), hang_s=hang_s)
    opened.append(target)
    target.start(nor or Nor(), 0)
    return target


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def pid_of(target: UnixTarget) -> int:
    assert target._process is not None
    return target._process.pid


@pytest.mark.req("REQ-TGT-001")
def test_pins_go_down_and_drives_come_up(opened: list[UnixTarget], tmp_path: Path) -> None:
    target = boot(opened, tmp_path, LOOP.format(body="pass"))
    assert target.tick(COUNTS, 3, 5, 0) == (4005, True, b"")
    assert target.tick(COUNTS + np.uint16(1), 0xFFFF, 0x2AAA, 0x3FFFFFFF) == (4001 + 0x2AAA, False, b"")


def test_tick_reset_cause_and_uplink_arrive(opened: list[UnixTarget], tmp_path: Path) -> None:
    body = """
        assert board.tick == 0x2AAA5555 and board.reset_cause == 3
        assert board.rx_count == 300 and board.rx[0] == 65 and board.rx[299] == 66
"""
    target = boot(opened, tmp_path, LOOP.format(body=body))
    target.start(Nor(), 3)
    uplink = b"A" + bytes(298) + b"B"
    assert target.tick(COUNTS, 3, 0, 0x2AAA5555, uplink) == (4000, True, b"")


def test_downlink_of_a_tick_arrives_whole(opened: list[UnixTarget], tmp_path: Path) -> None:
    main = """
class Line:
    buffer = bytearray(bytes(range(256)) * 8)
    drained_at = 3
    def drain(self, limit):
        return 2000
board = UnixBoard()
board.link = Line()
while True:
    board.sample()
    board.finish(7, True)
"""
    target = boot(opened, tmp_path, main)
    expected = (bytes(range(256)) * 8)[3:2003]
    for tick in range(20):
        assert target.tick(COUNTS, 0, 0, tick) == (7, True, expected)


def test_memory_is_served_at_boot_and_in_a_cycle_and_kept_over_a_restart(opened: list[UnixTarget], tmp_path: Path) -> None:
    main = """
board = UnixBoard()
page = bytearray(256)
board.nor_read(4, 2, page)
first = page[10]
board.sample()
board.nor_erase(4)
board.nor_read(4, 2, page)
erased = page[10]
page[10] = 0x55
board.nor_program(4, 2, page)
board.finish(first << 8 | erased, True)
while True:
    board.sample()
    board.finish(0, True)
"""
    nor = Nor()
    nor.program(4, 2, bytes([0x12]) * 256)
    target = boot(opened, tmp_path, main, nor=nor)
    assert target.tick(COUNTS, 0, 0, 0).drive_word == 0x12FF
    assert target.stall_ms == ERASE_MS
    assert nor.read(4, 2)[10] == 0x55
    target.start(nor, 2)
    assert target.stall_ms == 0
    assert target.tick(COUNTS, 0, 0, 1).drive_word == 0x55FF


@pytest.mark.req("REQ-TGT-003")
@pytest.mark.parametrize(
    ("main", "told", "trace"),
    [
        ("raise RuntimeError('early')", "exited with code 1 at boot: RuntimeError: early", "Traceback"),
        ("sys.exit(0)", "exited with code 0 at boot", ""),
        ("syntax error", "exited with code 1 at boot: SyntaxError", "Traceback"),
        ("print('hello')\nimport time\ntime.sleep(20)", "wrote b'hello", ""),
        ("sys.stdout.buffer.write(b'D\\0\\0\\0\\0\\0\\0\\0')\nUnixBoard().sample()", "wrote b'D", ""),
        ("UnixBoard().nor_read(16, 0, bytearray(256))", "broke the memory's rules at boot: there is no page 0 in a sector 16", ""),
    ],
)
def test_firmware_that_does_not_boot_is_a_target_error(opened: list[UnixTarget], tmp_path: Path, main: str, told: str, trace: str) -> None:
    with pytest.raises(TargetError) as caught:
        boot(opened, tmp_path, main)
    assert told in str(caught.value)
    assert trace in caught.value.traceback
    assert opened[0]._process is None


@pytest.mark.req("REQ-TGT-003")
@pytest.mark.parametrize(
    ("body", "told", "trace"),
    [
        ("heap_unlock(); {}['x']", "exited with code 1 at tick 0: KeyError: x", 'main.py", line'),
        ("heap_unlock(); sys.exit(0)", "exited with code 0 at tick 0", ""),
        ("heap_unlock(); sys.exit(7)", "exited with code 7 at tick 0", ""),
        ("heap_unlock(); print('debugging')", "wrote b'debugging", ""),
        ("heap_unlock(); bytearray(1 << 40)", "MemoryError", 'main.py", line'),
        ("heap_unlock(); board.nor_program(1, 16, bytes(256))", "there is no page 16", ""),
    ],
)
def test_firmware_that_dies_in_a_cycle_is_reported(opened: list[UnixTarget], tmp_path: Path, body: str, told: str, trace: str) -> None:
    target = boot(opened, tmp_path, LOOP.format(body=body))
    pid = pid_of(target)
    with pytest.raises(TargetError) as caught:
        target.tick(COUNTS, 0, 0, 0)
    assert told in str(caught.value)
    assert trace in caught.value.traceback
    assert not is_running(pid)
    with pytest.raises(TargetError, match="not running"):
        target.tick(COUNTS, 0, 0, 1)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.traceback) == (str(caught.value), caught.value.traceback)


@pytest.mark.req("REQ-TGT-003")
@pytest.mark.parametrize("main", ["while True: pass", LOOP.format(body="while True: pass")])
def test_hang_ends_within_the_limit_and_leaves_no_process(opened: list[UnixTarget], tmp_path: Path, main: str) -> None:
    target = UnixTarget(firmware=make_tree(tmp_path / "firmware", main), hang_s=0.5)
    opened.append(target)
    started_s = time.monotonic()

    def fly() -> None:
        target.start(Nor(), 0)
        target.tick(COUNTS, 0, 0, 0)

    with pytest.raises(TargetError, match=r"did not answer for 0\.5 s at (boot|tick 0)"):
        fly()
    assert 0.5 <= time.monotonic() - started_s < 5
    assert target._process is None


@pytest.mark.req("REQ-TGT-003")
def test_slow_host_is_no_hang(opened: list[UnixTarget], tmp_path: Path) -> None:
    target = boot(opened, tmp_path, LOOP.format(body="pass"), hang_s=0.2)
    target.tick(COUNTS, 3, 0, 0)
    time.sleep(0.7)  # the wait under test: the host compiles, say, while the firmware waits for its tick
    assert target.tick(COUNTS, 3, 0, 1).fed


def test_killed_firmware_names_its_signal(opened: list[UnixTarget], tmp_path: Path) -> None:
    target = boot(opened, tmp_path, LOOP.format(body="pass"))
    os.kill(pid_of(target), 15)
    with pytest.raises(TargetError, match=r"was killed by SIGTERM at tick 0"):
        target.tick(COUNTS, 0, 0, 0)


def test_close_ends_a_sound_firmware_with_code_0_and_may_be_repeated(opened: list[UnixTarget], tmp_path: Path) -> None:
    target = boot(opened, tmp_path, LOOP.format(body="pass"))
    process = target._process
    assert process is not None
    target.close()
    assert process.returncode == 0
    target.close()


def test_firmware_leaves_when_the_host_dies(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "firmware", LOOP.format(body="pass"))
    program = f"""
import os, pathlib
from isoloop.targets import Nor
from isoloop.targets.unix import UnixTarget
target = UnixTarget(firmware=pathlib.Path({str(tree)!r}))
target.start(Nor(), 0)
print(target._process.pid, flush=True)
os._exit(9)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 9, done.stderr
    deadline_s = time.monotonic() + 20
    while is_running(int(done.stdout)):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


@needs_affinity
def test_target_pins_itself_to_one_core_and_gives_the_others_back(opened: list[UnixTarget], tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    target = boot(opened, tmp_path, LOOP.format(body="pass"))
    assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(pid_of(target)) == os.sched_getaffinity(0)
    target.close()
    assert os.sched_getaffinity(0) == before


@needs_affinity
def test_named_core_is_used_and_one_that_is_not_allowed_is_folded_in() -> None:
    before = sorted(os.sched_getaffinity(0))
    for core in (before[-1], 4096):
        pin = CorePin(core)
        assert os.sched_getaffinity(0) == {core if core in before else before[core % len(before)]}
        pin.release()
        assert sorted(os.sched_getaffinity(0)) == before
    assert current_core() in before


@pytest.mark.req("REQ-TGT-001")
def test_interpreter_is_the_variable_s_then_the_wheel_s_then_the_path_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "micropython"
    fake.write_text("#!/bin/sh\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv(VARIABLE, str(fake))
    assert find_interpreter().command == (str(fake),)
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr("isoloop.targets.interpreter.WHEEL_MODULE", "no_such_module")
    assert find_interpreter().command == (str(fake),)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"no MicroPython found; install the wheel"):
        find_interpreter()
    monkeypatch.setenv(VARIABLE, "/nowhere/micropython")
    with pytest.raises(UsageError, match=f"{VARIABLE}=/nowhere/micropython is no program"):
        find_interpreter()


def test_interpreter_that_is_no_micropython_is_refused() -> None:
    with pytest.raises(UsageError, match="is no MicroPython"):
        _ = Interpreter((sys.executable,)).version
    with pytest.raises(UsageError, match="does not run as MicroPython"):
        _ = Interpreter(("/nowhere",)).version


def test_unknown_target_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="there is no target 'unx'; there is unix"):
        open_target("unx")


def test_identity_follows_the_firmware_tree(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "firmware", "pass")
    first = UnixTarget(firmware=tree).identity()
    assert UnixTarget(firmware=tree).identity() == first
    assert "MicroPython" in first.micropython
    (tree / "main.py").write_text("pass")
    assert UnixTarget(firmware=tree).identity().image_sha256 != first.image_sha256
