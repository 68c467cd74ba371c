"""What the wire costs the board, in cycles of the emulated Pico: to make a housekeeping packet, to receive and authenticate a command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isoloop.bench import feigned_chip
from isoloop.dictionary import load_dictionary
from isoloop.errors import TargetError
from isoloop.flight.records import build_nor
from isoloop.link.decoder import LinkDecoder
from isoloop.link.telecommand import Credentials, build_packet, frame, resolve_arguments
from isoloop.plant import Plant
from isoloop.schema import load_scenario
from isoloop.targets import Nor

TICK_CYCLES = 12_500_000
"""Of 100 ms at 125 MHz."""
SHARE_MAX = 0.05
ENCODING = ("fill", "pack", "error control", "stuffing", "report")
DECODING = ("take", "frame", "parse", "authenticate", "arguments")
"""Steps of the receiver, in its order."""
_ROUNDS = 4
_LIMIT_S = 60.0
_TICKS = 30
_ASKED = range(11, _TICKS, 2)
"""Ticks in which the ground says something: nine of them, so that the collection after each eighth hash is in one."""
_COMPLETED = 7

_SNIPPET = """
import gc
import stopwatch
from array import array
from boards import reference
from tcs import packet, reports
from tcs.app import App
from tcs.frame_kernel import stuff
from tcs.crc import crc16
CHIP
talk = open("/talk.bin", "rb").read()
class Board(Feigned):
    def __init__(self):
        self.counts = array("H", COUNTS)
        self.fresh, self.switches, self.tick, self.reset_cause = 0xFFFF, 0x1555, 0, 0
        self.rx, self.rx_count, self.link, self.unique_id = bytearray(2048), 0, None, b"emulated"
    def nor_program(self, sector, page, buffer):
        pages[sector * 16 + page] = bytes(buffer)
    def ticks_us(self): return 0
board = Board()
app = App(board, reference.KINDS, reference.LOWS, reference.HIGHS, reference.ADC)
start, stop = stopwatch.start, stopwatch.stop
for i in range(3):
    app.guarded_cycle()
    app.ground.step(i)
    app.link.drain(2048)
    board.tick += 1
telemetry, hk, link = app.telemetry, app.telemetry.hk, app.link
at = packet.SOURCE_DATA_AT + 3
size = at + reports.HK_SIZE
whole = bytearray(400)
copy = bytearray(400)
def encode():
    start(); stop()
    start(); app.housekeeping.fill(hk, 0); stop()
    start(); reports.pack_housekeeping(whole, at, hk); stop()
    start(); crc16(whole, 1, size); stop()
    copy[:] = whole
    start(); stuff(copy, 0, size + 2); stop()
    telemetry.once[0] = 1
    telemetry.enabled[0] = 0
    before = link.backlog_bytes()
    start(); telemetry.report_housekeeping(7); stop()
    if not before < link.backlog_bytes():
        raise ValueError("nothing was reported")
    while link.drain(2048): pass
uplink, command, guard = app.ground._uplink, app.ground._command, app.ground._authentication
def decode(at, size):
    board.rx[:size] = talk[at : at + size]
    gc.collect()
    start(); uplink.take(board.rx, size); stop()
    start(); length = uplink.next_packet(); stop()
    start(); a = command.parse(uplink.packet, length); stop()
    start(); b = guard.check(uplink.packet, command.tag_at, command.counter); stop()
    start(); c = command.parse_arguments(uplink.packet); stop()
    if a or b or c:
        raise ValueError("refused")
for i in range(ROUNDS): encode()
at = 0
for size in SIZES:
    decode(at, size)
    at += size
