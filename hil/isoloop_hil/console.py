"""A rig's port: its console, and the frames of a flight (firmware/rig/console.py and flight.py are the other end)."""

from __future__ import annotations

import contextlib
import struct
import time
from dataclasses import dataclass

from isoloop.errors import TargetError, UsageError
from isoloop.targets.cable import Cable

PROTOCOL = 1
TICKED, LATE, ONE_SHOT, NO_DAC, NO_SUPPLY, NO_SAMPLE = 1, 2, 4, 8, 16, 32
ON, MAINTENANCE, BENCH = 1, 2, 4
WHY = {
    NO_DAC: "its DACs do not answer: is the board in its socket, is the I2C wiring right (isoloop-rig test)?",
    NO_SUPPLY: "the board's supply does not follow the switch: is the board in its socket, is another cable feeding it?",
    NO_SAMPLE: "the board does not take its first sample within 10 s: flash it (docs/flash.md), or check the wire TICK (docs/hil.md)",
}
_TICK, _POWER, _QUIT, _DONE, _FAIL = (ord(letter) for letter in "TPQDF")
_HEAD = struct.Struct("<8H")
_ANSWER = struct.Struct("<6H")
_COUNTS_BYTES = 32
_HELLO = "isoloop rig"
_SILENCE_S = 1.5


@dataclass(frozen=True)
class RigIdentity:
    """What a rig says of itself: its chip, the image that it runs ("-": files on a MicroPython of other making), and on what."""

    unique_id: str
    image_id: str
    micropython: str


@dataclass(frozen=True)
class Check:
    """One line of a self-test."""

    name: str
    is_good: bool
    seen: str


@dataclass(frozen=True)
class RigAnswer:
    """Of one frame: drive word, flags, ms since the board's tick before, mV of its supply, bytes that came down its line."""

    drive_word: int
    flags: int
    took_ms: int
    supply_mv: int
    downlink: bytes


