"""The flight's own stage classes with compiled kernels, as private copies: whoever else imports the firmware keeps the plain ones."""

from __future__ import annotations

import importlib.util
from functools import cache
from types import ModuleType
from typing import Any

from isoloop.kernels import compiled, firmware


@cache
def stage(name: str) -> Any:
    """The module tcs.<name>, loaded once more, with the compiled kernels in place of the interpreted ones: the same files."""
    path = firmware(f"tcs.{name}").__file__
    spec = importlib.util.spec_from_file_location(f"tcs_compiled_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no flight stage {name} at {path}")
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for key, value in list(vars(module).items()):
        home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
        if home.startswith("tcs.") and home.endswith("_kernel"):
            kernel = compiled(home.removeprefix("tcs."))
            setattr(module, key, kernel if isinstance(value, ModuleType) else getattr(kernel, key))
    return module
