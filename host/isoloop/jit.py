"""Compilation to machine code, cached: the one place that says how numba is used for the plant and the emulator's processor.

Compiled code is cached in the user's cache folder under a key made of every source of the function's package: numba itself only looks at
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
    return cast(F, _cached(lambda **how: numba.njit(error_model="numpy", **how)(function), function))


def c_entry(signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that Python calls through `ctypes`, by addresses instead of arrays; cached as `entry`.

    Args:
        signature: numba's, of integers and `CPointer`s. What is returned has the member `address`.
    """

    def compile_it(function: Callable[..., Any]) -> Any:
        return _cached(lambda **how: numba.cfunc(signature, error_model="numpy", **how)(function), function)

    return compile_it


def _cached(compile_it: Callable[..., Any], function: Callable[..., Any]) -> Any:
    with _cache_folder(Path(function.__code__.co_filename).parent) as folder:
        if folder is not None:
            with contextlib.suppress(RuntimeError, OSError):
                return compile_it(cache=True)
    return compile_it()


def _source_key(package: Path) -> str:
    digest = hashlib.sha256(f"{numba.__version__} {sys.version} {os.uname().machine}".encode())
    for path in sorted(package.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _cache_folder(package: Path) -> Iterator[Path | None]:
    """Point numba at a writable folder for as long as a kernel is declared; None where there is none."""
    before = numba.config.CACHE_DIR  # type: ignore[attr-defined,unused-ignore]
    folder: Path | None = None
    for base in (before and Path(before) / "isoloop", paths.cache_dir()):
        if base and (folder := _writable(base / f"{package.name}-{_source_key(package)}")):
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
