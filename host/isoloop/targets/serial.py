"""Target `serial:PORT`: a bare board on a cable, processor in the loop (docs/targets.md).

Counts go up and drives come down its USB port each tick.

The board must be on the bench: its bench strap closed. Frames, memory and lockstep are those of the unix targets.
"""

from __future__ import annotations

import contextlib
import struct
import time
from typing import Any, NoReturn

from isoloop import __version__, images
from isoloop.dictionary import load_dictionary
from isoloop.errors import TargetError, UsageError
from isoloop.link.decoder import LinkDecoder
from isoloop.targets.base import Identity, TickAnswer
from isoloop.targets.cable import Cable
from isoloop.targets.nor import ERASE_MS, Nor, NorError

ASK_S = 10.0
"""Longest wait for a board to say what it is; its own reset is in it."""
_ASK_EVERY_S = 1.5
_SEEN_MAX_BYTES = 8192
_TICK, _QUIT, _READY, _DONE, _READ, _PROGRAM, _ERASE, _LAST_WORDS = (ord(letter) for letter in "TQBDRPEX")
_HEAD = struct.Struct("<8H")
_ANSWER = struct.Struct("<4H")
_QUIT_FRAME = _HEAD.pack(_QUIT, 0, 0, 0, 0, 0, 0, 0) + bytes(32)
_FED = 1
_HELLO = b"isoloop bench 1 "
_REFUSED = b"isoloop bench refused"
STRAP_HINT = "close its bench strap (GP21 to ground on the reference board) and reset it"


