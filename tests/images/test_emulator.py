"""The release image on the emulated RP2040: it boots, finds its frozen package, and counts the same cycles every time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from isoloop import images
from isoloop.errors import TargetError

try:
    from isoloop.emulator import CLOCK_HZ, Chip, EmulatorError, run_python
except TargetError as error:
    if os.environ.get("CI") == "true":
        raise
    pytest.skip(str(error), allow_module_level=True)


def test_pico_boots_and_imports_the_frozen_package(pico_uf2: Path, firmware_tree: Path) -> None:
    known = images.info("pico", firmware_tree)
    assert known is not None
    result = run_python(pico_uf2, "import sys, tcs.crc, build_id\nprint(sys.platform, build_id.IMAGE_ID)\nprint(tcs.crc.__file__)")
    assert result.output.splitlines() == [f"rp2 {known.image_id}", "tcs/crc.py"]


def test_pico_has_the_board_s_numbers_and_emitters(pico_uf2: Path) -> None:
    source = """
import sys, micropython, hashlib
from array import array
@micropython.viper
def first(a: ptr32) -> int:
    return a[0]
print(sys.maxsize, float(2**24) + 1.0 == float(2**24), first(array("i", [-5])), hashlib.sha256(b"").digest()[:2])
"""
    assert run_python(pico_uf2, source).output.split() == [str(2**31 - 1), "True", "-5", r"b'\xe3\xb0'"]


def test_snippet_runs_are_identical_to_the_cycle(pico_uf2: Path) -> None:
    source = "import stopwatch\nx = 0\nstopwatch.start()\nfor i in range(200): x += i // 7\nstopwatch.stop()\nprint(x)"
    one, two = run_python(pico_uf2, source), run_python(pico_uf2, source)
    assert one == two
    assert len(one.spans_cycles) == 1


def test_busy_cycles_and_emulated_time_agree(pico_uf2: Path) -> None:
    # Divisions on purpose: the emulator charged them twice.
    result = run_python(pico_uf2, "x = 1\nfor i in range(1, 500): x += 1000000 // i")
    assert result.cycles / CLOCK_HZ == pytest.approx(result.time_s, rel=1e-6)


def test_stopwatch_sees_work_grow_in_proportion(pico_uf2: Path) -> None:
    source = """
import stopwatch
def work(n):
    x = 0
    for i in range(n):
        x += i
for n in (100, 1100, 2100):
    stopwatch.start()
    work(n)
    stopwatch.stop()
"""
    short, middle, full = run_python(pico_uf2, source).spans_cycles
    assert 100_000 < middle - short < 2_000_000
    assert full - middle == pytest.approx(middle - short, rel=0.02)


def test_snippet_finds_its_files(pico_uf2: Path) -> None:
    vectors = bytes(range(256)) * 20
    source = "d = open('/data/vectors.bin', 'rb').read()\nimport helper\nprint(len(d), sum(d), helper.X)"
    result = run_python(pico_uf2, source, {"data/vectors.bin": vectors, "helper.py": b"X = 7\n"})
    assert result.output.split() == ["5120", str(sum(vectors)), "7"]


def test_snippet_that_raises_brings_its_traceback(pico_uf2: Path) -> None:
    with pytest.raises(EmulatorError, match="ZeroDivisionError: divide by zero") as caught:
        run_python(pico_uf2, "print('before')\n1 // 0")
    assert "before" in caught.value.traceback
    assert 'File "snippet.py", line 2' in caught.value.traceback


def test_snippet_that_hangs_ends_at_its_limit_of_emulated_time(pico_uf2: Path) -> None:
    with pytest.raises(EmulatorError, match=r"did not finish within 0\.03 s"):
        run_python(pico_uf2, "while True: pass", limit_s=0.03)


def test_uart_carries_bytes_both_ways(pico_uf2: Path) -> None:
    # More than its 32-byte FIFO, so that both interrupts and the pacing of the line are in play.
    boot = b"""
import machine
u = machine.UART(1, 115200, rxbuf=512)
u.write(b"ready")
n = 0
while True:
    if u.any():
        u.write(u.read(u.any()))
"""
    chip = Chip(pico_uf2, {"boot.py": boot})
    port = chip.uart[1]
    port.on_byte = lambda byte: chip.stop()
    chip.run_until(lambda: port.received == b"ready", limit_s=0.5)
    port.take()
    message = bytes(range(200))
    port.send(message)
    began_s = chip.time_s
    chip.run_until(lambda: len(port.received) == len(message), limit_s=0.5)
    assert port.take() == message
    # Ten bits a byte at 115 200 baud; the divider is within 0.2 % of it.
    assert chip.time_s - began_s == pytest.approx(len(message) * 10 / 115_200, rel=0.05)


def test_resets_are_real_and_keep_flash(pico_uf2: Path) -> None:
    boot = b"""
import machine
u = machine.UART(1, 115200)
try:
    n = int(open("/count").read())
except OSError:
    n = 0
with open("/count", "w") as f:
    f.write(str(n + 1))
u.write("%d %d;" % (n, machine.reset_cause()))
if n == 0:
    machine.WDT(timeout=50)
while True:
    machine.idle()
"""
    chip = Chip(pico_uf2, {"boot.py": boot})
    port = chip.uart[1]
    port.on_byte = lambda byte: chip.stop() if byte == ord(";") else None
    for want in (b"0 1;", b"1 3;"):  # PWRON_RESET, then WDT_RESET
        chip.run_until(lambda: port.received.endswith(b";"), limit_s=2)
        assert port.take() == want
    assert chip.time_s > 0.05
    chip.power_cycle()
    chip.run_until(lambda: port.received.endswith(b";"), limit_s=2)
    assert port.take() == b"2 1;"


def test_new_board_formats_its_flash_and_starts(pico_uf2: Path) -> None:
    chip = Chip(pico_uf2)
    chip.run_for(0.5)
    # "littlefs" stands in the superblock that MicroPython's _boot.py writes.
    assert b"littlefs" in bytes(chip.mcu.flash[(2048 - 1408) * 1024 : (2048 - 1408) * 1024 + 8192])
