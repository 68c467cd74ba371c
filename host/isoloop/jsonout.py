"""The one JSON document of `--json`, and JSON that other parsers accept (no NaN, no numpy)."""

from __future__ import annotations

import json
import math
import sys
from typing import Any, TextIO


def plain(value: Any) -> Any:
    """`value` in JSON's own types: numpy scalars and arrays unwrapped, NaN and infinities as null, tuples as lists."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def dumps(document: Any, indent: int | None = 2) -> str:
    """`document` as JSON text. Key order is kept, so equal runs give equal bytes."""
    return json.dumps(plain(document), indent=indent, allow_nan=False, ensure_ascii=False)


def emit(document: Any, stream: TextIO | None = None) -> None:
    """Write the one document of a `--json` command, with a newline, to standard output."""
    out = sys.stdout if stream is None else stream
    out.write(dumps(document) + "\n")
    out.flush()
