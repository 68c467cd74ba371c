"""Import modules of the firmware tree under CPython, and compile its kernel functions with numba.

MicroPython gives the firmware `micropython.const`, `heap_lock` and viper's `ptr16`, `ptr32` annotations; here small stand-ins do. Kernels
are plain functions over integer arrays (docs/kernels.md), so numba needs nothing else.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any

from isoloop.paths import firmware_dir


def firmware(name: str) -> Any:
    """The firmware module `name` (such as "tcs.detector"), run by CPython."""
    _prepare()
    return importlib.import_module(name)


@cache
def compiled(name: str) -> Any:
    """The kernel module `tcs.<name>` with every function compiled; constants as they are.

    Raises:
        ModuleNotFoundError: there is no such kernel.
    """
    import numba

    module = firmware(f"tcs.{name}")
    found: dict[str, Any] = {}
    for key, value in vars(module).items():
        if callable(value) and getattr(value, "__module__", None) == module.__name__:
            found[key] = numba.njit(value)
        elif not key.startswith("__"):
            found[key] = value
    return SimpleNamespace(**found)


@cache
def _prepare() -> None:
    folder = str(firmware_dir())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if "micropython" not in sys.modules:
        stand_in: Any = ModuleType("micropython")
        stand_in.const = lambda value: value
        stand_in.native = lambda function: function
        stand_in.heap_lock = lambda: None
        stand_in.heap_unlock = lambda: None
        sys.modules["micropython"] = stand_in
    for pointer in ("ptr8", "ptr16", "ptr32"):
        if not hasattr(builtins, pointer):
            setattr(builtins, pointer, int)