"""


@dataclass(frozen=True)
class WireCost:
    """Cycles.

    Attributes:
        encoding: of each step of a housekeeping report; `report` is all of packing and framing.
        decoding: of each step of receiving a telecommand, for a short one and the longest one.
        tick_quiet, tick_command, tick_collecting: of a whole tick behind the real board: without a telecommand (median); with one, its
            four answers and its mark in flash (median); with the collection that follows each eighth hash.
    """

    encoding: dict[str, int]
    short: dict[str, int]
    longest: dict[str, int]
    tick_quiet: int
    tick_command: int
    tick_collecting: int

    @property
    def encode(self) -> int:
        """Of a full housekeeping packet, its values collected from the stages and framed."""
        return self.encoding["fill"] + self.encoding["report"]

    @property
    def decode(self) -> int:
        """Of the longest telecommand, from bytes to arguments."""
        return sum(self.longest.values())


def measure(uf2: Path) -> WireCost:
    """Run the flashed image's own modules on the emulated chip.

    Raises:
        TargetError: the firmware failed on the chip.
    """
    from isoloop.emulator import run_python

    nor, plant = _memory()
    frames = [_frame("ping", counter, Credentials()) for counter in range(1, 1 + _ROUNDS)]
    frames += [_frame("key_write", counter, Credentials(), key=bytes(range(32))) for counter in range(11, 11 + _ROUNDS)]
    source = _SNIPPET.replace("ROUNDS", str(_ROUNDS)).replace("SIZES", repr(tuple(len(block) for block in frames)))
    source = source.replace("CHIP", feigned_chip.SNIPPET).replace("COUNTS", repr(tuple(int(count) for count in plant.counts)))
    done = run_python(uf2, source, {feigned_chip.FILE: bytes(nor.data), "talk.bin": b"".join(frames)}, _LIMIT_S)
    spans = done.spans_cycles
    empty, *encoding = (min(spans[step :: 1 + len(ENCODING)][:_ROUNDS]) for step in range(1 + len(ENCODING)))
    behind = spans[_ROUNDS * (1 + len(ENCODING)) :]
    half = len(behind) // 2
    short, longest = (
        {name: max(part[step :: len(DECODING)]) - empty for step, name in enumerate(DECODING)} for part in (behind[:half], behind[half:])
    )
    steps = {name: cycles - empty for name, cycles in zip(ENCODING, encoding, strict=True)}
    return WireCost(steps, short, longest, *_ticks())


def _memory() -> tuple[Nor, Plant]:
    scenario = load_scenario("ms22")
    plant = Plant(scenario.plant, scenario.seed, scenario.tick_ms, [])
    parameters = {**plant.firmware_params(), "tick_ms": scenario.tick_ms, "link_baud": scenario.link_baud}
    return build_nor(parameters, plant.calibration()), plant


def _frame(name: str, counter: int, credentials: Credentials, **arguments: object) -> bytes:
    row = load_dictionary().telecommands_by_name[name]
    return frame(build_packet(row, resolve_arguments(row, arguments), counter & 0x3FFF, counter, credentials))


def _ticks() -> tuple[int, int, int]:
    """Cycles of whole ticks behind the real board; see WireCost."""
    from isoloop.targets.pico import open_pico

    nor, plant = _memory()
    target = open_pico()
    cycles = []
    try:
        target.start(nor, 0)
        for tick in range(_TICKS):
            before = target.chip.cycles
            uplink = _frame("ping", tick, Credentials()) if tick in _ASKED else b""
            answer = target.tick(plant.counts, plant.fresh, plant.switches, tick, uplink)
            cycles.append(target.chip.cycles - before)
            if tick in _ASKED and _COMPLETED not in {getattr(report, "subtype", 0) for report in LinkDecoder().feed(answer.downlink)}:
                raise TargetError("the emulated Pico did not obey the telecommand whose cost was to be measured")
            plant.step(answer.drive_word)
    finally:
        target.close()
    quiet = sorted(count for tick, count in enumerate(cycles) if tick > 2 and tick % 10 and tick not in _ASKED)
    busy = sorted(cycles[tick] for tick in _ASKED if tick % 10)
    return quiet[len(quiet) // 2], busy[len(busy) // 2], busy[-1]
