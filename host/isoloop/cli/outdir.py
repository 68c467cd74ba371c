"""The folder that runs are written to: proven writable before anything flies, and nothing but run folders replaced in it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from pathlib import Path

from isoloop.errors import OutputError

RUN_FILES = (
    "summary.json", "telemetry.csv", "events.csv", "truth.csv", "crew.csv", "commands.csv", "link.bin", "report.html",
    "blackbox-*.bin", "blackbox-*.csv",
)  # fmt: skip
"""What a run folder holds; a folder that holds anything else is somebody's and is not replaced."""

REPORT_BYTES = 7_000_000
"""A report with its plotting library, plus the fixed part of the rest."""
BYTES_A_SECOND = 1_000
"""Telemetry, truth and link of one second of flight, generously."""


def check_out(out: Path, folders: list[Path], seconds: float) -> None:
    """Make `out` and prove that the runs will fit and may be written.

    Args:
        out: folder of the run folders; made when it is not there.
        folders: the run folders that will be replaced.
        seconds: scenario time of all runs together.

    Raises:
        OutputError: one sentence that says why not.
    """
    was_there = os.path.lexists(out) if "\0" not in str(out) else True
    try:
        _check_writable(out, len(folders) * REPORT_BYTES + seconds * BYTES_A_SECOND)
    except OutputError:
        if not was_there:
            with contextlib.suppress(OSError):
                out.rmdir()
        raise
    for folder in folders:
        _check_replaceable(folder)


def _check_writable(out: Path, need: float) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(out).free
        with tempfile.TemporaryFile(dir=out) as probe:
            probe.write(b"\0" * 65536)
            probe.flush()
            os.fsync(probe.fileno())
    except (OSError, ValueError) as error:
        raise output_error(out, error) from None
    if free < need:
        raise OutputError(f"--out {out}: the disk is too full: the runs need about {need / 1e6:.0f} MB and {free / 1e6:.0f} MB are free")


def replace_run_dir(folder: Path) -> None:
    """An empty run folder, whatever run was in it before.

    Raises:
        OutputError: it cannot be made, or it holds something that no run wrote.
    """
    _check_replaceable(folder)
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        raise output_error(folder, error) from None


def output_error(path: Path, error: OSError | ValueError) -> OutputError:
    """`error` while writing `path`, as the one sentence that a user sees."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"{path}: the disk is full")
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(f"{path}: cannot be written ({reason})")


def _check_replaceable(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise OutputError(f"{folder}: is in the way and no run folder")
    if not folder.exists():
        return
    strange = sorted(path.name for path in folder.iterdir() if not any(path.match(pattern) for pattern in RUN_FILES))
    if strange:
        raise OutputError(f"{folder}: holds {strange[0]}, which no run writes, so it is not replaced: move it or choose another --out")


def check_file(path: Path) -> None:
    """Prove that `path` may be written, without leaving anything behind or touching what is there.

    Raises:
        OutputError: one sentence that says why not.
    """
    existed = path.exists()
    try:
        with path.open("ab"):
            pass
        if not existed:
            path.unlink()
    except (OSError, ValueError) as error:
        raise output_error(path, error) from None
