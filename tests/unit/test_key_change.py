"""Keys written over the link: armed first, never in the clear, and never neither the old nor the new one."""

from __future__ import annotations

import random

import pytest

from fakes.ground_rig import Board, Rig, outcomes
from fakes.nor import PowerCut
from isoloop.link.telecommand import TEST_KEY, Credentials, build_packet
from isoloop.targets import Nor

DONE = ["1", "3", "7"]
NEW = random.Random(8).randbytes(32)
REAL_ID = b"\xe6\x61\x40\x01\x02\x03\x04\x05"
REAL_KEY = random.Random(9).randbytes(32)
KEY_SECTORS = range(10, 12)


def change(rig: Rig, key: bytes = NEW) -> list[str]:
    assert rig.outcome("arm", telecommand="key_write") == DONE
    return rig.outcome("key_write", key=key)


def obeys(rig: Rig, key: bytes) -> bool:
    """Whether the board takes a telecommand under this key."""
    rig.credentials = Credentials(rig.credentials.board_id, key)
    return rig.outcome("ping") == DONE


def real_rig() -> Rig:
    board = Board()
    board.unique_id = REAL_ID
    rig = Rig(board)
    rig.app.ground.store.save(5, bytearray(REAL_ID + REAL_KEY), 40)
    rig.boot()
    rig.credentials = Credentials(REAL_ID, REAL_KEY)
    return rig


@pytest.mark.req("REQ-LNK-009")
def test_new_key_holds_from_the_next_telecommand_on_and_over_resets() -> None:
    rig = real_rig()
    assert change(rig) == DONE
    assert not obeys(rig, REAL_KEY)
    assert obeys(rig, NEW)
    rig.boot()
    rig.step(2)
    assert not obeys(rig, REAL_KEY)
    assert obeys(rig, NEW)


@pytest.mark.req("REQ-LNK-009")
def test_key_is_written_only_within_ten_seconds_of_its_arming_and_once() -> None:
    rig = real_rig()
    assert rig.outcome("key_write", key=NEW) == ["1", "4 not_armed"]
    assert rig.outcome("arm", telecommand="ping") == DONE
    assert rig.outcome("key_write", key=NEW) == ["1", "4 not_armed"]
    assert rig.outcome("arm", telecommand="key_write") == DONE
    rig.step(101)
    assert rig.outcome("key_write", key=NEW) == ["1", "4 not_armed"]
    assert change(rig) == DONE
    rig.credentials = Credentials(REAL_ID, NEW)
    assert rig.outcome("key_write", key=REAL_KEY) == ["1", "4 not_armed"]


@pytest.mark.req("REQ-LNK-009")
def test_no_key_is_seen_on_the_line_in_either_direction() -> None:
    rig = real_rig()
    line = bytearray()
    link = rig.app.link
    drain = link.drain

    def listen(most: int) -> int:
        count = int(drain(most))
        line.extend(link.buffer[link.drained_at : link.drained_at + count])
        return count

    link.drain = listen
    assert rig.outcome("arm", telecommand="key_write") == DONE
    packet = rig.packet("key_write", key=NEW)
    line += packet
    assert outcomes(rig.say(packet)) == DONE
    rig.credentials = Credentials(REAL_ID, NEW)
    for name in ("param_dump", "box_report", "events_disabled"):
        assert rig.outcome(name, ticks=20) == DONE
    for structure in ("housekeeping", "platform", "uplink"):
        rig.send("report_once", structure=structure, ticks=11)
    # Not the record that holds them either: the black box reads its own sectors and no others.
    for capture in (1, 2, 0x3FFFFFFF):
        rig.send("box_downlink", capture=capture, first=1, count=16, ticks=20)
    assert len(line) > 1500
    for key in (NEW, REAL_KEY):
        for at in range(len(key) - 3):
            assert key[at : at + 4] not in line


