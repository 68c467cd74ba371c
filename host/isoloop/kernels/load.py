"""Import modules of the firmware tree under CPython, and compile its kernel functions with numba.

MicroPython gives the firmware `micropython.const`, `heap_lock` and viper's `ptr16`, `ptr32` annotations; here small stand-ins do. Kernels
are plain functions over integer arrays (docs/kernels.md), so numba needs nothing else.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from isoloop.paths import firmware_dir


def firmware(name: str, tree: Path | None = None) -> Any:
    """The firmware module `name` (such as "tcs.detector"), run by CPython; `tree`: another one, for a process that has loaded none."""
    _prepare()
    if tree is not None and str(tree) not in sys.path:
        sys.path.insert(0, str(tree))
    return importlib.import_module(name)


@cache
def compiled(name: str) -> Any:
    """The kernel module `tcs.<name>` with every kernel compiled; constants and helpers as they are.

    Raises:
        ModuleNotFoundError: there is no such kernel.
    """
    return compile_module(firmware(f"tcs.{name}"))


def compile_module(module: ModuleType) -> Any:
    """The same for a kernel module that lies elsewhere. A kernel says what it takes: a function without annotations is a helper."""
    import numba

    found: dict[str, Any] = {}
    for key, value in vars(module).items():
        if is_kernel(value, module):
            found[key] = numba.njit(value)
        elif not key.startswith("__"):
            found[key] = value
    return SimpleNamespace(**found)


def is_kernel(value: object, module: ModuleType) -> bool:
    """True for a kernel function that `module` defines."""
    return callable(value) and getattr(value, "__module__", None) == module.__name__ and bool(getattr(value, "__annotations__", None))


def rebind_stages(kernel_of: Callable[[str], Any]) -> None:
    """Let every flight module imported so far call `kernel_of("sensing_kernel")` and so on instead of the modules of these names.

    For a process of its own: the whole process sees it.
    """
    for name, module in list(sys.modules.items()):
        if not name.startswith("tcs.") or name.endswith("_kernel"):
            continue
        for key, value in list(vars(module).items()):
            home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None) if callable(value) else None
            if home is None or not home.startswith("tcs.") or not home.endswith("_kernel"):
                continue
            replaced = kernel_of(home.removeprefix("tcs."))
            setattr(module, key, replaced if isinstance(value, ModuleType) else getattr(replaced, key))


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
