"""The interpreter of the images is MicroPython still: what it answers in its loop is what the language says (patches.py)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from isoloop.emulator import run_python
from isoloop.images import sources, store

LANGUAGE = Path(__file__).with_name("language.py")
SUITES = ("basics", "micropython", "float", "import", "stress", "misc", "unicode")


@pytest.fixture(scope="module")
def expected() -> str:
    """What CPython prints."""
    done = subprocess.run([sys.executable, LANGUAGE], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("done\n")
    return done.stdout


def test_language_on_32_bits_is_that_of_cpython(unix32: Path, expected: str) -> None:
    done = subprocess.run([unix32, LANGUAGE], capture_output=True, text=True, timeout=60)
    assert done.stdout == expected, done.stderr


def test_language_on_the_chip_is_that_of_cpython(pico_uf2: Path, expected: str) -> None:
    assert run_python(pico_uf2, "import language", {"language.py": LANGUAGE.read_bytes()}).output == expected


@pytest.mark.long
def test_micropythons_own_tests_pass_on_the_patched_interpreter(unix32: Path, tmp_path: Path) -> None:
    """Its suites of the language, CPython telling what is right; they lie in the sources that the image is made of."""
    tree = sources.micropython_tree(sources.micropython(), tmp_path / "log", lambda line: None)
    assert store.cache_dir() in tree.parents
    shutil.copytree(tree / "tests", tmp_path / "tests")
    environment = {**os.environ, "MICROPY_MICROPYTHON": str(unix32)}
    command = [sys.executable, "run-tests.py", "-j2", "-d", *SUITES]
    done = subprocess.run(command, cwd=tmp_path / "tests", env=environment, capture_output=True, text=True)
    told = done.stdout.strip().splitlines()
    assert done.returncode == 0, "\n".join(told[-20:])
    passed = next(int(line.split()[0]) for line in told if line.endswith("tests passed"))
    assert passed > 600
