"""Target `unix`: the MicroPython unix port runs the firmware tree, its pins behind a pair of pipes, in lockstep (docs/targets.md)."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Any, NoReturn

from isoloop import __version__, paths
from isoloop.errors import TargetError, UsageError
from isoloop.images.hashing import tree_sha256
from isoloop.targets.affinity import CorePin
from isoloop.targets.base import HANG_S, Identity, TickAnswer
from isoloop.targets.hang_guard import HangGuard
from isoloop.targets.interpreter import Interpreter, find_interpreter
from isoloop.targets.nor import ERASE_MS, Nor, NorError

UPLINK_MAX_BYTES = 2048

_TICK, _QUIT, _READY, _DONE, _READ, _PROGRAM, _ERASE = (ord(letter) for letter in "TQBDRPE")
_HEAD = struct.Struct("<8H")
_ANSWER = struct.Struct("<4H")
_FRAME_SIZE = 48
_FED = 1
_READ_SIZE = 4096
_QUIT_S = 2.0
_LAST_WORDS_S = 1.0
_TRACEBACK_MAX_BYTES = 20_000
_QUIT_FRAME = _HEAD.pack(_QUIT, 0, 0, 0, 0, 0, 0, 0) + bytes(32)


class UnixTarget:
    """One firmware process at a time. See isoloop.targets.base.Target."""

    name = "unix"

    def __init__(
        self,
        interpreter: Interpreter | None = None,
        firmware: Path | None = None,
        core: int | None = None,
        hang_s: float = HANG_S,
        name: str = "unix",
    ) -> None:
        """
        Args:
            interpreter: the MicroPython; None: find one.
            firmware: folder with `main.py`; None: the one that travels with this package.
            core: processor core, see open_target.
            hang_s: longest wait for an answer, wall time.
            name: of the target, in results and messages.

        Raises:
            UsageError: no MicroPython, or no firmware.
        """
        self.name = name
        self.stall_ms = 0
        self._interpreter = interpreter or find_interpreter()
        try:
            self._firmware = firmware or paths.firmware_dir()
        except FileNotFoundError as error:
            raise UsageError(str(error)) from None
        self._core = core
        self._hang_s = hang_s
        self._pin: CorePin | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._guard: HangGuard | None = None
        self._to_firmware = -1
        self._from_firmware = -1
        self._nor = Nor()
        self._reset_cause = 0
        self._tick = 0
        self._frame = bytearray(_FRAME_SIZE)
        self._counts = memoryview(self._frame).cast("H")[_HEAD.size // 2 :]

    def start(self, nor: Nor, reset_cause: int) -> None:
        """Boot the firmware; returns when it waits for its first tick."""
        self.stop()
        if self._pin is None:
            self._pin = CorePin(self._core)
        self._nor = nor
        self._reset_cause = reset_cause
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MICROPY")}
        environment["MICROPYPATH"] = f".frozen:{self._firmware}"
        try:
            self._process = subprocess.Popen(
                [*self._interpreter.command, str(self._firmware / "main.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                bufsize=0,
                env=environment,
                start_new_session=True,  # its own process group: Ctrl-C is for the host, and nothing it starts outlives it
            )
        except OSError as error:
            raise TargetError(f"target {self.name} does not start: {self._interpreter.command[0]}: {error.strerror}") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to_firmware = self._process.stdin.fileno()
        self._from_firmware = self._process.stdout.fileno()
        self._guard = HangGuard(self._hang_s, self._kill)
        self._serve(_READY, "at boot")
        self.stall_ms = 0  # nothing flew while it booted

    def tick(self, counts: Any, fresh: int, switches: int, tick: int, uplink: bytes = b"") -> TickAnswer:
        """One exchange; see Target.tick."""
        guard = self._guard
        if guard is None:
            raise TargetError(f"target {self.name} is not running")
        self._tick = tick
        _HEAD.pack_into(self._frame, 0, _TICK, len(uplink), tick & 0xFFFF, tick >> 16, fresh, self._reset_cause, switches, 0)
        self._counts[:] = counts
        guard.waiting = True
        try:
            os.write(self._to_firmware, self._frame + uplink if uplink else self._frame)
            data = os.read(self._from_firmware, _READ_SIZE)
        except OSError:
            data = b""
        guard.waiting = False
        guard.exchanges += 1
        if len(data) == 8:
            kind, count, drive_word, flags = _ANSWER.unpack(data)
            if kind == _DONE and not count:
                return TickAnswer(drive_word, flags == _FED, b"")
        return self._serve(_DONE, f"at tick {tick}", data)

    def stop(self) -> None:
        """Power off at once."""
        self._kill()
        self._reap()

    def identity(self) -> Identity:
        """What runs there."""
        return Identity(__version__, self._interpreter.version, tree_sha256(self._firmware))

    def close(self) -> None:
        """Ask the firmware to quit, then end it."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                os.write(self._to_firmware, _QUIT_FRAME)
                self._process.wait(_QUIT_S)
        self.stop()
        if self._pin is not None:
            self._pin.release()
            self._pin = None

    def _serve(self, until: int, when: str, data: bytes = b"") -> TickAnswer:
        """Take frames, serving the NOR requests among them, until one of kind `until` has come."""
        while True:
            data = self._fill(data, 2, when)
            kind = data[0] | data[1] << 8
            if kind not in (until, _READ, _PROGRAM, _ERASE):
                self._fail_talking(data, when)
            data = self._fill(data, _ANSWER.size, when)
            _, count, third, fourth = _ANSWER.unpack_from(data)
            data = self._fill(data, _ANSWER.size + count, when)
            payload = data[_ANSWER.size : _ANSWER.size + count]
            data = data[_ANSWER.size + count :]
            if kind == until:
                if data:
                    self._fail_talking(data, when)
                return TickAnswer(third, fourth == _FED, payload)
            try:
                self._serve_nor(kind, fourth, third, payload)
            except NorError as error:
                self._fail(f"broke the memory's rules {when}: {error}")

    def _serve_nor(self, kind: int, sector: int, page: int, payload: bytes) -> None:
        if kind == _READ:
            with contextlib.suppress(OSError):  # a firmware that died is noticed at the next read
                os.write(self._to_firmware, self._nor.read(sector, page))
        elif kind == _PROGRAM:
            self._nor.program(sector, page, payload)
        else:
            self._nor.erase(sector)
            self.stall_ms += ERASE_MS

    def _fill(self, data: bytes, size: int, when: str) -> bytes:
        """At least `size` bytes from the firmware, beginning with `data`."""
        guard = self._guard
        assert guard is not None
        while len(data) < size:
            guard.waiting = True
            try:
                more = os.read(self._from_firmware, _READ_SIZE)
            except OSError:
                more = b""
            guard.waiting = False
            guard.exchanges += 1
            if not more:
                self._fail_gone(when, data)
            data += more
        return data

    def _fail_talking(self, data: bytes, when: str) -> NoReturn:
        """Something that is no bridge frame came: the traceback of a firmware that dies (some builds print it there), or its debugging."""
        quiet_at_s = time.monotonic() + _LAST_WORDS_S
        while len(data) < _TRACEBACK_MAX_BYTES:
            ready, _, _ = select.select([self._from_firmware], [], [], max(0.0, quiet_at_s - time.monotonic()))
            more = os.read(self._from_firmware, _READ_SIZE) if ready else b""
            if ready and not more:
                self._fail_gone(when, data)
            if not more:
                break
            data += more
        self._fail(f"wrote {data[:40]!r} where a bridge frame belongs, {when}", data)

    def _fail_gone(self, when: str, data: bytes) -> NoReturn:
        """The firmware's end of the bridge is closed; `data` is what it wrote last."""
        process, guard = self._process, self._guard
        assert process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_QUIT_S)
        code = process.returncode
        if guard is not None and guard.has_fired:
            self._fail(f"did not answer for {self._hang_s:g} s {when}", data)
        if code is None:
            self._fail(f"closed its end of the bridge {when}", data)
        if code < 0:
            self._fail(f"was killed by {signal.Signals(-code).name} {when}", data)
        self._fail(f"exited with code {code} {when}", data)

    def _fail(self, what: str, last_words: bytes = b"") -> NoReturn:
        """End the firmware and raise its TargetError."""
        self._kill()
        told = self._read_stderr() + last_words.decode("utf-8", "replace")
        self._reap()
        last_line = told.strip().splitlines()[-1:] if "Traceback" in told else []
        raise TargetError(": ".join([f"target {self.name}: the firmware {what}", *last_line]), told)

    def _read_stderr(self) -> str:
        if self._stderr is None:
            return ""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _TRACEBACK_MAX_BYTES))
        return self._stderr.read().decode("utf-8", "replace")

    def _kill(self) -> None:
        """SIGKILL to the firmware's whole process group. Also called from the guard's thread."""
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)

    def _reap(self) -> None:
        if self._guard is not None:
            self._guard.stop()
            self._guard = None
        if self._process is not None:
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            self._process = None
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None
