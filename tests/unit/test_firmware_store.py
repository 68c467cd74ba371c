"""The firmware's records and counter marks survive power cuts at every byte, torn and worn sectors."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from fakes import firmware
from fakes.nor import PAGE, SECTOR, FlakyNor, PowerCut
from isoloop import images
from isoloop.targets import Nor
from isoloop.targets.interpreter import find_interpreter

firmware.on_cpython()

from tcs import store as records  # noqa: E402
from tcs.counter_log import CounterLog  # noqa: E402
from tcs.store import Store  # noqa: E402

KIND = records.KIND_SAFE_STATE
FIRST_SECTOR = 6


def payload(number: int, length: int) -> bytearray:
    return bytearray(random.Random(number).randbytes(length))


def newest(nor: Nor, kind: int = KIND) -> tuple[int, bytes] | None:
    """What the next boot finds: sequence and payload."""
    found = Store(FlakyNor(nor)).newest(kind)
    return None if found is None else (found[1], bytes(found[2]))


def booted(board: FlakyNor) -> Store:
    """The store as the application has it after its start."""
    store = Store(board)
    store.look()
    return store


def tidy_all(store: Store) -> None:
    for _ in range(2 * records.ROUND):  # it looks at one sector a call
        store.tidy()


def saved(lengths: list[int], kind: int = KIND) -> Nor:
    board = FlakyNor()
    store = booted(board)
    for number, length in enumerate(lengths, start=1):
        assert store.save(kind, payload(number, length), length)
        store.tidy()
    return board.nor


@pytest.mark.parametrize("length", [0, 1, 239, 240, 241, 496, 497, 2032])
def test_what_is_saved_is_found_again_whatever_its_length(length: int) -> None:
    nor = saved([length, length])
    assert newest(nor) == (2, bytes(payload(2, length)))


def test_payload_beyond_the_room_is_refused_and_the_record_before_stands() -> None:
    nor = saved([10])
    assert not Store(FlakyNor(nor)).save(KIND, payload(9, 2033), 2033)
    assert newest(nor) == (1, bytes(payload(1, 10)))


@pytest.mark.req("REQ-LNK-001")
@pytest.mark.parametrize("lengths", [[20, 30], [406, 406], [2000, 30], [240] * 16 + [50], [406] * 7 + [700, 300]])
def test_power_cut_at_every_byte_of_a_save_loses_at_most_the_newest(lengths: list[int]) -> None:
    before = saved(lengths[:-1])
    old, new = (len(lengths) - 1, bytes(payload(len(lengths) - 1, lengths[-2]))), (len(lengths), bytes(payload(len(lengths), lengths[-1])))
    cut = 0
    while True:
        board = FlakyNor(Nor(bytes(before.data)), cut)
        try:
            assert Store(board).save(KIND, payload(len(lengths), lengths[-1]), lengths[-1])
            break
        except PowerCut:
            found = newest(board.nor)
            assert found in (old, new)
            cut += 1
    assert cut >= 2 * PAGE
    assert newest(board.nor) == new
    # After any cut the next save works.
    for at in range(0, cut, 37):
        board = FlakyNor(Nor(bytes(before.data)), at)
        with pytest.raises(PowerCut):
            Store(board).save(KIND, payload(9, lengths[-1]), lengths[-1])
        again = FlakyNor(board.nor)
        store = booted(again)
        tidy_all(store)
        assert store.save(KIND, payload(77, 12), 12)
        found = newest(board.nor)
        assert found is not None
        assert found[1] == bytes(payload(77, 12))


def test_power_cut_at_every_byte_of_an_erase_loses_nothing() -> None:
    board = FlakyNor()
    store = booted(board)
    for number in range(1, 27):  # ten of them in the second sector: the first is due for erasing
        assert store.save(KIND, payload(number, 100), 100)
    before = bytes(board.nor.data)
    for cut in range(0, SECTOR, 1):
        torn = FlakyNor(Nor(before), cut)
        fresh = Store(torn)
        with pytest.raises(PowerCut):
            tidy_all(fresh)
        assert torn.erases == [FIRST_SECTOR]
        if cut % 64 == 1 or cut > SECTOR - 20:
            assert newest(torn.nor) == (26, bytes(payload(26, 100)))


def test_sector_whose_erase_left_noise_is_erased_again_before_it_is_used() -> None:
    board = FlakyNor()
    store = booted(board)
    for number in range(1, 27):
        assert store.save(KIND, payload(number, 100), 100)
    noise = random.Random(5)
    for at in range(FIRST_SECTOR * SECTOR, (FIRST_SECTOR + 1) * SECTOR):
        board.nor.data[at] |= noise.randrange(256)  # bits on their way to one
    assert newest(board.nor) == (26, bytes(payload(26, 100)))
    store = booted(board)
    while not board.erases:
        store.tidy()
    for number in range(27, 60):
        assert store.save(KIND, payload(number, 100), 100)
        store.tidy()
        assert newest(board.nor) == (number, bytes(payload(number, 100)))


def test_erasing_goes_ahead_and_never_within_a_save() -> None:
    board = FlakyNor()
    store = booted(board)
    for number in range(1, 400):
        erased = len(board.erases)
        assert store.save(KIND, payload(number, 200), 200)
        assert len(board.erases) == erased
        before = newest(board.nor)
        store.tidy()
        assert newest(board.nor) == before == (number, bytes(payload(number, 200)))
    assert 399 // 16 - 3 <= len(board.erases) <= 399 // 16
    assert set(board.erases) == {FIRST_SECTOR, FIRST_SECTOR + 1}


def test_without_tidying_a_full_pair_refuses_and_keeps_the_newest() -> None:
    board = FlakyNor()
    store = booted(board)
    count = 0
    while store.save(KIND, payload(count + 1, 100), 100):
        count += 1
        assert count <= 32
    assert count == 32
    assert newest(board.nor) == (32, bytes(payload(32, 100)))


@pytest.mark.parametrize("kind_of_wear", ["ones", "zeros"])
def test_worn_pages_are_stepped_over(kind_of_wear: str) -> None:
    board = FlakyNor()
    dice = random.Random(3)
    for page in (0, 2, 3, 9):
        at = FIRST_SECTOR * SECTOR + page * PAGE + 16 + dice.randrange(100)
        if kind_of_wear == "ones":
            board.stuck_ones[at] = 0xFF
        else:
            board.stuck_zeros[at] = 0x10
            board.nor.data[at] = 0xEF
    store = booted(board)
    for number in range(1, 100):
        assert store.save(KIND, bytearray(200), 200), number
        store.tidy()
        found = newest(board.nor)
        assert found == (number, bytes(200))
    assert (store.failures > 0) == (kind_of_wear == "ones")


def test_sector_that_no_longer_erases_is_left_alone_and_the_newest_stays() -> None:
    board = FlakyNor()
    for page in range(0, 16, 2):
        board.stuck_zeros[FIRST_SECTOR * SECTOR + page * PAGE] = 1
        board.nor.data[FIRST_SECTOR * SECTOR + page * PAGE] = 0xFE
    store = booted(board)
    last = 0
    for number in range(1, 200):
        if store.save(KIND, payload(number, 300), 300):  # two pages: only the second sector has runs of two
            last = number
        store.tidy()
    assert last == 8
    assert len(board.erases) <= 2  # it is not worn further
    found = newest(board.nor)
    assert found is not None
    assert found[1] == bytes(payload(8, 300))


def test_long_record_finds_room_beside_a_sector_whose_pages_are_worn() -> None:
    board = FlakyNor()
    for page in (3, 7, 11, 15):
        board.stuck_zeros[FIRST_SECTOR * SECTOR + page * PAGE] = 1
        board.nor.data[FIRST_SECTOR * SECTOR + page * PAGE] = 0xFE
    store = booted(board)
    number = 0
    in_worn = 0
    while in_worn < 20:  # through both sectors, so that the worn one has been erased and gave no more than three pages in a row
        number += 1
        assert store.save(KIND, payload(number, 100), 100)
        in_worn += store.newest(KIND)[0] == 0
        tidy_all(store)
    assert store.newest(KIND)[0] == 0
    assert store.save(KIND, payload(number + 1, 2032), 2032)  # eight pages: only the other one has them
    assert newest(board.nor) == (number + 1, bytes(payload(number + 1, 2032)))


def test_sector_to_be_erased_is_looked_at_though_each_record_hides_the_other_one() -> None:
    board = FlakyNor()
    store = booted(board)
    for number in range(1, 200):
        assert store.save(KIND, payload(number, 100), 100), number
        store.tidy()  # one look or one erase for each record
    assert newest(board.nor) == (199, bytes(payload(199, 100)))


def test_kinds_do_not_see_each_other() -> None:
    board = FlakyNor()
    store = booted(board)
    kinds = [records.KIND_PARAMETERS, records.KIND_SAFE_STATE, records.KIND_BACKUP, records.KIND_KEY, records.KIND_BLACK_BOX]
    for round_ in range(40):
        for kind in kinds:
            assert store.save(kind, payload(kind * 100 + round_, 60), 60)
        tidy_all(store)
    for kind in kinds:
        assert newest(board.nor, kind) == (40, bytes(payload(kind * 100 + 39, 60)))


def test_black_box_of_a_whole_sector_goes_round_its_four() -> None:
    board = FlakyNor()
    store = booted(board)
    for number in range(1, 11):
        assert store.save(records.KIND_BLACK_BOX, payload(number, 4080), 4080)
        tidy_all(store)
        assert newest(board.nor, records.KIND_BLACK_BOX) == (number, bytes(payload(number, 4080)))
    assert set(board.erases) == {12, 13, 14, 15}


# ------------------------------------------------------------------------------------------- counter marks


def test_counter_survives_any_number_of_boots_with_few_erases() -> None:
    board = FlakyNor()
    for value in range(1, 4000, 3):  # a boot for each
        log = CounterLog(board)
        assert log.value == max(0, value - 3)
        assert log.advance(value)
        log.tidy()
    assert CounterLog(board).value == 3997
    assert len(board.erases) <= 1333 // 512 + 1


@pytest.mark.req("REQ-LNK-001")
@pytest.mark.parametrize("marks", [0, 1, 31, 32, 511, 512, 700])
def test_power_cut_at_every_byte_of_a_mark_loses_at_most_that_mark(marks: int) -> None:
    board = FlakyNor()
    log = CounterLog(board)
    for value in range(1, marks + 1):
        assert log.advance(value)
    before = bytes(board.nor.data)
    for cut in range(PAGE + 1):
        torn = FlakyNor(Nor(before), cut)
        fresh = CounterLog(torn)
        try:
            fresh.advance(0x2AAAAAAA)
        except PowerCut:
            pass
        again = CounterLog(FlakyNor(torn.nor))
        assert again.value in (marks, 0x2AAAAAAA)
        assert again.advance(0x2AAAAAAB)
        assert CounterLog(FlakyNor(torn.nor)).value == 0x2AAAAAAB


def test_power_cut_at_every_byte_of_the_counter_s_erase_loses_nothing() -> None:
    board = FlakyNor()
    log = CounterLog(board)
    for value in range(1, 512 + 300):
        assert log.advance(value)
    before = bytes(board.nor.data)
    for cut in range(0, SECTOR, 7):
        torn = FlakyNor(Nor(before), cut)
        fresh = CounterLog(torn)
        with pytest.raises(PowerCut):
            fresh.tidy()
        assert CounterLog(FlakyNor(torn.nor)).value == 811


def test_full_counter_refuses_rather_than_forgets() -> None:
    board = FlakyNor()
    log = CounterLog(board)
    value = 0
    while log.advance(value + 1):
        value += 1
    assert value == 1024
    assert CounterLog(board).value == 1024
    assert log.tidy()
    assert log.advance(1025)
    assert CounterLog(board).value == 1025


def test_saving_allocates_nothing() -> None:
    small = images.find("unix32")
    commands = [find_interpreter().command, *([(str(small),)] if small is not None else [])]
    script = Path(__file__).resolve().parents[1] / "mp" / "storage.py"
    for command in commands:
        done = subprocess.run(
            [*command, str(script)],
            env={**os.environ, "MICROPYPATH": str(firmware.FIRMWARE)}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.stdout.split() == ["True", "2", "120", "60", str(0x3FFFFF00 + 59)], done.stdout + done.stderr


@pytest.mark.parametrize(("before", "between"), [(9, 30), (9, 100), (1, 40), (16, 33)])
def test_saves_between_two_looks_never_leave_a_kind_without_room(before: int, between: int) -> None:
    """While something is suspected nothing is tidied; what had been looked at until then is no longer so afterwards."""
    board = FlakyNor()
    store = booted(board)
    for number in range(1, before + 1):
        assert store.save(KIND, payload(number, 40), 40)
    for _ in range(3):
        store.tidy()
    for number in range(between):
        store.save(KIND, payload(number, 40), 40)
    tidy_all(store)
    assert store.save(KIND, payload(99, 40), 40)


def test_kinds_take_turns_however_often_one_is_saved() -> None:
    board = FlakyNor()
    store = booted(board)
    refused = 0
    for second in range(1200):
        store.save(KIND, payload(second, 40), 40)
        if second % 60 == 0:
            refused += not store.save(records.KIND_KEY, payload(second, 300), 300)
        store.tidy()
    assert refused == 0


def test_a_round_erases_whatever_kind_is_untidy_first() -> None:
    board = FlakyNor()
    store = booted(board)
    for number in range(1, 11):
        assert store.save(KIND, payload(number, 40), 40)
    while store.save(records.KIND_KEY, payload(7, 40), 40):
        pass
    fresh = booted(board)
    assert any(fresh.tidy() for _ in range(records.ROUND))
