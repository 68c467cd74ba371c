"""A TOML file read and every value in it fetched with its type, range and place checked."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from isoloop.errors import InputError
from isoloop.schema.lines import Path as KeyPath
from isoloop.schema.lines import key_lines

MAX_BYTES = 1_000_000
"""Far above any scenario, far below what would choke the parser."""


class TomlFile:
    """A parsed TOML file that can say on which line each key stands.

    Args:
        label: the file as the user named it, for messages.
        text: its content.

    Raises:
        InputError: the text is no TOML.
    """

    def __init__(self, label: str, text: str) -> None:
        self.label = label
        try:
            self.data = tomllib.loads(text)
            self._lines = key_lines(text)
        except RecursionError:
            raise InputError(label, None, None, "is nested too deeply") from None
        except ValueError as error:  # TOMLDecodeError is one; so is Python's refusal of a 5000-digit integer
            raise _syntax_error(label, text, error) from None

    @classmethod
    def read(cls, path: Path, label: str | None = None) -> TomlFile:
        """Read `path`.

        Raises:
            InputError: missing, a folder, unreadable, too large, binary or no TOML.
        """
        return cls(label or str(path), read_text(path, label or str(path), MAX_BYTES))

    def root(self) -> Table:
        """The document as a table."""
        return Table(self, (), self.data)

    def line(self, path: KeyPath) -> int | None:
        """Line of `path`, or of the nearest table around it when it is not in the file."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def fail(self, path: KeyPath, text: str) -> NoReturn:
        """Refuse the file because of what stands (or should stand) at `path`."""
        raise InputError(self.label, self.line(path), dotted(path), text)


