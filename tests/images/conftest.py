"""Images for the tests of images."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fakes.built_images import copy_of_firmware, need


@pytest.fixture(scope="session")
def unix32() -> Path:
    """The 32-bit interpreter."""
    return need("unix32")


@pytest.fixture(scope="session")
def unix64cov() -> Path:
    """The interpreter that traces lines."""
    return need("unix64cov")


@pytest.fixture(scope="session")
def firmware_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware as it is when the tests start."""
    return copy_of_firmware(tmp_path_factory.mktemp("firmware") / "firmware")


@pytest.fixture(scope="session")
def pico_uf2(firmware_tree: Path) -> Path:
    """The release UF2 of `firmware_tree`."""
    return need("pico", firmware_tree)