class RigPort:
    """One open rig. Not from several threads.

    Attributes:
        log: every line said and heard, for the record.
    """

    def __init__(self, url: str, wait_s: float = 60.0) -> None:
        """
        Args:
            url: of its port, as pyserial names it.
            wait_s: longest wait for an answer, wall time.

        Raises:
            UsageError, TargetError: as isoloop.link.ports.open_port().
        """
        self.url = url
        self.log: list[str] = []
        self._wait_s = wait_s
        self._cable = Cable(url, "the rig's port {url} vanished ({reason}): plug its cable in again and start anew")
        self._data = b""
        self._is_flying = False

    def identify(self) -> RigIdentity:
        """Who is there.

        Raises:
            UsageError: no rig, or one that speaks another protocol.
            TargetError: nothing answers.
        """
        self.land()
        line = self._first_answer()
        words = line.split()
        at = words.index("rig")
        if words[at + 1] != str(PROTOCOL):
            raise UsageError(
                f"the rig on {self.url} speaks protocol {words[at + 1]}, this isoloop {PROTOCOL}: "
                "put this version's firmware on it (docs/hil.md)"
            )
        return RigIdentity(words[at + 2], words[at + 3], words[at + 4].replace("_", " "))

    def ask(self, command: str) -> list[str]:
        """Say one line and return what it answers: the last line is what followed `ok`.

        Raises:
            TargetError: it answers with an error, or not at all.
        """
        self._cable.write(command.encode() + b"\n")
        lines: list[str] = []
        while True:
            line = self._line(command)
            if line.startswith("error"):
                raise TargetError(f"the rig on {self.url}: {line.removeprefix('error').strip()}", "\n".join(lines))
            if line == "ok" or line.startswith("ok "):
                return [*lines, line[3:]]
            lines.append(line)

    def self_test(self) -> list[Check]:
        """What the rig finds out about itself; the board is off afterwards."""
        try:
            lines = self.ask("test")
        except TargetError as error:
            lines = error.traceback.splitlines()
            if not lines:
                raise
        checks = []
        for line in lines:
            mark, _, rest = line.partition(" ")
            if mark in ("good", "BAD"):
                name, _, seen = rest.strip().partition(": ")
                checks.append(Check(name, mark == "good", seen))
        return checks

    def fly(self, tick_ms: int, baud: int) -> None:
        """From here on frames."""
        self.ask(f"fly {tick_ms} {baud}")
        self._is_flying = True

    def power(self, what: int, counts: bytes = bytes(_COUNTS_BYTES), switches: int = 0) -> RigAnswer:
        """Switch the board's supply: 0 is off, else ON and the straps that are closed; it wakes up to these counts and switches.

        Raises:
            TargetError: it does not come, or the board does not sample.
        """
        self._cable.write(_HEAD.pack(_POWER, what, switches, 0, 0, 0, 0, 0) + counts)
        kind, answer = self._answer("when it switched the board's supply")
        if kind == _FAIL:
            raise TargetError(f"the rig on {self.url}: {why(answer.flags)} (supply {answer.supply_mv} mV)")
        return answer

    def tick(self, counts: bytes, switches: int, uplink: bytes = b"") -> RigAnswer:
        """One tick of a flight."""
        self._cable.write(_HEAD.pack(_TICK, len(uplink), switches, 0, 0, 0, 0, 0) + counts + uplink)
        return self._answer("in a tick")[1]

    def land(self) -> None:
        """End a flight: the board goes off, the console is back."""
        if self._is_flying:
            self._is_flying = False
            self._cable.write(_HEAD.pack(_QUIT, *(0,) * 7))
            self._data = b""
            time.sleep(0.05)

    def close(self) -> None:
        """The board goes off and the port is free. May be called twice."""
        with contextlib.suppress(TargetError):
            self.land()
        self._cable.close()

    def _first_answer(self) -> str:
        # The frame gets a rig out of the flight of a host that died; at its console it is a line of noise.
        deadline_s = time.monotonic() + self._wait_s
        seen = ""
        while time.monotonic() < deadline_s:
            self._cable.write(_HEAD.pack(_QUIT, *(0,) * 7) + b"\nisoloop rig?\n")
            ask_again_s = min(deadline_s, time.monotonic() + _SILENCE_S)
            while time.monotonic() < ask_again_s:
                seen = (seen + self._cable.read(0.1).decode("latin-1"))[-4000:]
                for line in seen.split("\n")[:-1]:
                    if _HELLO + " " in line and line.strip().startswith("ok"):
                        self._settle()
                        return line.strip()
        if ">>>" in seen:
            raise UsageError(f"what is on {self.url} shows MicroPython's prompt, no rig firmware runs there: put it on (docs/hil.md)")
        if seen.strip("\0\r\n "):
            raise UsageError(f"what is on {self.url} talks, but is no rig: isoloop doctor {self.url} says what it is")
        raise TargetError(f"no rig answers on {self.url}: is its firmware on it (docs/hil.md)? plug it in again")

    def _settle(self) -> None:
        """Let the answers to further questions pass."""
        while self._cable.read(0.3):
            pass
        self._data = b""

    def _line(self, command: str) -> str:
        deadline_s = time.monotonic() + self._wait_s
        while b"\n" not in self._data:
            if time.monotonic() > deadline_s:
                raise TargetError(f"the rig on {self.url} did not answer '{command}' within {self._wait_s:g} s: plug it in again")
            self._data += self._cable.read(0.2)
        line, _, self._data = self._data.partition(b"\n")
        text = line.decode("utf-8", "replace").strip()
        self.log.append(f"{command}: {text}")
        return text

    def _answer(self, when: str) -> tuple[int, RigAnswer]:
        head = self._take(_ANSWER.size, when)
        kind, count, drives, flags, took_ms, supply_mv = _ANSWER.unpack(head)
        if kind not in (_DONE, _FAIL):
            self._is_flying = False
            text = (head + self._data + self._cable.read(1.0)).decode("utf-8", "replace")
            raise TargetError(f"the rig on {self.url} broke off {when}: {text.strip().splitlines()[-1:] or ['no reason given']}", text)
        return kind, RigAnswer(drives, flags, took_ms, supply_mv, self._take(count, when))

    def _take(self, size: int, when: str) -> bytes:
        deadline_s = time.monotonic() + self._wait_s
        while len(self._data) < size:
            if time.monotonic() > deadline_s:
                raise TargetError(f"the rig on {self.url} did not answer for {self._wait_s:g} s {when}: plug it in again")
            self._data += self._cable.read(0.2)
        taken, self._data = self._data[:size], self._data[size:]
        return taken


def why(flags: int) -> str:
    """What an answer's flags say is wrong."""
    return "; ".join(text for flag, text in WHY.items() if flags & flag) or "it failed and does not say why"
