"""Results of the detector's bench that stay on disk: hours of flights survive a Ctrl-C, a reboot, or a part that is run by itself.

One file for one state of the sources: the name holds a digest of all that a trial flies. A change of any of it begins another file, so
a result is never shown for sources that did not make it. The files lie in the user's cache folder and may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from isoloop import paths
from isoloop.errors import UsageError
from isoloop.images.hashing import file_sha256, text_sha256, tree_sha256
from isoloop.targets.interpreter import find_interpreter

FLOWN = ("coolants", "dictionary", "emulator", "flight", "kernels", "link", "plant", "scenarios", "schema", "targets")
"""Packages of the host that a trial passes through, besides the firmware and the bench."""

BESIDE = (
    "clairvoyant.py", "cycle.py", "detector.py", "feigned_chip.py", "kept.py", "link.py", "link_loss.py", "page.py", "plan.py",
    "rate_figures.py", "rows.py", "slow_peers.py", "speed.py", "stats.py", "wire_cost.py", "workers.py",
)  # fmt: skip
"""Of the bench: what chooses the flights, weighs or shows their results, or measures something else. None of it changes a flight."""


def source_digest() -> str:
    """Of the firmware, the host's packages that fly it, the compiler, the numbers' library and the MicroPython of the EPA trial."""
    import numba
    import numpy

    bench = (paths.PACKAGE_DIR / "bench").glob("*.py")
    return text_sha256(
        *(numba.__version__, numpy.__version__, sys.version, os.uname().machine, _micropython()),
        tree_sha256(paths.firmware_dir()),
        tree_sha256(paths.PACKAGE_DIR, FLOWN),
        *(f"{path.name} {file_sha256(path)}" for path in sorted(bench) if path.name not in BESIDE),
    )[:16]


def _micropython() -> str:
    """What it says that it is; "" where there is none."""
    try:
        return find_interpreter().version
    except UsageError:
        return ""


def default_file() -> Path:
    """In isoloop's cache folder."""
    return paths.cache_dir() / "bench" / f"detector-{source_digest()}.results"


class Kept:
    """Results by job, in a file that grows by one record each.

    Args:
        file: where; None keeps nothing.
        afresh: look at nothing that is there; what is flown anew takes its place.
    """

    def __init__(self, file: Path | None, afresh: bool = False) -> None:
        self.file = file
        self._results: dict[str, Any] = {}
        if file is None:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        whole = 0
        if file.exists():
            with file.open("rb") as stream:
                for job, result in _records(stream):
                    self._results[job] = result
                    whole = stream.tell()
            os.truncate(file, whole)  # a record that was cut short would hide all after it
        if afresh:
            self._results = {}

    def get(self, job: object) -> Any:
        """The result of a job, or None."""
        return self._results.get(repr(job))

    def put(self, job: object, result: object) -> None:
        """Keep a result."""
        self._results[repr(job)] = result
        if self.file is not None:
            with self.file.open("ab") as stream:
                pickle.dump((repr(job), result), stream)


def _records(stream: Any) -> Iterator[tuple[str, Any]]:
    """Whole records; the last may have been cut short."""
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
        while True:
            yield pickle.load(stream)
