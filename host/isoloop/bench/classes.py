"""The flight's own stage classes with compiled kernels, as private copies: whoever else imports the firmware keeps the plain ones."""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any

from isoloop.kernels import compiled, firmware

_KERNELS_OF = {
    "sensing": {"sk": "sensing_kernel", "pk": "pressure_kernel"},
    "inventory": {"ik": "inventory_kernel", "nk": "neighbours_kernel", "sk": "sensing_kernel"},
    "standing": {"ek": "standing_kernel", "lk": "leak_rate_kernel"},
    "detector": {"dk": "detector_kernel", "lk": "leak_rate_kernel"},
    "leak_rate": {"lk": "leak_rate_kernel"},
}


@cache
def stage(name: str) -> Any:
    """The module tcs.<name>, loaded once more, with the compiled kernels in place of the interpreted ones: the same files."""
    path = firmware(f"tcs.{name}").__file__
    spec = importlib.util.spec_from_file_location(f"tcs_compiled_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no flight stage {name} at {path}")
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for alias, kernel in _KERNELS_OF[name].items():
        setattr(module, alias, compiled(kernel))
    return module
