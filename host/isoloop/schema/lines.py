"""Which line of a TOML text each key stands on: tomllib parses, but forgets where.

Only texts that tomllib has accepted come here, so the scanner need not judge, only follow the structure.
"""

from __future__ import annotations

import re
from bisect import bisect_right

Path = tuple[str | int, ...]
"""A place in the parsed document: table keys, and list indices (0-based) where there are lists."""

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\r\n]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{1,2}(?!"))?'
    r"|'''.*?'''(?:'{1,2}(?!'))?"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


def key_lines(text: str) -> dict[Path, int]:
    """1-based line of every table header, list element and key of a valid TOML text.

    A table or list that is spelt in several places keeps the first; the whole document is `()`, line 1.
    """
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {(): 1}
        self.starts = [0] + [match.end() for match in re.finditer("\n", text)]
        self.list_lengths: dict[Path, int] = {}

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self.lines

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"not TOML at offset {self.at}")
        self.at = match.end()
        return match.group()

    def _note(self, path: Path) -> None:
        self.lines.setdefault(path, bisect_right(self.starts, self.at))

    def _header(self) -> Path:
        """`[a.b]` or `[[a.b]]`: note it and return the path that its keys hang under."""
        start = self.at
        is_list = self.text.startswith("[[", self.at)
        self.at += 2 if is_list else 1
        names = self._dotted()
        self.at += 2 if is_list else 1
        end, self.at = self.at, start
        path: Path = ()
        for position, name in enumerate(names):
            path = (*path, name)
            self._note(path)
            if is_list and position == len(names) - 1:
                self.list_lengths[path] = self.list_lengths.get(path, 0) + 1
            if path in self.list_lengths:  # a header reaches into the newest element of each list on its way
                path = (*path, self.list_lengths[path] - 1)
                self._note(path)
        self.at = end
        return path

    def _dotted(self) -> list[str]:
        names = []
        while True:
            self._skip(_SPACE)
            if self.text[self.at] in "\"'":
                names.append(_unquote(self._skip(_STRING)))
            else:
                names.append(self._skip(_BARE_KEY))
            self._skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return names
            self.at += 1

    def _pair(self, table: Path) -> None:
        start = self.at
        names = self._dotted()
        end, self.at = self.at, start
        path = table
        for name in names:
            path = (*path, name)
            self._note(path)
        self.at = end + 1  # past the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        opening = self.text[self.at]
        if opening in "\"'":
            self._skip(_STRING)
        elif opening == "[":
            self._items(path, "]")
        elif opening == "{":
            self._items(path, "}")
        else:
            self._skip(_SCALAR)

    def _items(self, path: Path, closing: str) -> None:
        self.at += 1
        index = 0
        while True:
            self._skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
            elif self.text[self.at] == closing:
                self.at += 1
                return
            elif closing == "}":
                self._pair(path)
            else:
                self._note((*path, index))
                self._value((*path, index))
                index += 1


def _unquote(quoted: str) -> str:
    """The name that a quoted key spells; escapes are tomllib's business."""
    import tomllib

    return next(iter(tomllib.loads(f"{quoted} = 0")))
