"""Every mutant of mutants.toml is caught by its test; and each test passes on the firmware as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fakes.firmware import FIRMWARE

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
MUTANTS = tomllib.loads((HERE / "mutants.toml").read_text(encoding="utf-8"))["mutant"]


def passes(test: str, firmware: Path, only: str = "") -> subprocess.CompletedProcess[str]:
    """Run a test file against a firmware tree, in a process of its own."""
    code = (
        "import sys, isoloop.paths, pytest\n"
        "from pathlib import Path\n"
        "isoloop.paths.firmware_dir = lambda: Path(sys.argv[1])\n"
        "import isoloop.kernels.load as load\n"
        "load.firmware_dir = isoloop.paths.firmware_dir\n"
        "load.firmware('tcs')\n"
        "sys.exit(pytest.main(['-q', '-x', '-n', '0', '-p', 'no:cacheprovider', sys.argv[2], '-k', sys.argv[3]]))\n"
    )
    path = os.pathsep.join(str(folder) for folder in (REPOSITORY / "tests", REPOSITORY / "tests" / "unit", *filter(None, sys.path)))
    return subprocess.run(
        [sys.executable, "-c", code, str(firmware), str(REPOSITORY / test), only],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.req("REQ-LOC-010")
@pytest.mark.parametrize(
    "mutant", [pytest.param(row, id=row["name"].replace(" ", "-"), marks=[pytest.mark.long] if row.get("long") else []) for row in MUTANTS]
)
def test_mutant_is_caught(mutant: dict[str, Any], tmp_path: Path) -> None:
    tree = tmp_path / "firmware"
    shutil.copytree(FIRMWARE, tree, ignore=shutil.ignore_patterns("__pycache__"))
    source = tree / mutant["file"]
    text = source.read_text(encoding="utf-8")
    assert text.count(mutant["old"]) >= 1, "the mutant no longer fits the source"
    source.write_text(text.replace(mutant["old"], mutant["new"]), encoding="utf-8")
    done = passes(mutant["test"], tree, mutant.get("only", ""))
    assert done.returncode == 1, done.stdout + done.stderr


def targets(is_long: bool) -> list[tuple[str, str]]:
    """Tests, and what of them, that catch the mutants of a set."""
    return sorted({(row["test"], row.get("only", "")) for row in MUTANTS if bool(row.get("long")) == is_long})


@pytest.mark.parametrize(("test", "only"), [*targets(False), *(pytest.param(*row, marks=pytest.mark.long) for row in targets(True))])
def test_unmutated_firmware_passes(test: str, only: str) -> None:
    done = passes(test, FIRMWARE, only)
    assert done.returncode == 0, done.stdout + done.stderr