def test_same_key_written_twice_looks_different_and_another_counter_does_not_unwrap_it() -> None:
    credentials = Credentials(REAL_ID, REAL_KEY)
    assert credentials.wrap(NEW, 5) != credentials.wrap(NEW, 6)
    assert credentials.wrap(credentials.wrap(NEW, 5), 5) == NEW
    assert Credentials(REAL_ID, NEW).wrap(NEW, 5) != credentials.wrap(NEW, 5)
    assert Credentials(b"another!", REAL_KEY).wrap(NEW, 5) != credentials.wrap(NEW, 5)


def test_key_is_hashed_on_a_tick_of_its_own() -> None:
    rig = real_rig()
    assert rig.outcome("arm", telecommand="key_write") == DONE
    key_write, ping = rig.packet("key_write", key=NEW), None
    rig.credentials = Credentials(REAL_ID, NEW)
    ping = rig.packet("ping")
    from isoloop.link.telecommand import frame

    rig.pending += frame(key_write) + frame(ping)
    assert [outcomes(rig.step(1)) for _ in range(3)] == [["1", "3"], ["7"], DONE]


def test_published_key_is_refused_by_a_real_board_and_the_old_one_stays() -> None:
    rig = real_rig()
    assert change(rig, TEST_KEY) == ["1", "3", "8 out_of_range"]
    rig.boot()
    assert obeys(rig, REAL_KEY)


def test_key_that_finds_no_room_fails_and_the_old_one_stays() -> None:
    rig = real_rig()
    for sector in KEY_SECTORS:
        for page in range(16):
            rig.board.nor.data[sector * 4096 + page * 256 + 255] = 0
    rig.app.ground.store.tidy = lambda: False
    assert change(rig) == ["1", "3", "8 storage"]
    assert obeys(rig, REAL_KEY)


def test_altered_wrapped_key_is_refused() -> None:
    rig = real_rig()
    assert rig.outcome("arm", telecommand="key_write") == DONE
    from isoloop.link.crc import crc16_ccitt_false

    for at in (15, 16, 30, 47):
        packet = bytearray(rig.packet("key_write", key=NEW)[:-2])
        packet[at] ^= 4
        assert outcomes(rig.say(bytes(packet) + crc16_ccitt_false(bytes(packet)).to_bytes(2, "big")))[0][0] == "2"
    assert obeys(rig, REAL_KEY)


def test_length_of_the_key_is_checked_on_both_sides() -> None:
    rig = real_rig()
    row = rig.dictionary.telecommands_by_name["key_write"]
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        rig.packet("key_write", key="00" * 31)
    from isoloop.link.telecommand import build_raw

    rig.counter += 1
    assert outcomes(rig.say(build_raw(8, 1, bytes([row.function or 0]) + bytes(31), 1, rig.counter, rig.credentials))) == ["2 length"]


@pytest.mark.req("REQ-LNK-001", "REQ-LNK-009")
@pytest.mark.parametrize("cuts", [range(0, 1100, 89), pytest.param(range(1100), marks=pytest.mark.long)])
def test_power_cut_at_every_byte_of_a_key_leaves_one_of_the_two(cuts: range) -> None:
    rig = real_rig()
    assert rig.outcome("arm", telecommand="key_write") == DONE
    before = bytes(rig.board.nor.data)
    packet = build_packet(rig.dictionary.telecommands_by_name["key_write"], (NEW,), 9, rig.counter + 1, rig.credentials)
    keys = set()
    for cut in cuts:
        board = Board()
        board.unique_id = REAL_ID
        board.nor = Nor(before)
        torn = Rig(board, Credentials(REAL_ID, REAL_KEY))
        torn.counter = rig.counter
        torn.app.ground.commands._armed_number = rig.dictionary.telecommands_by_name["key_write"].number
        torn.app.ground.commands._armed_until = 1000
        board.bytes_left = cut
        try:
            torn.say(packet, 4)
        except PowerCut:
            pass
        board.bytes_left = None
        torn.pending = b""
        torn.counter += 1
        torn.boot()
        torn.step(2)
        working = [key for key in (REAL_KEY, NEW) if obeys(torn, key)]
        assert len(working) == 1
        keys.update(working)
    assert keys == {REAL_KEY, NEW}
