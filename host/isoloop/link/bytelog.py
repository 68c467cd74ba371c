"""Raw bytes of a link in the order they passed, with their times: a text file, a line a piece. A log replays offline."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from isoloop.errors import InputError, OutputError

HEAD = "# isoloop link log 1: seconds, < from the board or > to it, bytes\n"


class ByteLog:
    """Writes a log. Each piece is on disk before it is handed on: what was seen survives a crash."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            OutputError: not writable.
        """
        try:
            self._file: IO[str] = path.open("w", encoding="ascii", newline="\n")
            self._file.write(HEAD)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from None
        self._path = path
        self._start_s = time.monotonic()

    def add(self, direction: str, data: bytes) -> None:
        """Direction `<` or `>`."""
        try:
            self._file.write(f"{time.monotonic() - self._start_s:.3f} {direction} {data.hex()}\n")
            self._file.flush()
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be written ({error.strerror})") from None

    def close(self) -> None:
        """End the log."""
        self._file.close()


def read_log(path: Path) -> Iterator[tuple[float, str, bytes]]:
    """Pieces of a log; a run's link.bin counts as one long piece from the board.

    Raises:
        InputError: no such file, or a line that is none of a log.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(path, None, None, f"cannot be read ({error.strerror})") from None
    if not raw.startswith(HEAD[:18].encode()):
        for at in range(0, len(raw), 4096):
            yield 0.0, "<", raw[at : at + 4096]
        return
    lines = raw.decode("ascii", "replace").splitlines()
    if lines and not raw.endswith(b"\n"):
        lines.pop()  # the host died while it wrote that line
    for number, line in enumerate(lines, start=1):
        if line.startswith("#"):
            continue
        try:
            time_text, direction, data = line.split()
            piece = float(time_text), direction, bytes.fromhex(data)
        except ValueError:
            raise InputError(path, number, None, "is no line of a link log: seconds, < or >, hexadecimal bytes") from None
        yield piece
