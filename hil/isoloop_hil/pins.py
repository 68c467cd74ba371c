"""The rig's pin table, as its own firmware has it."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from isoloop.paths import rig_firmware_dir


def rig_pins() -> ModuleType:
    """hil/firmware/rig/pins.py."""
    path = rig_firmware_dir() / "rig" / "pins.py"
    spec = importlib.util.spec_from_file_location("isoloop_rig_pins", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
