"""The way to re-flash a board that flies: one telecommand, armed before, and what the board says of itself."""

from __future__ import annotations

import pytest

from fakes.ground_rig import Board, Rig
from isoloop.dictionary import load_dictionary
from isoloop.link.crc import crc16_ccitt_false
from isoloop.link.decoder import StructureReport

DONE = ["1", "3", "7"]


@pytest.mark.req("REQ-BRD-003")
def test_maintenance_needs_arming_and_then_leaves() -> None:
    rig = Rig()
    assert rig.outcome("maintenance") == ["1", "4 not_armed"]
    assert rig.board.left_for_maintenance == 0
    assert rig.outcome("arm", telecommand="maintenance") == DONE
    assert rig.outcome("maintenance") == DONE
    assert rig.board.left_for_maintenance == 1


def test_board_that_has_no_maintenance_says_so_and_flies_on() -> None:
    board = Board()
    board.has_maintenance = False
    rig = Rig(board)
    rig.send("arm", telecommand="maintenance")
    assert rig.outcome("maintenance") == ["1", "3", "8 not_on_this_board"]
    assert rig.outcome("ping") == DONE


@pytest.mark.req("REQ-BRD-002")
def test_platform_report_names_dictionary_board_and_bench() -> None:
    board = Board()
    board.bench = 1
    reports = Rig(board).step(8)
    (platform,) = [one for one in reports if isinstance(one, StructureReport) and one.structure.name == "platform"]
    told = {row.name: value for row, value in zip(platform.structure.fields, platform.values, strict=True)}
    assert told["dictionary_hash"] == load_dictionary().hash
    assert told["board_id"] == crc16_ccitt_false(b"emulated")
    assert told["bench"] == 1
