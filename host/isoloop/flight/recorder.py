"""The files of a run but summary and report, written while it flies."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NoReturn

from isoloop.dictionary import load_dictionary
from isoloop.errors import OutputError, TargetError
from isoloop.flight.csv_rows import StructureCsv, quoted, seconds
from isoloop.link.black_box import Capture
from isoloop.link.decoder import STAGES, EventReport, LinkDecoder, Report, StructureReport, VerificationReport, refusal

LINK_NAME = "link.bin"
TELEMETRY_NAME = "telemetry.csv"
EVENTS_NAME = "events.csv"
TRUTH_NAME = "truth.csv"
COMMANDS_NAME = "commands.csv"
CREW_NAME = "crew.csv"
_BUFFER_BYTES = 1 << 18


class Recorder:
    """Writes link.bin, telemetry.csv, events.csv, crew.csv and, where there is a truth, truth.csv into `folder`.

    Methods raise OutputError when the disk is full or gone, downlink() TargetError for a firmware of another dictionary. A context manager.
    """

    def __init__(self, folder: Path, truth_names: Sequence[str] = ()) -> None:
        """
        Args:
            folder: made when it is not there; files of these names in it are overwritten.
            truth_names: columns of truth.csv, the time among them; none: no such file.
        """
        self.decoder = LinkDecoder()
        self._dictionary = load_dictionary()
        self._folder = folder
        self._commands: IO[str] | None = None
        self._housekeeping = self._dictionary.structures_by_name["housekeeping"]
        self._truth_row = ",".join(["%.8g"] * len(truth_names)) + "\n"
        self._csv = StructureCsv(self._housekeeping, self._dictionary)
        self._crew_structure = self._dictionary.structures_by_name["crew"]
        self._crew_csv = StructureCsv(self._crew_structure, self._dictionary)
        with contextlib.ExitStack() as stack:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self._link = stack.enter_context((folder / LINK_NAME).open("wb", buffering=_BUFFER_BYTES))
                self._telemetry = stack.enter_context(_text_file(folder / TELEMETRY_NAME))
                self._events = stack.enter_context(_text_file(folder / EVENTS_NAME))
                self._crew = stack.enter_context(_text_file(folder / CREW_NAME))
                self._truth = stack.enter_context(_text_file(folder / TRUTH_NAME)) if truth_names else None
                self._telemetry.write(self._csv.header)
                self._crew.write(self._crew_csv.header)
                self._events.write("t_s,name,severity,fields,text\n")
                if self._truth is not None:
                    self._truth.write(",".join(truth_names) + "\n")
            except OSError as error:
                fail(folder, error)
            self._files = stack.pop_all()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._files.close()
        except OSError as error:
            if kind is None:
                fail(self._folder, error)

    def downlink(self, data: bytes) -> list[Report]:
        """Keep these bytes and what they complete; returns that."""
        reports = self.decoder.feed(data)
        if self.decoder.foreign_hash is not None:
            raise TargetError(refusal("the firmware of this target", self.decoder.foreign_hash, self._dictionary.hash))
        try:
            self._link.write(data)
            for report in reports:
                if isinstance(report, EventReport):
                    self._events.write(self._event_row(report))
                elif isinstance(report, StructureReport) and report.structure is self._housekeeping:
                    self._telemetry.write(self._csv.row(report.time_ms, report.values))
                elif isinstance(report, StructureReport) and report.structure is self._crew_structure:
                    self._crew.write(self._crew_csv.row(report.time_ms, report.values))
        except OSError as error:
            fail(self._folder, error)
        return reports

    def command(self, report: VerificationReport, name: str) -> None:
        """What became of a telecommand, a row a report, in commands.csv: written where there was one."""
        try:
            if self._commands is None:
                self._commands = self._files.enter_context(_text_file(self._folder / COMMANDS_NAME))
                self._commands.write("t_s,sequence,name,stage,reason\n")
            reason = report.reason_name(self._dictionary) if report.is_failure else ""
            self._commands.write(f"{seconds(report.time_ms)},{report.sequence},{name},{STAGES[report.subtype]},{reason}\n")
        except OSError as error:
            fail(self._folder, error)

    def capture(self, capture: Capture, record: bytes) -> None:
        """A capture of the black box, as blackbox-N.bin (the record) and blackbox-N.csv (its samples)."""
        name = self._folder / f"blackbox-{capture.number}.csv"
        try:
            name.with_suffix(".bin").write_bytes(record)
            with _text_file(name) as stream:
                stream.write(capture_csv(capture))
        except OSError as error:
            fail(name, error)

    def truth(self, values: Sequence[float]) -> None:
        """One row of the truth."""
        assert self._truth is not None
        try:
            self._truth.write(self._truth_row % tuple(values))
        except OSError as error:
            fail(self._folder, error)

    def flush(self) -> None:
        """What was recorded so far stands in the files, whatever becomes of this process."""
        try:
            for stream in (self._link, self._telemetry, self._events, self._crew, self._truth, self._commands):
                if stream is not None:
                    stream.flush()
        except OSError as error:
            fail(self._folder, error)

    def _event_row(self, report: EventReport) -> str:
        event = report.event
        return f"{seconds(report.time_ms)},{event.name},{event.severity},{quoted(fields_text(report))},{quoted(event.text)}\n"


def fields_text(report: EventReport) -> str:
    """The values of an event as `name=value` pairs."""
    return " ".join(f"{name}={value}" for name, value in report.texts(load_dictionary()).items())


def capture_csv(capture: Capture) -> str:
    """The samples of a capture, a row a tick."""
    rows = [",".join("" if cell is None else f"{cell:.10g}" for cell in row) for row in capture.csv_rows()]
    return "\n".join([",".join(capture.columns()), *rows]) + "\n"


def _text_file(path: Path) -> IO[str]:
    return path.open("w", encoding="utf-8", newline="\n", buffering=_BUFFER_BYTES)


def fail(path: Path, error: OSError) -> NoReturn:
    """Say that `path` cannot be written, and why (OutputError)."""
    raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from None
