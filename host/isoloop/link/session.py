"""A link to a board over any pyserial URL: reports come in, telecommands go out, and every wait has an end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from isoloop.dictionary import Dictionary
from isoloop.errors import TargetError, UsageError
from isoloop.link.bytelog import ByteLog
from isoloop.link.decoder import AnswerReport, LinkDecoder, LinkStatistics, ParameterReport, Report, VerificationReport, refusal
from isoloop.link.keys import next_counter
from isoloop.link.ports import open_port
from isoloop.link.telecommand import CommandError, Credentials, build_packet, frame, resolve_arguments

BAUD_DEFAULT = 115_200
COMMAND_TIMEOUT_S = 5.0
PING = "ping"
SERVICE_TEST = 17
_READ_S = 0.05
_CHUNK_BYTES = 4096
_RETRY_S = 0.5


@dataclass
class CommandOutcome:
    """What became of one telecommand. Neither completed nor refused: no final report came in time."""

    name: str
    stages: list[VerificationReport] = field(default_factory=list)
    answers: list[Report] = field(default_factory=list)
    """Reports that are neither housekeeping, event nor verification and came meanwhile."""

    @property
    def is_completed(self) -> bool:
        """Completed, as the board says."""
        return any(stage.is_final and not stage.is_failure for stage in self.stages)

    @property
    def failure(self) -> VerificationReport | None:
        """The report that refused it or told of its failure."""
        return next((stage for stage in self.stages if stage.is_failure), None)


class GroundLink:
    """One open link. Use as a context manager; not from several threads.

    A link that breaks (cable out, emulator gone) is opened again by itself whenever something is read or sent, until the time given for
    that is over. `on_reconnect` is told of each time it came back.
    """

    def __init__(
        self,
        url: str,
        baud: int = BAUD_DEFAULT,
        credentials: Credentials | None = None,
        log: ByteLog | None = None,
        timeout_s: float = COMMAND_TIMEOUT_S,
    ) -> None:
        """
        Args:
            url: of pyserial: `/dev/ttyACM0`, `socket://127.0.0.1:5000`, `rfc2217://…`, `loop://`.
            baud: of a real port.
            credentials: who commands; the published test key of emulated boards when None.
            log: where every byte goes, both ways.
            timeout_s: longest wait for the port to open.

        Raises:
            TargetError: the port does not open in time, or is in use.
            UsageError: pyserial is missing, or no such kind of URL.
        """
        self.url = url
        self.decoder = LinkDecoder()
        self.on_reconnect: Callable[[], None] | None = None
        self.reconnects = 0
        self._baud = baud
        self._credentials = credentials or Credentials()
        self._log = log
        self._port: Any = None
        self._is_checked = False
        if "://" not in url:
            open_port(url, baud).close()  # what a user can mend is told at once, and in a sentence
        self._open(time.monotonic() + timeout_s)

    @property
    def dictionary(self) -> Dictionary:
        """What the decoder reads by."""
        return self.decoder.dictionary

    @property
    def statistics(self) -> LinkStatistics:
        """Quality of the link so far."""
        return self.decoder.statistics

    def __enter__(self) -> GroundLink:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the port back. May be called twice."""
        if self._port is not None:
            self._port.close()
            self._port = None

    def poll(self, timeout_s: float = 1.0) -> list[Report]:
        """Reports that come within `timeout_s`; returns as soon as there are some.

        Raises:
            UsageError: the board says that it was built with another dictionary.
            TargetError: the link broke and did not come back in time.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            data = self._read(deadline_s)
            if data:
                reports = self.decoder.feed(data)
                if self.decoder.foreign_hash is not None:
                    raise UsageError(refusal(f"the board on {self.url}", self.decoder.foreign_hash, self.dictionary.hash))
                if reports:
                    return reports
            if time.monotonic() >= deadline_s:
                return []

    def command(
        self,
        name: str,
        arguments: Mapping[str, object] | None = None,
        timeout_s: float = COMMAND_TIMEOUT_S,
        on_report: Callable[[Report], None] | None = None,
    ) -> CommandOutcome:
        """Send one telecommand and wait for its last verification report, at most `timeout_s` in all.

        Before the first one the board is asked by which dictionary it was built: by another one a number may mean something else.

        Raises:
            UsageError: no such telecommand, its arguments are not right, or the board has another dictionary.
            TargetError: the link broke and did not come back in time.
        """
        row = self.dictionary.telecommands_by_name.get(name)
        if row is None:
            raise UsageError(f"there is no telecommand '{name}'; there is {', '.join(self.dictionary.telecommands_by_name)}")
        try:
            values = resolve_arguments(row, arguments or {}, self.dictionary)
        except CommandError as error:
            raise UsageError(str(error)) from None
        deadline_s = time.monotonic() + timeout_s
        if not self._is_checked and name != PING:
            self.command(PING, None, timeout_s, on_report)
            timeout_s = max(0.0, deadline_s - time.monotonic())
        counter = next_counter(self._credentials.board_id)
        sequence = counter & 0x3FFF  # as far apart as the counters: an answer to an older command is not taken for ours
        self._write(frame(build_packet(row, values, sequence, counter, self._credentials)), deadline_s)
        outcome = CommandOutcome(name)
        while time.monotonic() < deadline_s:
            for report in self.poll(max(0.0, deadline_s - time.monotonic())):
                if on_report is not None:
                    on_report(report)
                if isinstance(report, VerificationReport):
                    if report.sequence == sequence:
                        outcome.stages.append(report)
                elif _is_answer(report):
                    # The board says by itself that it is alive: at boot, and each minute.
                    is_alive = isinstance(report, AnswerReport) and report.service == SERVICE_TEST
                    self._is_checked |= is_alive
                    if not is_alive or name == PING:
                        outcome.answers.append(report)
            if any(stage.is_final for stage in outcome.stages):
                break
        return outcome

    def trust_dictionary(self) -> None:
        """Command without asking for the board's dictionary first: for telecommands that every version understands alike."""
        self._is_checked = True

    def _open(self, deadline_s: float) -> None:
        try:
            import serial
        except ModuleNotFoundError:
            raise UsageError("the link needs pyserial: pip install 'isoloop[link]'") from None
        while True:
            try:
                options = {"exclusive": True} if "://" not in self.url else {}
                self._port = serial.serial_for_url(self.url, baudrate=self._baud, timeout=0, write_timeout=1.0, **options)
                return
            except ValueError as error:
                raise UsageError(f"{self.url}: {error}") from None
            except (serial.SerialException, OSError) as error:
                if time.monotonic() + _RETRY_S > deadline_s:
                    busy = "exclusively lock" in str(error)
                    why = "is in use by another program" if busy else f"does not open ({_reason(error)})"
                    raise TargetError(f"port {self.url} {why}") from None
            time.sleep(_RETRY_S)

    def _again(self, deadline_s: float, error: Exception) -> None:
        """The link is broken: open it anew."""
        self.close()
        self._is_checked = False  # it may be another board
        if time.monotonic() >= deadline_s:
            raise TargetError(f"port {self.url} is gone ({_reason(error)})")
        self.decoder.reconnect()
        self._open(deadline_s)
        self.reconnects += 1
        if self.on_reconnect is not None:
            self.on_reconnect()

    def _read(self, deadline_s: float) -> bytes:
        """What there is; waits a moment for it when there is nothing."""
        import serial

        try:
            if self._port is None:
                raise OSError("closed")
            self._port.timeout = max(0.0, min(_READ_S, deadline_s - time.monotonic()))
            data: bytes = self._port.read(1)
            # A read that meets the end of the link drops what it has: take no more than is there, and keep it when the end comes.
            with contextlib.suppress(serial.SerialException, OSError):
                while data and len(data) < _CHUNK_BYTES and (waiting := self._port.in_waiting):
                    data += self._port.read(waiting)
        except (serial.SerialException, OSError, TypeError) as error:  # TypeError: pyserial, of a port closed under it
            self._again(deadline_s, error)
            return b""
        if data and self._log is not None:
            self._log.add("<", data)
        return data

    def _write(self, data: bytes, deadline_s: float) -> None:
        import serial

        while True:
            try:
                if self._port is None:
                    raise OSError("closed")
                self._port.write(data)
                break
            except (serial.SerialException, OSError, TypeError) as error:
                self._again(deadline_s, error)
        if self._log is not None:
            self._log.add(">", data)


def _is_answer(report: Report) -> bool:
    return isinstance(report, ParameterReport | AnswerReport)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