def read_text(path: Path, label: str, max_bytes: int) -> str:
    """Text of a UTF-8 file (a byte-order mark is dropped).

    Raises:
        InputError: missing, a folder, unreadable, larger than `max_bytes`, or not text.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(max_bytes + 1)
    except FileNotFoundError:
        raise InputError(label, None, None, "no such file") from None
    except IsADirectoryError:
        raise InputError(label, None, None, "is a folder, not a file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(label, None, None, f"cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if b"\0" in raw:
        raise InputError(label, None, None, "is a binary file, not text")
    if len(raw) > max_bytes:
        raise InputError(label, None, None, f"is larger than {max_bytes / 1e6:g} MB")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(label, line, None, "is not UTF-8 text") from None


def dotted(path: KeyPath) -> str | None:
    """`plant.coolant`, `event[2].hole_mm`: list elements count from 1, as people do. None for the whole file."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            text += ("." if text else "") + (part if re.fullmatch(r"[\w-]+", part) else repr(part))
    return text or None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` or an empty string."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


class Table:
    """One table of the file: values are fetched by name with what they must be; whatever is left over is unknown."""

    def __init__(self, file: TomlFile, path: KeyPath, data: dict[str, Any]) -> None:
        self.file = file
        self.path = path
        self.data = data

    @property
    def line(self) -> int | None:
        """Line of the table's header."""
        return self.file.line(self.path)

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def fail(self, key: str, text: str) -> NoReturn:
        """Refuse the file because of `key` of this table ("" for the table itself)."""
        self.file.fail((*self.path, key) if key else self.path, text)

    def only(self, known: Sequence[str], what: str = "key") -> None:
        """Refuse the first key that is not in `known`."""
        for key in self.data:
            if key not in known:
                hint = did_you_mean(key, known) or f"; known: {', '.join(known)}"
                self.fail(key, f"unknown {what}{hint}")

    def number(self, key: str, low: float, high: float, above_low: bool = False) -> float:
        """A finite number in low..high (`above_low`: low itself is out)."""
        return float(self._in_range(key, self._get(key, (int, float), "a number"), low, high, above_low))

    def integer(self, key: str, low: int, high: int) -> int:
        """A whole number in low..high, written without a fraction."""
        value = self._in_range(key, self._get(key, (int,), "a whole number"), low, high, False)
        return int(value)

    def integer_choice(self, key: str, choices: Sequence[int]) -> int:
        """One of some whole numbers."""
        value = self._get(key, (int,), "a whole number")
        if value not in choices:
            self.fail(key, f"must be one of {', '.join(map(str, choices))}, not {_shown(value)}")
        return int(value)

    def text(self, key: str) -> str:
        """A string that is not empty."""
        value = self._get(key, (str,), "a string")
        if not value.strip():
            self.fail(key, "must not be empty")
        return str(value)

    def flag(self, key: str) -> bool:
        """true or false."""
        return bool(self._get(key, (bool,), "true or false"))

    def choice(self, key: str, choices: Sequence[str], what: str = "value") -> str:
        """One of `choices`."""
        value = self._get(key, (str,), f"one of {', '.join(choices)}")
        if value not in choices:
            self.fail(key, f"unknown {what} '{_shown(value)}'{did_you_mean(value, choices)}: one of {', '.join(choices)}")
        return str(value)

    def choices(self, key: str, choices: Sequence[str]) -> list[str]:
        """A list of some of `choices`, possibly empty, each at most once."""
        values = self._get(key, (list,), "a list of names")
        for index, value in enumerate(values):
            if not isinstance(value, str) or value not in choices:
                self.file.fail((*self.path, key, index), f"{_shown(value)} is not one of {', '.join(choices)}")
            if value in values[:index]:
                self.file.fail((*self.path, key, index), f"'{value}' is named twice")
        return list(values)

    def span(self, key: str) -> tuple[float, float]:
        """[low, high], two finite numbers with low < high."""
        values = self._get(key, (list,), "two numbers [low, high]")
        if len(values) != 2 or not all(_is_number(value) for value in values):
            self.fail(key, "must be two finite numbers [low, high]")
        low, high = (float(value) for value in values)
        if not low < high:
            self.fail(key, f"low must be below high, not [{low:g}, {high:g}]")
        return low, high

    def table(self, key: str) -> Table:
        """A table; an empty one when the file has none."""
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            self.fail(key, f"must be a table [{key}], not {_type_name(value)}")
        return Table(self.file, (*self.path, key), value)

    def tables(self, key: str) -> list[Table]:
        """A list of tables `[[key]]`; empty when the file has none."""
        value = self.data.get(key, [])
        if isinstance(value, dict):
            self.fail(key, f"must be written with double brackets, [[{key}]]")
        if not isinstance(value, list):
            self.fail(key, f"must be tables [[{key}]], not {_type_name(value)}")
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                self.file.fail((*self.path, key, index), f"must be a table, not {_type_name(item)}")
        return [Table(self.file, (*self.path, key, index), item) for index, item in enumerate(value)]

    def _get(self, key: str, types: tuple[type, ...], wanted: str) -> Any:
        if key not in self.data:
            self.fail(key, f"is missing: {wanted} is needed")
        value = self.data[key]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            self.fail(key, f"must be {wanted}, not {_type_name(value)} ({_shown(value)})")
        return value

    def _in_range(self, key: str, value: float, low: float, high: float, above_low: bool) -> float:
        if isinstance(value, float) and not math.isfinite(value):
            self.fail(key, f"must be a finite number, not {value}")
        if not low <= value <= high or (above_low and value == low):
            wanted = f"above {low:.10g} and at most {high:.10g}" if above_low else f"from {low:.10g} to {high:.10g}"
            self.fail(key, f"must be {wanted}, not {_shown(value)}")
        return value


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e30 and math.isfinite(value)


def _shown(value: object) -> str:
    try:
        text = str(value)
    except ValueError:  # Python does not print integers beyond 4300 digits
        return "a huge number"
    return text if len(text) <= 40 else text[:37] + "..."


def _type_name(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    names = {str: "a string", int: "a whole number", float: "a number", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


def _syntax_error(label: str, text: str, error: ValueError) -> InputError:
    message = str(error)
    line: int | None = None
    match = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    if match:
        line = int(match.group(1)) if match.group(1) else text.count("\n") + 1
        message = message[: match.start()] + ("" if match.group(1) else " at the end of the file")
    return InputError(label, line, None, f"is not valid TOML: {message}")
