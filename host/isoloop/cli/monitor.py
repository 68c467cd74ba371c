"""`isoloop monitor`: the link as it is, live or from a log. On a terminal a view that may be left open, in a pipe a line a report."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from isoloop.cli.blackbox import capture_text
from isoloop.cli.command import answer_lines, field_text
from isoloop.cli.narrate import firmware_event
from isoloop.dictionary import Dictionary
from isoloop.errors import EXIT_OK, InputError, UsageError
from isoloop.link.black_box import CaptureError, Collector, read_capture
from isoloop.link.decoder import (
    STAGES,
    AnswerReport,
    EventReport,
    LinkDecoder,
    LinkStatistics,
    PieceReport,
    Report,
    StructureReport,
    VerificationReport,
    refusal,
)
from isoloop.link.session import SERVICE_TEST

if TYPE_CHECKING:
    from rich.console import RenderableType

EVENTS_SHOWN = 8
SILENT_S = 3.0
"""Housekeeping comes once a second: a board that is silent for longer is told in red."""
_QUIET_S = 1.0


def monitor(port: str | None, log: Path | None, replay: Path | None, baud: int) -> int:
    """Show the link until Ctrl-C, or a log to its end.

    Raises:
        IsoloopError: no port and no log, both, a port that does not open or is in use, a log that is none.
    """
    if (port is None) == (replay is None):
        raise UsageError("monitor needs either a PORT or --replay FILE")
    if replay is not None and log is not None:
        raise UsageError("--log goes with a PORT, not with --replay")
    view = View()
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        if replay is not None:
            batches = _from_log(replay, view)
        else:
            batches = _from_port(str(port), log, baud, view, stack)
        if sys.stdout.isatty():
            _show_live(batches, view)
        else:
            for reports in batches:
                for report in reports:
                    for line in view.lines(report):
                        print(line, flush=True)
    if replay is not None or not sys.stdout.isatty():
        print(view.quality())
    return EXIT_OK


def _from_port(port: str, log: Path | None, baud: int, view: View, stack: contextlib.ExitStack) -> Iterator[list[Report]]:
    from isoloop.link.bytelog import ByteLog
    from isoloop.link.session import GroundLink

    kept = None if log is None else ByteLog(log)
    if kept is not None:
        stack.callback(kept.close)
    link = stack.enter_context(GroundLink(port, baud, log=kept))
    view.statistics = link.statistics

    def batches() -> Iterator[list[Report]]:
        silent_s = 0.0
        while True:
            reports = link.poll(_QUIET_S)
            silent_s = 0.0 if reports else silent_s + _QUIET_S
            view.silent_s = silent_s
            view.reconnects = link.reconnects
            yield reports

    return batches()


def _from_log(path: Path, view: View) -> Iterator[list[Report]]:
    from isoloop.link.bytelog import read_log

    decoder = LinkDecoder()
    view.statistics = decoder.statistics
    for _, direction, data in read_log(path):
        if direction == "<":
            yield decoder.feed(data)
            if decoder.foreign_hash is not None:
                text = refusal("what was recorded comes from a firmware that", decoder.foreign_hash, decoder.dictionary.hash)
                raise InputError(path, None, None, text)


class View:
    """What is known of the board, as lines or as a screen."""

    def __init__(self) -> None:
        self.statistics = LinkStatistics()
        self.silent_s = 0.0
        self.reconnects = 0
        self._dictionary: Dictionary = LinkDecoder().dictionary
        self._events: deque[tuple[str, str]] = deque(maxlen=EVENTS_SHOWN)
        self._values: dict[str, int | None] = {}
        self._time_ms = 0
        self._captures = Collector()

    def lines(self, report: Report) -> list[str]:
        """The report as text; also kept for the screen."""
        time = f"{report.time_ms / 1000:10.2f} s"
        self._time_ms = report.time_ms
        severity = "info"
        if isinstance(report, StructureReport):
            return [self._structure(time, report)]
        if isinstance(report, EventReport):
            severity = report.event.severity
            text = " ".join(f"{name}={value}" for name, value in report.texts(self._dictionary).items())
            found = [f"{time}  {severity:<6}  {report.event.name} {text}".rstrip()]
            fields = {row.name: value for row, value in zip(report.event.fields, report.values, strict=True)}
            self._events.append((severity, f"{time}  {firmware_event(self._dictionary, report.event.name, fields)}"))
            return found
        if isinstance(report, VerificationReport):
            reason = f": {report.reason_name(self._dictionary)}" if report.is_failure else ""
            severity = "medium" if report.is_failure else "low"
            found = [f"{time}  telecommand {report.sequence} {STAGES[report.subtype]}{reason}"]
        elif isinstance(report, PieceReport):
            found = [f"{time}  {line}" for line in self._piece(report)]
        else:
            found = [f"{time}  {line}" for line in answer_lines(report, self._dictionary)]
            if isinstance(report, AnswerReport) and report.service == SERVICE_TEST:
                return found  # it says each minute that it is alive
        self._events.extend((severity, line) for line in found)
        return found

    def quality(self) -> str:
        """The link in one line."""
        seen = self.statistics
        sent = seen.frames + seen.lost_packets
        share = f" ({100 * seen.lost_packets / sent:.2g} %)" if seen.lost_packets else ""
        text = f"{seen.frames} frames, {seen.bad_frames} bad, {seen.lost_packets} lost{share}, {seen.unknown_packets} not understood"
        if self.reconnects:
            text += f", reconnected {self.reconnects} times"
        return text + (f", silent for {self.silent_s:.0f} s" if self.silent_s else "")

    def screen(self) -> RenderableType:
        """Everything, for a terminal."""
        from isoloop.cli.screen import screen

        return screen(self._dictionary, self._time_ms, self._values, list(self._events), self.quality(), self.silent_s > SILENT_S)

    def _piece(self, report: PieceReport) -> list[str]:
        """The capture that this piece completes."""
        record = self._captures.add(report.transaction, report.number, report.data)
        if record is None:
            return []
        try:
            return [capture_text(read_capture(record, self._dictionary))]
        except CaptureError as error:
            return [str(error)]

    def _structure(self, time: str, report: StructureReport) -> str:
        pairs = list(zip(report.structure.fields, report.values, strict=True))
        texts = {field.name: field_text(self._dictionary, field, value) for field, value in pairs}
        if report.structure.name == "housekeeping":
            self._values = {field.name: None if value == field.unknown else value for field, value in pairs}
            shown = ("mode", "verdict", "leak_class", "p_comp_voted_pa", "inventory_ul", "rate_ul_s")
            units = {field.name: field.unit for field in report.structure.fields}
            return f"{time}  " + "  ".join(f"{name}={texts[name] or '?'}{units[name]}" for name in shown if name in texts)
        return f"{time}  {report.structure.name} " + " ".join(f"{name}={text}" for name, text in texts.items())


def _show_live(batches: Iterator[list[Report]], view: View) -> None:
    from rich.live import Live

    with Live(view.screen(), refresh_per_second=4, screen=False) as live:
        for reports in batches:
            for report in reports:
                view.lines(report)
            live.update(view.screen())
