"""The flavours' bench and the images for it; an image that is missing fails in CI and skips elsewhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from isoloop import images

sys.path.insert(0, str(Path(__file__).resolve().parent))

from flavours import Bench


def _miss(image: str) -> None:
    told = f"image {image} is not built or not up to date: make images"
    if os.environ.get("CI") == "true":
        pytest.fail(told)
    pytest.skip(told)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The firmware as it is when the tests start, as it stands, under viper, and as bytecode."""
    return Bench(tmp_path_factory.mktemp("flavours"))


@pytest.fixture(scope="session")
def unix32() -> Path:
    """The 32-bit interpreter."""
    path = images.refresh("unix32")
    if path is None:
        _miss("unix32")
    assert path is not None
    return path


@pytest.fixture(scope="session")
def pico(bench: Bench) -> Path:
    """The release UF2 of the bench's firmware."""
    path = images.refresh("pico", bench.firmware)
    if path is None:
        _miss("pico")
    assert path is not None
    return path
