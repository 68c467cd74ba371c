"""The firmware's unit tests where the firmware flies: the same files under the MicroPython wheel and under the 32-bit interpreter.

Each test_fw_*.py beside this one runs whole by tests/mp/run.py. tests/mp/test_mp_*.py mean something there only: heap lock, hours.
"""

import os
import subprocess
from pathlib import Path

import pytest

from fakes import firmware
from isoloop import images
from isoloop.targets.interpreter import find_interpreter

TESTS = Path(__file__).resolve().parents[1]
BOTH = sorted(path.stem for path in (TESTS / "unit").glob("test_fw_*.py") if path.stem != Path(__file__).stem)
MP_ONLY = sorted(path.stem for path in (TESTS / "mp").glob("test_mp_*.py"))
TIMEOUT_S = 110


def command(interpreter: str) -> list[str]:
    if interpreter == "unix":
        return list(find_interpreter().command)
    small = images.find("unix32")
    if small is None:
        pytest.skip("image unix32 is not built: python -m isoloop.images build unix32")
    return [str(small)]


@pytest.mark.req("REQ-APP-001", "REQ-APP-003")
@pytest.mark.parametrize("interpreter", ["unix", "unix32"])
@pytest.mark.parametrize("module", BOTH + MP_ONLY)
def test_firmware_passes_under_micropython(module: str, interpreter: str) -> None:
    path = os.pathsep.join(str(folder) for folder in (TESTS / "mp" / "shim", TESTS / "unit", TESTS / "mp", TESTS, firmware.FIRMWARE))
    done = subprocess.run(
        [*command(interpreter), str(TESTS / "mp" / "run.py"), module],
        env={**os.environ, "MICROPYPATH": path},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert f"passed {module} test_" in done.stdout
