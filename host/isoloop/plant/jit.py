"""Compilation of the plant's kernels: the one place that imports numba.

The compiled kernel is cached in the user's cache folder under a key made of every source of this package: numba itself only looks at
the file of the outermost function, and would keep using a stale machine code after a change in a module that it calls.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from isoloop import paths

F = TypeVar("F", bound=Callable[..., Any])


def part(function: F) -> F:
    """Compile a function that other kernels call; it lands in their machine code."""
    return cast(F, numba.njit(inline="never", error_model="numpy")(function))


def entry(function: F) -> F:
    """Compile a function that Python calls; cached on disk where a folder can be written, else compiled in each process."""
    with _cache_folder() as folder:
        if folder is not None:
            with contextlib.suppress(RuntimeError, OSError):
                return cast(F, numba.njit(cache=True, error_model="numpy")(function))
    return cast(F, numba.njit(error_model="numpy")(function))


def _source_key() -> str:
    digest = hashlib.sha256(f"{numba.__version__} {sys.version} {os.uname().machine}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _cache_folder() -> Iterator[Path | None]:
    """Point numba at a writable folder for as long as a kernel is declared; None where there is none."""
    before = numba.config.CACHE_DIR  # type: ignore[attr-defined,unused-ignore]
    folder: Path | None = None
    for base in (before and Path(before) / "isoloop", paths.cache_dir()):
        if base and (folder := _writable(base / f"plant-{_source_key()}")):
            break
    if folder is not None:
        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined,unused-ignore]
    try:
        yield folder
    finally:
        numba.config.CACHE_DIR = before  # type: ignore[attr-defined,unused-ignore]


def _writable(folder: Path) -> Path | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None
