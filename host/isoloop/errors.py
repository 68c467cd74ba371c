"""The errors that end a command, each with its exit code and its one sentence.

Anything else that escapes is a bug of ours and shows its traceback.
"""

from __future__ import annotations

from os import PathLike
from typing import TypedDict

EXIT_OK = 0
EXIT_EXPECTATION = 1
EXIT_INPUT = 2
EXIT_TARGET = 3
EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells have it: Ctrl-C."""


class ErrorDocument(TypedDict):
    """The `error` member of a `--json` document."""

    file: str | None
    line: int | None
    key: str | None
    text: str


class IsoloopError(Exception):
    """Base of the errors that a user sees as one sentence and an exit code."""

    exit_code = EXIT_INPUT

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def document(self) -> ErrorDocument:
        """The error as `--json` shows it."""
        return {"file": None, "line": None, "key": None, "text": str(self)}


class UsageError(IsoloopError):
    """The command line asks for something that cannot be done (exit 2)."""


class InputError(IsoloopError):
    """A scenario, map, log or run folder that is refused (exit 2).

    Args:
        file: the file as the user named it; None when the input is no file.
        line: 1-based line in that file; None when no line can be named (a missing file).
        key: dotted key (`plant.coolant`, `event[2].hole_mm`) or CSV column; None when the whole file is at fault.
        text: what is wrong and what would be right, without file, line or key.
    """

    def __init__(self, file: str | PathLike[str] | None, line: int | None, key: str | None, text: str) -> None:
        super().__init__(text)
        self.file = None if file is None else str(file)
        self.line = line
        self.key = key

    def __str__(self) -> str:
        place = self.file or ""
        if self.line is not None:
            place += f"{':' if place else 'line '}{self.line}"
        return ": ".join(part for part in (place, self.key, self.text) if part)

    def __reduce__(self) -> tuple[type[InputError], tuple[str | None, int | None, str | None, str]]:
        # Runs fly in worker processes; the default reduction would call __init__ with the one formatted argument.
        return type(self), (self.file, self.line, self.key, self.text)

    def document(self) -> ErrorDocument:
        return {"file": self.file, "line": self.line, "key": self.key, "text": self.text}


class OutputError(IsoloopError):
    """The output folder cannot be written: no permission, not a folder, disk full (exit 2)."""


class NotYetError(UsageError):
    """A documented feature that has not landed (exit 2)."""


class TargetError(IsoloopError):
    """The firmware or the board died, hung or broke the bridge protocol (exit 3).

    Args:
        text: one sentence: which target, what happened, at which tick.
        traceback: what the firmware wrote to its error stream, "" when nothing.
    """

    exit_code = EXIT_TARGET

    def __init__(self, text: str, traceback: str = "") -> None:
        super().__init__(text)
        self.traceback = traceback

    def __reduce__(self) -> tuple[type[TargetError], tuple[str, str]]:
        return type(self), (self.text, self.traceback)
