"""The ground's hunger for captures: every one that the firmware saves is asked for, and asked for again where pieces are missing."""

from __future__ import annotations

from collections.abc import Callable

from isoloop.dictionary import load_dictionary
from isoloop.link.black_box import PIECES, Assembly, Capture, CaptureError, read_capture
from isoloop.link.decoder import CapturesReport, EventReport, PieceReport, Report

TRIES_MAX = 40
"""Requests for one capture without a new piece, after which it is given up."""

_PIECE_LINE_BITS = 2900
_PATIENCE_MS = 3000


class BoxFetch:
    """Fetches one capture after the other.

    Args:
        request: sends a telecommand with these arguments.
        keep: takes each whole capture with its record.
        baud: of the line: on a slow one it waits longer before it asks again.
    """

    def __init__(self, request: Callable[[str, tuple[int, ...]], None], keep: Callable[[Capture, bytes], None], baud: int) -> None:
        self._request = request
        self._keep = keep
        self._patience_ms = _PATIENCE_MS + 2 * _PIECE_LINE_BITS * 1000 // baud
        self._waiting: list[int] = []
        self._done: set[int] = set()
        self._now: Assembly | None = None
        self._last = 0
        self._since_ms = 0
        self._tries = 0
        self._boots = 0
        self._list_wanted = False
        self._hash = load_dictionary().hash

    def take(self, report: Report, time_ms: int) -> None:
        """Look at a report that came down."""
        if isinstance(report, EventReport):
            if report.event.name == "BLACK_BOX_SAVED":
                self._want(report.value("capture"))
            elif report.event.name == "BOOT":
                # After a reset: what was saved may not have been told.
                self._list_wanted = self._boots > 0
                self._boots += 1
        elif isinstance(report, CapturesReport):
            self._list_wanted = False
            for entry in report.captures:
                if entry.dictionary_hash == self._hash:
                    self._want(entry.number)
        elif isinstance(report, PieceReport) and self._now is not None:
            self._piece(report, time_ms)
        if self._now is None and self._waiting:
            self._now = Assembly(self._waiting.pop(0))
            self._tries = 0
            self._ask(time_ms)

    def second(self, time_ms: int) -> None:
        """Once a second: ask again for what did not come."""
        if self._list_wanted and time_ms - self._since_ms >= self._patience_ms:
            self._since_ms = time_ms
            self._request("box_report", ())
        elif self._now is not None and time_ms - self._since_ms >= self._patience_ms:
            self._tries += 1
            if self._tries > TRIES_MAX:
                self._now = None
            else:
                self._ask(time_ms)

    def _want(self, number: int) -> None:
        if number not in self._done:
            self._done.add(number)
            self._waiting.append(number)

    def _piece(self, report: PieceReport, time_ms: int) -> None:
        assert self._now is not None
        if not self._now.add(report.transaction, report.number, report.data):
            return
        self._tries = 0
        self._since_ms = time_ms
        if not self._now.gaps():
            self._complete()
        elif report.number >= self._last:
            self._ask(time_ms)  # behind the last of what was asked for: the next gap

    def _complete(self) -> None:
        assert self._now is not None
        record = self._now.record()
        self._now = None
        try:
            self._keep(read_capture(record), record)
        except CaptureError:
            pass  # overwritten while it came down, or of another firmware: there is nothing to keep

    def _ask(self, time_ms: int) -> None:
        assert self._now is not None
        first, count = self._now.gaps()[0]
        self._last = min(PIECES, first + count - 1)
        self._since_ms = time_ms
        self._request("box_downlink", (self._now.number, first, count))
