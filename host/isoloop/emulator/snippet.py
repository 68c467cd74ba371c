"""Run a piece of Python on an image, before its main.py, and get what it printed and how many cycles it took."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from isoloop.emulator.errors import EmulatorError

if TYPE_CHECKING:
    from isoloop.emulator.chip import Chip

BAUD = 115_200
STOPWATCH_GPIO = 25
"""The Pico's LED: a pin that no board file gives to anything else."""

_BEGIN, _GOOD, _BAD = b"\x02", b"\x04", b"\x15"  # STX, EOT, NAK: never part of printed text

# boot.py comes before main.py and before USB starts, so nothing but the snippet runs. Output is copied to UART0.
_BOOT = b"""\
import os, sys, machine
_uart = machine.UART(0, 115200)
os.dupterm(_uart)
_uart.write(b"\\x02")
try:
    import snippet
    _uart.write(b"\\x04")
except BaseException as error:
    sys.print_exception(error)
    _uart.write(b"\\x15")
while True:
    machine.idle()
"""

# Bound once, so that a measured span holds one call and one pin write; an empty span measures that and can be subtracted.
_STOPWATCH = b"""\
from machine import Pin
_pin = Pin(25, Pin.OUT, value=0)
start = _pin.on
stop = _pin.off
"""


@dataclass(frozen=True)
class SnippetResult:
    """What one run gave.

    Attributes:
        output: everything printed, line ends as `\\n`.
        cycles: processor cycles from before the snippet was compiled to after its last line.
        time_s: emulated time of the same stretch, sleep included.
        spans_cycles: cycles of each `stopwatch.start()` ... `stopwatch.stop()`, in order.
    """

    output: str
    cycles: int
    time_s: float
    spans_cycles: list[int] = field(default_factory=list)


def run_python(
    uf2: Path,
    source: str,
    files: Mapping[str, bytes] | None = None,
    limit_s: float = 60.0,
    wire: Callable[[Chip], object] = lambda chip: None,
) -> SnippetResult:
    """Boot an image and run a snippet on it, with its frozen modules importable and its main.py not yet started.

    The snippet may `import stopwatch` and put `stopwatch.start()` and `stopwatch.stop()` around what shall be counted.

    Args:
        source: Python of at most some 20 kB, compiled on the chip.
        files: more files for its file system, such as vectors; read them with `open("/name", "rb")`.
        limit_s: emulated seconds; ten busy ones take two minutes.
        wire: attaches parts to the chip before it starts, such as a `board.Board`.

    Raises:
        EmulatorError: the snippet raised (its traceback is the error's), the chip hung, or the emulator is missing.
    """
    from isoloop.emulator.chip import Chip

    chip = Chip(uf2, {**(files or {}), "boot.py": _BOOT, "snippet.py": source.encode(), "stopwatch.py": _STOPWATCH})
    begin: list[tuple[int, float]] = []
    end: list[tuple[int, float, bool]] = []
    rises: list[int] = []
    spans: list[int] = []

    def on_byte(byte: int) -> None:
        mark = bytes((byte,))
        if mark == _BEGIN:
            begin.append((chip.cycles, chip.time_s))
        elif mark in (_GOOD, _BAD):
            end.append((chip.cycles, chip.time_s, mark == _GOOD))
            chip.stop()

    def on_pin(state: int, before: int) -> None:
        if state == 1:
            rises.append(chip.cycles)
        elif before == 1 and rises:
            spans.append(chip.cycles - rises.pop())

    wire(chip)
    chip.uart[0].on_byte = on_byte
    chip.mcu.gpio[STOPWATCH_GPIO].add_listener(on_pin)
    chip.run_until(lambda: bool(end), limit_s)
    printed = chip.uart[0].take().strip(_BEGIN + _GOOD + _BAD).decode(errors="replace").replace("\r\n", "\n")
    cycles, time_s, good = end[0]
    if not good:
        lines = printed.strip().splitlines()
        raise EmulatorError(f"the snippet failed on the emulated chip: {lines[-1] if lines else 'no message'}", printed)
    return SnippetResult(printed, cycles - begin[0][0], time_s - begin[0][1], spans)
