"""Running one step of a build: a command, its log, and one sentence when it fails."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from isoloop.images.errors import ImageError

Progress = Callable[[str], None]
"""Takes one line for the person who waits."""

# Reproducible images: nothing of the caller's build settings may leak into a compiler or a code generator.
_DROPPED = re.compile(r"^(C|CPP|CXX|AS|LD)FLAGS$|^(MAKE|MFLAGS$|GNUMAKEFLAGS$|CMAKE_|MICROPY|PICO_)|^(CC|CXX|CROSS_COMPILE|DEBUG|V)$")
_ERROR_LINE = re.compile(r"error[: ]|Error |fatal:|^E: ", re.IGNORECASE)


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment less what would change a build, plus `extra`."""
    kept = {key: value for key, value in os.environ.items() if not _DROPPED.search(key)}
    return kept | {"LC_ALL": "C", "TZ": "UTC", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"} | dict(extra or {})


def run_step(what: str, command: Sequence[object], log: Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    """Run one command, its output appended to `log`.

    Args:
        what: the step in words, for the error: `what` failed.
        command: program and arguments, taken as text.

    Raises:
        ImageError: the command is not there or failed; names its first error line and the log, which stays.
    """
    words = [str(word) for word in command]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as stream:
        stream.write(f"$ {' '.join(words)}\n")
        stream.flush()
        start = stream.tell()
        try:
            environment = dict(env or clean_environment())
            done = subprocess.run(words, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
        except OSError as error:
            raise ImageError(f"{what} failed: {words[0]}: {error.strerror}") from error
    if done.returncode != 0:
        with log.open(errors="replace") as stream:
            stream.seek(start)
            lines = [line.strip() for line in stream if line.strip()]
        told = next((line for line in lines if _ERROR_LINE.search(line)), lines[-1] if lines else f"exit status {done.returncode}")
        raise ImageError(f"{what} failed: {told} (log: {log})")
