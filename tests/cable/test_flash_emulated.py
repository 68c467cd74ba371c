"""`isoloop flash` with the real mpremote against the emulated Pico: new packages, a board that flies, one that fails, a power cut."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from isoloop.errors import TargetError, UsageError
from isoloop.flash import Options, flash
from isoloop.flash.board import PromptBoard
from isoloop.flash.install import Installed
from isoloop.flash.look import fetch_identity
from isoloop.link.keys import read_key

try:
    from isoloop.emulator.live import LiveBoard
except TargetError as error:
    if os.environ.get("CI") == "true":
        raise
    pytest.skip(str(error), allow_module_level=True)

PATIENCE = 10.0
"""An emulated board on a busy host is that much slower than a board."""

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def changed(tree: Path, to: Path, *, is_broken: bool = False) -> Path:
    """A copy of the firmware in which one module differs."""
    shutil.copytree(tree, to)
    module = to / "tcs/identity.py"
    module.write_text(module.read_text() + ("raise ValueError('on purpose')\n" if is_broken else f"FOLDER = {to.name!r}\n"))
    return to


def put(board: LiveBoard, firmware: Path) -> Installed:
    return flash(board.port, Options(patience=PATIENCE, firmware=firmware))


def slot(board: LiveBoard) -> str:
    return PromptBoard(board.port, PATIENCE).run("print(open('/slot').read().split()[0])", 20).strip()


@pytest.mark.req("REQ-BRD-002", "REQ-BRD-003")
def test_board_takes_a_package_flies_it_takes_the_next_and_falls_back_from_a_broken_one(
    pico_uf2: Path, firmware_tree: Path, tmp_path: Path
) -> None:
    one, two = changed(firmware_tree, tmp_path / "one"), changed(firmware_tree, tmp_path / "two")
    broken = changed(firmware_tree, tmp_path / "broken", is_broken=True)
    with LiveBoard(pico_uf2, maintenance=True, files={}, flash_time_ratio=0.02) as board:
        board.wait(0.3)
        board.set_straps(bench=False, maintenance=False)
        first = put(board, one)
        assert first.folder == "a"
        assert first.free_heap_bytes > 20_000
        assert first.key_file.stat().st_mode & 0o077 == 0
        # It flies now, its watchdog armed, and obeys the key that it was given.
        second = put(board, two)
        assert (second.folder, second.board_id) == ("b", first.board_id)
        assert second.image_id != first.image_id
        with pytest.raises(TargetError, match="what ran before has been put back"):
            flash(board.port, Options(patience=PATIENCE, timeout_s=6.0, firmware=broken))
        told = fetch_identity(board.port, read_key(second.key_file), 200.0)
        assert f"{told['image_hash_hi']:04x}{told['image_hash_lo']:04x}" == second.image_id[:8]


def cut_power_at_page(board: LiveBoard, number: int) -> None:
    """When the flash has taken so many pages from now on, in the middle of whatever the board does."""
    flash_chip = board.chip.mcu.ssi
    program = flash_chip._program
    pages = 0

    def count(address: int, data: bytes) -> None:
        nonlocal pages
        pages += 1
        program(address, data if pages != number else data[: len(data) // 2])
        if pages == number:
            board.cut_power()
            board.chip.stop()

    flash_chip._program = count


@pytest.mark.req("REQ-BRD-003")
@pytest.mark.parametrize("page", [2, 9])
def test_power_cut_in_the_middle_leaves_the_folder_that_counted(
    pico_uf2: Path, firmware_tree: Path, tmp_path: Path, page: int
) -> None:
    kept = "IMAGE_ID = 'what ran before'"
    with LiveBoard(pico_uf2, maintenance=True, files={"a/build_id.py": kept.encode()}, flash_time_ratio=0.02) as board:
        board.wait(0.3)
        prompt = PromptBoard(board.port, PATIENCE)
        made_for = prompt.facts().made_for
        prompt.run(f"f = open('/slot', 'w'); f.write('a {made_for}'); f.close()", 20)
        cut_power_at_page(board, page)
        with pytest.raises((TargetError, UsageError)):
            put(board, changed(firmware_tree, tmp_path / "two"))
        assert not Path(board.port).exists()
        board.restore_power()
        board.wait(0.5)
        assert slot(board) == "a"
        assert prompt.run("print(open('/a/build_id.py').read())", 20).strip() == kept
