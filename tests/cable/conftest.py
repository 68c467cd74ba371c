"""Boards on cables: the shared fakes, and the release image of the firmware as it is when the tests start."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fakes.built_images import copy_of_firmware, need


@pytest.fixture(scope="session")
def firmware_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_firmware(tmp_path_factory.mktemp("firmware") / "firmware")


@pytest.fixture(scope="session")
def pico_uf2(firmware_tree: Path) -> Path:
    return need("pico", firmware_tree)
