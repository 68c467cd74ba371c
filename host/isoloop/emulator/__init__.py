"""The emulated RP2040 that images are booted in: rp2040py, its known faults put right in `quirks`, driven in emulated time.

    chip = Chip(uf2)                          # powered, not yet running
    chip.run_for(2.0)                         # two seconds of board time
    result = run_python(uf2, "import tcs")    # a snippet, before main.py and without USB: identical to the cycle every time

Needs the `pico` extra (rp2040py with its file-system tool). What is modelled and what is not: docs/images.md.
"""

from __future__ import annotations

from isoloop.emulator.errors import EmulatorError
from isoloop.emulator.snippet import SnippetResult, run_python

try:
    from isoloop.emulator.chip import Chip
    from isoloop.emulator.processor import CLOCK_HZ
except ModuleNotFoundError as _error:  # pragma: no cover - depends on what is installed
    if (_error.name or "").partition(".")[0] not in ("rp2040py", "littlefs"):
        raise
    raise EmulatorError("the RP2040 emulator is not installed: pip install 'isoloop[pico]'") from _error

__all__ = ["CLOCK_HZ", "Chip", "EmulatorError", "SnippetResult", "run_python"]
