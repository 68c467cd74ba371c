"""The whole application on CPython with a memory and an uplink, and a ground that talks to it."""

from __future__ import annotations

from array import array
from typing import Any

from fakes import firmware
from fakes.nor import FlakyNor
from isoloop.dictionary import load_dictionary
from isoloop.flight.records import build_nor
from isoloop.link.decoder import LinkDecoder, Report, VerificationReport
from isoloop.link.telecommand import Credentials, build_packet, frame, resolve_arguments

firmware.on_cpython()

from boards import reference  # noqa: E402
from tcs.app import App  # noqa: E402

COUNTS = (31291, 31291, 31291, 25947, 17647, 17647, 17647, 27793, *(38584,) * 7, 32760)
ALL_OPEN = 0b10_01_01_01_01_01_01
"""End switches of six open radiator valves and a shut bypass."""


class Board(FlakyNor):
    """A quiet loop at its nominal state. Valves follow their drives after `travel_ticks`; `stuck` ones do not."""

    def __init__(self, **parameters: int) -> None:
        super().__init__(build_nor(parameters, None))
        self.levels = list(COUNTS)
        self.counts = array("H", COUNTS)
        self.fresh = 0xFFFF
        self.switches = ALL_OPEN
        self.tick = 0
        self.reset_cause = 0
        self.rx = bytearray(2048)
        self.rx_count = 0
        self.link: Any = None
        self.unique_id = b"emulated"
        self.bench = 0
        self.has_maintenance = True
        self.left_for_maintenance = 0
        self.travel_ticks = 5
        self.stuck: set[int] = set()
        self._travel = [0] * 7

    def convert(self) -> None:
        """The tick's counts: each channel about its level, and none stands still."""
        for channel, level in enumerate(self.levels):
            self.counts[channel] = level + (self.tick * 7 + channel * 3 + (self.tick >> 2)) % 5

    def ticks_us(self) -> int:
        return 0

    def leave_for_maintenance(self) -> bool:
        self.left_for_maintenance += 1
        return self.has_maintenance

    def move(self, word: int) -> None:
        for valve in range(7):
            drive = word >> 2 * valve & 3
            if drive not in (1, 2) or valve in self.stuck or not word & 0x8000:
                continue
            self._travel[valve] += 1
            made = drive if self._travel[valve] > self.travel_ticks else 0
            if made:
                self._travel[valve] = 0
            self.switches = self.switches & ~(3 << 2 * valve) | made << 2 * valve


class Rig:
    """send() telecommands by name, step() ticks; reports gather in .reports."""

    def __init__(self, board: Board | None = None, credentials: Credentials | None = None, **parameters: int) -> None:
        self.dictionary = load_dictionary()
        self.board = board or Board(**parameters)
        self.credentials = credentials or Credentials()
        self.counter = 0
        self.sequence = 0
        self.pending = b""
        self.reports: list[Report] = []
        self.boot()

    def boot(self) -> None:
        kinds, lows, highs = (array("i", row) for row in (reference.KINDS, reference.LOWS, reference.HIGHS))
        self.app = App(self.board, kinds, lows, highs, reference.ADC)
        self.decoder = LinkDecoder()

    def step(self, ticks: int = 1) -> list[Report]:
        new: list[Report] = []
        board = self.board
        for _ in range(ticks):
            size = min(len(self.pending), self.app.link.budget_bytes)
            board.convert()
            board.rx[:size] = self.pending[:size]
            board.rx_count = size
            self.pending = self.pending[size:]
            assert self.app.guarded_cycle()
            self.app.ground.step(board.tick)
            board.move(self.app.drive_word)
            link = self.app.link
            count = link.drain(2048)
            new += self.decoder.feed(bytes(link.buffer[link.drained_at : link.drained_at + count]))
            board.tick += 1
        self.reports += new
        return new

    def packet(self, name: str, **arguments: object) -> bytes:
        row = self.dictionary.telecommands_by_name[name]
        self.counter += 1
        self.sequence = (self.sequence + 1) & 0x3FFF
        return build_packet(row, resolve_arguments(row, arguments), self.sequence, self.counter, self.credentials)

    def say(self, packet: bytes, ticks: int = 3) -> list[Report]:
        self.pending += frame(packet)
        return self.step(ticks)

    def send(self, name: str, ticks: int = 3, **arguments: object) -> list[Report]:
        return self.say(self.packet(name, **arguments), ticks)

    def outcome(self, name: str, ticks: int = 3, **arguments: object) -> list[str]:
        """What the verification reports said: subtype, and the reason of a failure."""
        return outcomes(self.send(name, ticks, **arguments))


def outcomes(reports: list[Report]) -> list[str]:
    dictionary = load_dictionary()
    return [
        f"{report.subtype} {report.reason_name(dictionary)}" if report.is_failure else str(report.subtype)
        for report in reports
        if isinstance(report, VerificationReport)
    ]
