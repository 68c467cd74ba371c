"""Images for the tests, built before by `make images`; a test only freezes changed firmware anew.

Missing ones fail in CI and skip elsewhere.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from isoloop import images


def _need(image: str) -> Path:
    path = images.refresh(image)
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
def pico_uf2() -> Path:
    """The release UF2 of the firmware as it is in the tree."""
    return _need("pico")
