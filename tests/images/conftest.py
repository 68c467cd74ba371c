"""Images for the tests, built before by `make images`; a test only freezes changed firmware anew.

Missing ones fail in CI and skip elsewhere.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from isoloop import images
from isoloop.paths import firmware_dir


def _need(image: str, firmware: Path | None = None) -> Path:
    path = images.refresh(image, firmware)
    if path is None:
        told = f"image {image} is not built or not up to date: make images"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)
    return path


@pytest.fixture(scope="session")
def unix32() -> Path:
    """The 32-bit interpreter."""
    return _need("unix32")


@pytest.fixture(scope="session")
def unix64cov() -> Path:
    """The interpreter that traces lines."""
    return _need("unix64cov")


@pytest.fixture(scope="session")
def firmware_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware as it is when the tests start: somebody may save a file while they run."""
    tree = tmp_path_factory.mktemp("firmware") / "firmware"
    shutil.copytree(firmware_dir(), tree, ignore=shutil.ignore_patterns("__pycache__"))
    return tree


@pytest.fixture(scope="session")
def pico_uf2(firmware_tree: Path) -> Path:
    """The release UF2 of `firmware_tree`."""
    return _need("pico", firmware_tree)
