"""A recorded log as text: a CSV file's header and rows, or the one sentence why it is none."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from isoloop.errors import InputError

SEPARATORS = ";,\t|"

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class LogTable:
    """A CSV file that is text and has a header.

    Attributes:
        label: the file as the user named it.
        header: column names, stripped.
        separator: one of SEPARATORS.
        text: the whole file, without its byte order mark.
    """

    label: str
    header: tuple[str, ...]
    separator: str
    text: str

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and cells of each row after the header; blank lines are passed over.

        Raises:
            InputError: a row with another number of cells than the header, or broken quotes.
        """
        reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=self.separator, strict=True)
        first = True
        try:
            for cells in reader:
                if not cells or (len(cells) == 1 and not cells[0].strip()):
                    continue
                if first:
                    first = False
                    continue
                if len(cells) != len(self.header):
                    raise InputError(
                        self.label, reader.line_num, None, f"has {len(cells)} cells where the header has {len(self.header)} columns"
                    )
                yield reader.line_num, cells
        except csv.Error as error:
            raise InputError(self.label, reader.line_num, None, f"is not CSV: {error}") from None

    def column(self, name: str) -> int:
        """Index of the column `name`.

        Raises:
            InputError: there is none, or there are several.
        """
        found = [index for index, title in enumerate(self.header) if title == name.strip()]
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(self.label, 1, name, f"stands {len(found)} times in the header")
        raise InputError(self.label, 1, name, f"no such column; the header has: {', '.join(self.header)}")


def read_table(path: Path, label: str, wanted: Sequence[str]) -> LogTable:
    """Read a log and find its separator: the one that shows most of the wanted columns.

    Raises:
        InputError: missing, a folder, unreadable, empty, binary, or not UTF-8.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(label, None, None, "no such file") from None
    except IsADirectoryError:
        raise InputError(label, None, None, "is a folder, not a CSV file") from None
    except OSError as error:
        raise InputError(label, None, None, f"cannot be read: {error.strerror}") from None
    if b"\x00" in raw:
        raise InputError(label, raw[: raw.index(b"\x00")].count(b"\n") + 1, None, "holds zero bytes: a binary file, not CSV text in UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        reason = f"byte 0x{raw[error.start]:02x} is not UTF-8: a binary file, or one in another encoding"
        raise InputError(label, line, None, reason) from None
    header_line = next((line for line in _LINE_END.split(text) if line.strip()), None)
    if header_line is None:
        raise InputError(label, None, None, "is empty: a header and rows are needed")
    separator = max(SEPARATORS, key=lambda mark: (len(set(_cells(header_line, mark)) & set(wanted)), header_line.count(mark)))
    return LogTable(label, tuple(_cells(header_line, separator)), separator, text)


def _cells(line: str, separator: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]
    except (csv.Error, StopIteration):
        return [line.strip()]
