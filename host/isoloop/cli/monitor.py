"""`isoloop monitor`: the link as it is, live or from a log. On a terminal a view that may be left open, in a pipe a line a report."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from isoloop.cli.command import answer_lines
from isoloop.dictionary import Dictionary, Field
from isoloop.dictionary.model import UNKNOWN_BY_TYPE
from isoloop.errors import EXIT_OK, InputError, UsageError
from isoloop.link.decoder import STAGES, EventReport, LinkDecoder, LinkStatistics, Report, StructureReport, VerificationReport, refusal

if TYPE_CHECKING:
    from rich.console import RenderableType

EVENTS_SHOWN = 10
VALVE_MARKS = {"open": "═", "closed": "╳", "travelling": "~", "fault": "?"}
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
        self._events: deque[str] = deque(maxlen=EVENTS_SHOWN)
        self._values: dict[str, str] = {}
        self._time_ms = 0

    def lines(self, report: Report) -> list[str]:
        """The report as text; also kept for the screen."""
        time = f"{report.time_ms / 1000:10.2f} s"
        self._time_ms = report.time_ms
        if isinstance(report, StructureReport):
            return [self._structure(time, report)]
        if isinstance(report, EventReport):
            text = " ".join(f"{name}={value}" for name, value in report.texts(self._dictionary).items())
            found = [f"{time}  {report.event.severity:<6}  {report.event.name} {text}".rstrip()]
        elif isinstance(report, VerificationReport):
            reason = f": {report.reason_name(self._dictionary)}" if report.is_failure else ""
            found = [f"{time}  telecommand {report.sequence} {STAGES[report.subtype]}{reason}"]
        else:
            found = [f"{time}  {line}" for line in answer_lines(report, self._dictionary)]
        self._events.extend(found)
        return found

    def quality(self) -> str:
        """The link in one line."""
        seen = self.statistics
        text = f"{seen.frames} frames, {seen.bad_frames} bad, {seen.lost_packets} lost, {seen.unknown_packets} not understood"
        if self.reconnects:
            text += f", reconnected {self.reconnects} times"
        return text + (f", silent for {self.silent_s:.0f} s" if self.silent_s else "")

    def valve_diagram(self) -> str:
        """The loop with its valves: = open, x shut, ~ on the way, ? not known."""
        mark = {name: VALVE_MARKS.get(self._values.get(f"valve_{name}", ""), "?") for name in ("rad1_in", "rad1_out", "rad2_in", "rad2_out",
                "rad3_in", "rad3_out", "bypass")}  # fmt: skip
        rows = [f" ├─{mark[f'rad{n}_in']}─[ rad{n} ]─{mark[f'rad{n}_out']}─┤" for n in (1, 2, 3)]
        pump = "pump on" if self._values.get("pump_on") not in (None, "0", "off") else "pump off"
        return "\n".join([*rows, f" └────{mark['bypass']} bypass ──┘   {pump}"])

    def screen(self) -> RenderableType:
        """Everything, for a terminal."""
        from rich.console import Group
        from rich.panel import Panel
        from rich.table import Table

        table = Table(box=None, show_header=False, padding=(0, 2))
        every = self._dictionary.structures_by_name["housekeeping"].fields
        fields = [field for field in every if not field.name.startswith(("tick_", "stat_", "status_"))]
        cells = [(field.name, f"{self._values.get(field.name, '')} {field.unit}".rstrip()) for field in fields]
        rows = -(-len(cells) // 3)
        for row in range(rows):
            table.add_row(*(cell for column in range(3) if row + column * rows < len(cells) for cell in cells[row + column * rows]))
        return Group(
            Panel(table, title=f"{self._time_ms / 1000:.1f} s"),
            Panel(self.valve_diagram(), title="valves"),
            Panel("\n".join(self._events) or "none yet", title="events"),
            Panel(self.quality(), title="link"),
        )

    def _structure(self, time: str, report: StructureReport) -> str:
        texts = {field.name: self._text(field, value) for field, value in zip(report.structure.fields, report.values, strict=True)}
        if report.structure.name == "housekeeping":
            self._values = texts
            shown = ("mode", "verdict", "leak_class", "p_comp_voted_pa", "inventory_ul", "rate_ul_s")
            units = {field.name: field.unit for field in report.structure.fields}
            return f"{time}  " + "  ".join(f"{name}={texts[name] or '?'}{units[name]}" for name in shown if name in texts)
        return f"{time}  {report.structure.name} " + " ".join(f"{name}={text}" for name, text in texts.items())

    def _text(self, field: Field, value: int) -> str:
        if (field.nullable or field.type == "i32") and value == UNKNOWN_BY_TYPE[field.type]:
            return ""
        return self._dictionary.groups[field.enum].get(value, str(value)) if field.enum else str(value)


def _show_live(batches: Iterator[list[Report]], view: View) -> None:
    from rich.live import Live

    with Live(view.screen(), refresh_per_second=4, screen=False) as live:
        for reports in batches:
            for report in reports:
                view.lines(report)
            live.update(view.screen())
