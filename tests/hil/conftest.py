"""Images for a rig and its board, and a rig on the table: emulated, with a board in its socket that nothing was flashed onto."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from isoloop.errors import TargetError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fakes.built_images import need

if TYPE_CHECKING:
    from isoloop_hil.emulated.pair import LivePair


def _need(image: str) -> Path:
    try:
        import isoloop.emulator  # noqa: F401
    except TargetError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    return need(image)


@pytest.fixture(scope="session")
def rig_uf2() -> Path:
    return _need("rig")


@pytest.fixture(scope="session")
def pico_uf2() -> Path:
    return _need("pico")


@pytest.fixture(scope="session")
def empty_rig(rig_uf2: Path) -> Iterator[LivePair]:
    from isoloop_hil.emulated.pair import LivePair

    with LivePair(rig_uf2, None) as pair:
        pair.wait(0.4)
        yield pair


@pytest.fixture
def empty_rig_file(empty_rig: LivePair, tmp_path: Path) -> Path:
    path = tmp_path / "bench.toml"
    path.write_text(f'schema = "isoloop.rig/1"\nname = "empty"\n\n[rig]\nport = "{empty_rig.port}"\n')
    yield path
    empty_rig.pair.parts.broken.clear()
