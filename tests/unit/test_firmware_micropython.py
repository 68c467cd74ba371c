"""The firmware's link stack where it flies: under MicroPython, with the heap locked, and the same bytes as on CPython."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fakes import firmware
from isoloop.link.decoder import EventReport, LinkDecoder
from isoloop.targets.interpreter import find_interpreter

SCRIPT = Path(__file__).resolve().parents[1] / "mp" / "wire.py"
CASES = [("1152", "100"), ("60", "10"), ("11", "10")]


def interpreters() -> list[tuple[str, ...]]:
    from isoloop import images

    found = [find_interpreter().command]
    small = images.find("unix32")
    return [*found, (str(small),)] if small is not None else found


def run(command: tuple[str, ...], case: tuple[str, str], **environment: str) -> str:
    done = subprocess.run(
        [*command, str(SCRIPT), *case], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> str:
    """PYTHONPATH that lets CPython run the firmware's modules."""
    folder = tmp_path_factory.mktemp("shim")
    stand_in = "import builtins\nbuiltins.ptr8 = builtins.ptr16 = builtins.ptr32 = int\ndef const(x): return x\nnative = const\n"
    (folder / "micropython.py").write_text(stand_in + "def heap_lock(): pass\ndef heap_unlock(): pass\n")
    return f"{folder}{os.pathsep}{firmware.FIRMWARE}"


@pytest.mark.req("REQ-TLM-003", "REQ-APP-003")
@pytest.mark.parametrize("case", CASES)
def test_link_stack_allocates_nothing_and_sends_the_same_bytes_everywhere(case: tuple[str, str], shim: str) -> None:
    reference = run((sys.executable,), case, PYTHONPATH=shim)
    for command in interpreters():
        assert run(command, case, MICROPYPATH=str(firmware.FIRMWARE)) == reference, command
    *rows, counts = reference.splitlines()
    sequence, dropped, skipped = map(int, counts.split())
    decoder = LinkDecoder()
    reports = decoder.feed(bytes.fromhex("".join(rows)))
    statistics = decoder.statistics
    assert (statistics.bad_frames, statistics.unknown_packets, statistics.lost_packets) == (0, 0, 0)
    assert 0 <= sequence - len(reports) <= 40  # the last ones still wait in the ring
    assert dropped > 0
    assert (skipped > 0) == (case != CASES[0])
    assert any(isinstance(report, EventReport) and report.values[2:] == (0x3FFFFFFF, -0x40000000) for report in reports)
