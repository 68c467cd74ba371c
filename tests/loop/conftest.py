"""Lets the tests here import the shared fakes (`from fakes import ...`), and the emulated Pico that keeps what it samples."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from isoloop import images
from isoloop.errors import TargetError
from isoloop.targets.pico import PicoTarget, identity_of


@pytest.fixture(scope="module")
def pico() -> PicoTarget:
    """The release image in the emulator; a module's tests share the chip."""
    try:
        path = images.refresh("pico")
        known = images.info("pico")
        if path is None or known is None:
            pytest.skip("image pico is not built: make images")
        return PicoTarget(known.path, identity_of(known), keep_samples=True)
    except TargetError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
