"""Boards on cables: the shared fakes, and the release image of the firmware as it is when the tests start."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from isoloop import images
from isoloop.paths import firmware_dir

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


@pytest.fixture(scope="session")
def firmware_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("firmware") / "firmware"
    shutil.copytree(firmware_dir(), tree, ignore=shutil.ignore_patterns("__pycache__"))
    return tree


@pytest.fixture(scope="session")
def pico_uf2(firmware_tree: Path) -> Path:
    path = images.refresh("pico", firmware_tree)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("image pico is not built: make images")
        pytest.skip("image pico is not built: make images")
    return path