class SerialTarget:
    """One board on its bench. See isoloop.targets.base.Target."""

    def __init__(self, url: str, hang_s: float, ask_s: float = ASK_S) -> None:
        """
        Args:
            url: of its port, as pyserial names it.
            hang_s: longest wait for an answer, wall time.
            ask_s: longest wait for the board to greet.

        Raises:
            UsageError, TargetError: as isoloop.link.ports.open_port().
        """
        self.name = f"serial:{url}"
        self.stall_ms = 0
        self._url = url
        self._hang_s = hang_s
        self._ask_s = ask_s
        self._cable = Cable(url, "port {url} vanished ({reason}): the cable, or a reset of the board; plug it in and run again")
        self._is_flying = False
        self._identity: Identity | None = None
        self._nor = Nor()
        self._reset_cause = 0
        self._data = b""

    def start(self, nor: Nor, reset_cause: int) -> None:
        """Let the board begin from nothing, on this memory, which stays on the host; returns when it waits for its first tick."""
        self.stop()
        self.identity()
        self._nor = nor
        self._reset_cause = reset_cause
        self._data = b""
        self._cable.write(b"\nisoloop bench go\n")
        self._is_flying = True
        self._skip_to_first_frame()
        self._serve(_READY, "at boot")
        self.stall_ms = 0

    def tick(self, counts: Any, fresh: int, switches: int, tick: int, uplink: bytes = b"") -> TickAnswer:
        """One exchange; see Target.tick."""
        if not self._is_flying:
            raise TargetError(f"target {self.name} is not running")
        head = _HEAD.pack(_TICK, len(uplink), tick & 0xFFFF, tick >> 16, fresh, self._reset_cause, switches, 0)
        self._cable.write(head + bytes(counts) + uplink)
        return self._serve(_DONE, f"at tick {tick}")

    def stop(self) -> None:
        """Begin anew: the board resets itself and waits for a host. It is at a tick frame then, never within one."""
        if self._is_flying:
            self._is_flying = False
            with contextlib.suppress(TargetError):
                self._cable.write(_QUIT_FRAME)

    def identity(self) -> Identity:
        """What runs there, by its own word.

        Raises:
            UsageError: the board is not on its bench, or was made with another dictionary.
            TargetError: it does not answer.
        """
        if self._is_flying:
            assert self._identity is not None
            return self._identity
        words = self._ask().decode("ascii", "replace").split()
        if len(words) < 7:
            raise TargetError(f"the board on {self._url} does not say what it is: isoloop flash {self._url}")
        unique_id, image_id, dictionary_hash, system = words[3:7]
        ours = f"{load_dictionary().hash:04x}"
        if dictionary_hash != ours:
            raise UsageError(
                f"the board on {self._url} was made with dictionary 0x{dictionary_hash.upper()}, this isoloop has 0x{ours.upper()}: "
                f"isoloop flash {self._url} puts this version on it"
            )
        self._identity = Identity(__version__, f"{system.replace('_', ' ')}, board {unique_id}", _image_sha256(image_id))
        return self._identity

    def close(self) -> None:
        """Leave the board waiting for the next host."""
        self.stop()
        self._cable.close()

    def _ask(self) -> bytes:
        """The line with which the board greets."""
        seen = b""
        deadline_s = time.monotonic() + self._ask_s
        ask_at_s = 0.0
        while time.monotonic() < deadline_s:
            if time.monotonic() >= ask_at_s:
                # The frame gets a board out of the flight of a host that died; one that waits takes it for a blank line.
                self._cable.write(_QUIT_FRAME + b"\nisoloop bench?\n")
                ask_at_s = time.monotonic() + _ASK_EVERY_S
            seen = (seen + self._cable.read(0.1))[-_SEEN_MAX_BYTES:]
            for line in seen.split(b"\n")[:-1]:
                at = line.find(_HELLO)
                if at >= 0:
                    self._settle()
                    return line[at:].strip()
                if _REFUSED in line:
                    raise UsageError(
                        f"the board on {self._url} is armed for flight and refuses the bench: take the flight board away, or set its "
                        "parameter mode to passive and save it (isoloop command), then reset it"
                    )
        raise self._why_no_answer(seen)

    def _settle(self) -> None:
        """Let the answers to further questions pass."""
        while self._cable.read(0.3):
            pass

    def _why_no_answer(self, seen: bytes) -> UsageError | TargetError:
        if LinkDecoder().feed(seen):
            return UsageError(f"the board on {self._url} flies its own pins: {STRAP_HINT}")
        if b">>>" in seen:
            return UsageError(f"the board on {self._url} shows MicroPython's prompt, no isoloop runs there: isoloop flash {self._url}")
        if seen.strip(b"\0\r\n"):
            return UsageError(f"what is on {self._url} talks, but not as isoloop does: isoloop doctor {self._url} says what it is")
        return TargetError(f"nothing answers on {self._url}: {STRAP_HINT}, or put isoloop on it (isoloop flash {self._url})")

    def _skip_to_first_frame(self) -> None:
        """Past the line that says that the board begins."""
        deadline_s = time.monotonic() + self._hang_s
        while (at := self._data.find(b"isoloop bench begins\r\n")) < 0:
            if time.monotonic() >= deadline_s:
                self._fail(f"did not begin within {self._hang_s:g} s", self._data)
            self._data += self._cable.read(0.1)
        self._data = self._data[at + len(b"isoloop bench begins\r\n") :]

    def _serve(self, until: int, when: str) -> TickAnswer:
        """Take frames, serving the memory requests among them, until one of kind `until` has come."""
        while True:
            self._fill(_ANSWER.size, when)
            kind, count, third, fourth = _ANSWER.unpack_from(self._data)
            if kind not in (until, _READ, _PROGRAM, _ERASE, _LAST_WORDS):
                self._fail(f"wrote {self._data[:40]!r} where a bridge frame belongs, {when}", self._data)
            self._fill(_ANSWER.size + count, when)
            payload = self._data[_ANSWER.size : _ANSWER.size + count]
            self._data = self._data[_ANSWER.size + count :]
            if kind == until:
                return TickAnswer(third, fourth == _FED, payload)
            if kind == _LAST_WORDS:
                self._is_flying = False  # it waits for the next host already
                self._fail(f"ended {when}", payload)
            try:
                self._serve_nor(kind, fourth, third, payload)
            except NorError as error:
                self._fail(f"broke the memory's rules {when}: {error}")

    def _serve_nor(self, kind: int, sector: int, page: int, payload: bytes) -> None:
        if kind == _READ:
            self._cable.write(self._nor.read(sector, page))
        elif kind == _PROGRAM:
            self._nor.program(sector, page, payload)
        else:
            self._nor.erase(sector)
            self.stall_ms += ERASE_MS

    def _fill(self, size: int, when: str) -> None:
        deadline_s = time.monotonic() + self._hang_s
        while len(self._data) < size:
            self._data += self._cable.read(0.2)
            if time.monotonic() >= deadline_s and len(self._data) < size:
                self._fail(f"did not answer for {self._hang_s:g} s {when}", self._data)

    def _fail(self, what: str, last_words: bytes = b"") -> NoReturn:
        told = last_words.decode("utf-8", "replace")
        last_line = told.strip().splitlines()[-1:] if "Traceback" in told else []
        raise TargetError(": ".join([f"target {self.name}: the firmware {what}", *last_line]), told)


def _image_sha256(image_id: str) -> str:
    """Of the UF2 of that id where this host has built it; else the id, which names what it was made of."""
    known = images.info("pico")
    return known.sha256 if known is not None and known.image_id == image_id else image_id
