"""The parts of the reference board, driven by MicroPython's own ADC, SPI and Pin on the emulated chip."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from isoloop.errors import TargetError

try:
    from isoloop.emulator import Chip, run_python
    from isoloop.emulator.board import ENABLE_BIT, ONE_SHOT_S, Board, Wiring
except TargetError as error:
    if os.environ.get("CI") == "true":
        raise
    pytest.skip(str(error), allow_module_level=True)

WIRING = Wiring(select=(2, 3, 4, 5), spi=0, latch=17, enable=20, strap=22)

SETUP = """
from machine import ADC, Pin, SPI
select = [Pin(n, Pin.OUT, value=0) for n in (2, 3, 4, 5)]
latch = Pin(17, Pin.OUT, value=1)
enable = Pin(20, Pin.OUT, value=1)
_look = Pin(15, Pin.OUT, value=0)
def look():
    _look.value(1)
    _look.value(0)
spi = SPI(0, baudrate=1000000, sck=Pin(18), mosi=Pin(19), miso=Pin(16))
def exchange(word):
    out = bytes((word >> 8, word & 255))
    got = bytearray(2)
    latch.value(0)
    latch.value(1)
    spi.write_readinto(out, got)
    latch.value(0)
    latch.value(1)
    return got[0] << 8 | got[1]
"""


class Bench:
    """A board attached by `run_python(wire=bench)`, kept for the test to look at.

    Attributes:
        seen: the drive word at each `look()` of the snippet.
    """

    board: Board
    seen: list[int]

    def __init__(self, counts: list[int] | None = None, switches: int = 0) -> None:
        self.counts, self.switches = counts or [0] * 16, switches

    def __call__(self, chip: Chip) -> None:
        self.board = Board(chip, WIRING)
        self.board.counts[:] = type(self.board.counts)("H", self.counts)
        self.board.switches = self.switches
        self.seen = []
        chip.mcu.gpio[15].add_listener(lambda state, before: self.seen.append(self.board.drive_word) if state == 1 else None)


def test_sixteen_conversions_of_every_channel_add_up_to_its_count(pico_uf2: Path) -> None:
    rng = random.Random(5)
    counts = [0, 65520, 1, 65519, *(rng.randrange(65521) for _ in range(12))]
    source = (
        SETUP
        + """
mux, b, c = ADC(26), ADC(27), ADC(28)
def conversions(adc):
    s = 0
    for _ in range(16):
        s += adc.read_u16() >> 4
    return s
sums = []
for address in range(16):
    for bit in range(4):
        select[bit].value(address >> bit & 1)
    sums.append(conversions(mux))
print(sums, conversions(b), conversions(c), sep=";")
"""
    )
    sums, b, c = run_python(pico_uf2, source, wire=Bench(counts)).output.strip().split(";")
    assert eval(sums) == [counts[channel] for channel in WIRING.multiplexed] + [0, 0]
    assert (int(b), int(c)) == (counts[1], counts[2])


def test_one_transfer_sets_the_drives_and_reads_the_switches(pico_uf2: Path) -> None:
    bench = Bench(switches=0b10_0110_0101_1010)
    output = run_python(pico_uf2, SETUP + "print(hex(exchange(0x4123)), hex(exchange(0x2AAA)))", wire=bench).output
    assert output.split() == [hex(bench.switches)] * 2
    assert bench.board.drive_word == 0x2AAA


def test_shifting_without_a_latch_moves_no_valve(pico_uf2: Path) -> None:
    bench = Bench()
    run_python(pico_uf2, SETUP + "exchange(0x0001)\nspi.write(bytes((0x12, 0x34)))", wire=bench)
    assert bench.board.drive_word == 0x0001


def test_enable_is_off_at_boot_and_follows_its_line(pico_uf2: Path) -> None:
    bench = Bench()
    lines = ("pass", "enable.value(0)", "enable.value(1)", "enable.value(0)", "enable.init(Pin.IN)")
    run_python(pico_uf2, SETUP + "".join(f"{line}\nlook()\n" for line in lines), wire=bench)
    assert bench.seen == [0, ENABLE_BIT, 0, ENABLE_BIT, 0]


def test_one_shot_ends_a_drive_that_nobody_ends_and_starts_anew_with_the_next(pico_uf2: Path) -> None:
    bench = Bench()
    source = f"""{SETUP}
import time
enable.value(0)
time.sleep_ms({round(ONE_SHOT_S * 1000) - 10})
look()
time.sleep_ms(20)
look()
enable.value(1)
enable.value(0)
look()
"""
    run_python(pico_uf2, source, wire=bench)
    assert bench.seen == [ENABLE_BIT, 0, ENABLE_BIT]


def test_strap_reads_high_until_it_is_closed(pico_uf2: Path) -> None:
    read = "from machine import Pin\nprint(Pin(22, Pin.IN, Pin.PULL_UP).value())"

    def closed(chip: Chip) -> None:
        Board(chip, WIRING).set_strap(is_low=True)

    assert run_python(pico_uf2, read, wire=Bench()).output.strip() == "1"
    assert run_python(pico_uf2, read, wire=closed).output.strip() == "0"


def test_ticks_come_at_even_periods_of_emulated_time(pico_uf2: Path) -> None:
    times_s: list[float] = []

    def wire(chip: Chip) -> None:
        Board(chip, WIRING).every(1 / 300, lambda: times_s.append(chip.time_s))

    run_python(pico_uf2, "import time\ntime.sleep_ms(1000)", wire=wire)
    assert len(times_s) >= 300
    assert max(abs(at - (number + 1) / 300) for number, at in enumerate(times_s)) < 1e-6
