"""Images for tests, built before by `make images`; changed firmware is frozen anew. Missing ones fail in CI and skip elsewhere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from isoloop import images
from isoloop.paths import firmware_dir


def need(image: str, firmware: Path | None = None) -> Path:
    """The image, of this firmware tree or the checkout's."""
    path = images.refresh(image, firmware)
    if path is None:
        told = f"image {image} is not built or not up to date: make images"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)
    return path


def copy_of_firmware(tree: Path) -> Path:
    """The firmware as it is when the tests start, copied to `tree`: somebody may save a file while they run."""
    shutil.copytree(firmware_dir(), tree, ignore=shutil.ignore_patterns("__pycache__"))
    return tree
