"""The wheel: everything that flies is in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment in which `isoloop` is the wheel's, unpacked far from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, REPOSITORY], check=True)
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", *folder.glob("*.whl")], check=True)
    return {**os.environ, "PYTHONPATH": str(folder / "site")}


@pytest.mark.long
@pytest.mark.req("REQ-CLI-002")
def test_wheel_flies_ms22_from_any_folder(installed: dict[str, str], tmp_path: Path) -> None:
    where = [sys.executable, "-c", "from isoloop import paths; print(paths.firmware_dir())"]
    firmware = subprocess.run(where, env=installed, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert firmware.strip().startswith(installed["PYTHONPATH"])
    fly = [sys.executable, "-m", "isoloop", "run", "ms22", "--json"]
    flown = subprocess.run(fly, env=installed, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(flown.stdout)["ok"] is True
    assert (tmp_path / "isoloop-runs" / "ms22-unix-s1" / "report.html").is_file()
