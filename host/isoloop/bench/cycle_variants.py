"""The quiet control step of `isoloop bench cycle` once more: its kernels as bytecode alone, and all of it with floats.

Neither is what is flashed. They say what fixed point and compiled kernels are worth on the chip.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isoloop.bench.float_step import FloatStep
from isoloop.errors import UsageError
from isoloop.flash.package import OPTIMISATION, find_mpy_cross
from isoloop.kernels import viper
from isoloop.paths import firmware_dir

KERNELS = ("sensing", "pressure", "carry", "neighbours", "temperatures", "inventory", "detector")
"""Those of the quiet step; each is `tcs.NAME_kernel`."""
_PREFIX = "plain_"

BYTECODE = f"""
import sys
import tcs
for name in {KERNELS!r}:
    module = __import__("{_PREFIX}" + name)
    sys.modules["tcs." + name + "_kernel"] = module
    setattr(tcs, name + "_kernel", module)
del module
"""
"""Put in front of a snippet: from here on those kernels are bytecode, from `bytecode_files()`."""

FLOATS = """
import gc
import stopwatch
from array import array
from float_step import FloatStep
from float_arguments import ARGUMENTS
rows = open("/rows.bin", "rb")
counts, switches = array("H", bytes(32)), array("H", bytes(2))
floats = FloatStep(*ARGUMENTS)
def tick():
    before = gc.mem_alloc()
    stopwatch.start()
    floats.step(counts)
    stopwatch.stop()
    print("A", gc.mem_alloc() - before)
while rows.readinto(counts) == 32:
    rows.readinto(switches)
    gc.collect()
    tick()
"""


def bytecode_files() -> dict[str, bytes]:
    """The kernels of the quiet step without their decorator, compiled, for the chip's file system.

    Raises:
        UsageError: no mpy-cross, or it refuses one.
    """
    files = {}
    with tempfile.TemporaryDirectory(prefix="isoloop-bytecode-") as name:
        for kernel in KERNELS:
            text = (firmware_dir() / "tcs" / f"{kernel}_kernel.py").read_text()
            files[f"{_PREFIX}{kernel}.mpy"] = _compiled(viper.strip(text), Path(name) / f"{kernel}.py")
    return files


def float_files(params: Sequence[int]) -> dict[str, bytes]:
    """The float step and what it is made with, for the chip's file system. params: the firmware's, by number.

    Raises:
        UsageError: no mpy-cross.
    """
    source = Path(__file__).with_name("float_step.py").read_text()
    arguments = f"ARGUMENTS = {_arguments(params)!r}\n".encode()
    with tempfile.TemporaryDirectory(prefix="isoloop-floats-") as name:
        return {"float_step.mpy": _compiled(source, Path(name) / "float_step.py"), "float_arguments.py": arguments}


def float_step(params: Sequence[int]) -> FloatStep:
    """The float step with the firmware's parameters."""
    return FloatStep(*_arguments(params))


def _arguments(params: Sequence[int]) -> tuple[Any, ...]:
    from isoloop.kernels import firmware

    reference, tables, coolants = (firmware(name) for name in ("boards.reference", "tcs.tables", "tcs.coolant_tables"))
    coolant = params[tables.P_COOLANT]
    # Temperatures in degC, everything else in Pa.
    scales = [1e-3 if kind == 2 else 1.0 for kind in reference.KINDS]
    lows, highs = ([each * scale for each, scale in zip(row, scales, strict=True)] for row in (reference.LOWS, reference.HIGHS))
    # As the firmware keeps them: the return's line without the compensator at its nominal state.
    in_compensator = params[tables.P_GAS_MAX_ML] - params[tables.P_GAS_NOMINAL_ML]
    volumes = [float(params[getattr(tables, f"P_VOLUME_{name}_ML")]) for name in ("SUPPLY", "RETURN", "RAD1", "RAD2", "RAD3")]
    volumes[1] -= in_compensator
    return (
        lows,
        highs,
        list(reference.ADC),
        float(params[tables.P_GAS_PV_MJ]) / 1e3,
        float(params[tables.P_GAS_MAX_ML]),
        volumes,
        coolants.FIRST_MDEGC[coolant] / 1e3,
        list(coolants.EXPANSION_PPM[coolant]),
    )


def _compiled(text: str, path: Path) -> bytes:
    compiler, _ = find_mpy_cross()
    path.write_text(text)
    target = path.with_suffix(".mpy")
    done = subprocess.run(
        [compiler, OPTIMISATION, "-s", path.name, "-o", target, path], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise UsageError(f"mpy-cross refuses {path.name}: {(done.stderr or 'no message').strip().splitlines()[-1]}")
    return target.read_bytes()
