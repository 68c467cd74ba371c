"""The black box from the trigger to the samples on the ground: what is kept, what survives, what is asked for again."""

from __future__ import annotations

import contextlib
import random
import struct
from array import array
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.ground_rig import COUNTS, Board, Rig, outcomes
from fakes.nor import PAGE, SECTOR, FlakyNor, PowerCut
from isoloop.dictionary import load_dictionary
from isoloop.flight import fly
from isoloop.flight.box_fetch import TRIES_MAX, BoxFetch
from isoloop.flight.recorder import capture_csv
from isoloop.link.black_box import PIECE_BYTES, PIECES, Assembly, Capture, CaptureError, read_capture
from isoloop.link.decoder import CapturesReport, EventReport, PieceReport, StructureReport
from isoloop.link.telecommand import build_packet
from isoloop.schema import load_scenario
from isoloop.targets import Nor
from tcs.black_box import AFTER_ROWS, FROZEN, HEAD_SIZE, RECORDING, ROWS, SIZE, WRITING, BlackBox
from tcs.events import Events
from tcs.store import KIND_BLACK_BOX, Store
from tcs.tables import ST_LEAK_CLASS_COOLANT_LEAK, ST_VERDICT_LEAK, ST_VERDICT_OK, ST_VERDICT_SUSPECT

FIRST_SECTOR = 12
DICTIONARY = load_dictionary()
ALARM = 1 << ST_LEAK_CLASS_COOLANT_LEAK


class Bench(FlakyNor):
    """A black box on a board that is a memory and samples, without the rest of the application."""

    def __init__(self, nor: Nor | None = None, bytes_left: int | None = None) -> None:
        super().__init__(nor)
        self.counts = array("H", bytes(32))
        self.switches = 0x1555
        self.fresh = 0xFFFF
        self.tick = 0
        self.store = Store(self)
        self.events = Events(8)
        spans = (array("i", [1] * 16), array("i", [-5] * 16), array("i", [5] * 16))
        self.box = BlackBox(self.store, self, self.events, 10, spans)
        self.bytes_left = bytes_left

    def record(self, verdict: int = ST_VERDICT_OK, alarms: int = 0, ticks: int = 1) -> None:
        for _ in range(ticks):
            for channel in range(16):
                self.counts[channel] = (self.tick * 31 + channel * 7) & 0xFFFF
            self.box.step(self.tick & 0x3FFF, verdict, 3, alarms, self.tick)
            self.tick += 1

    def fill(self, before: int = 150) -> None:
        """A whole capture, frozen."""
        self.record(ticks=before)
        self.record(ST_VERDICT_LEAK, ALARM, ticks=1 + AFTER_ROWS)
        assert self.box.state == FROZEN

    def write(self) -> None:
        """To its end, erasing only where save() allows it."""
        for _ in range(500):
            if self.box.state == RECORDING:
                return
            count = len(self.erases)
            if not self.box.save() and self.store.tidy():
                self.box.look_again()
            assert self.box.state != WRITING or len(self.erases) == count
        raise AssertionError("never written")

    def kept(self, sector: int = FIRST_SECTOR) -> bytes:
        return bytes(self.nor.data[sector * SECTOR : (sector + 1) * SECTOR])


def newest(nor: Nor) -> int:
    found = Store(FlakyNor(nor)).newest(KIND_BLACK_BOX)
    return 0 if found is None else int(found[1])


def assert_holds(bench: Bench, capture: Capture, first_tick: int) -> None:
    """Every row is what the board showed in its tick."""
    assert [sample.tick for sample in capture.samples] == list(range(first_tick, first_tick + len(capture.samples)))
    for sample in capture.samples:
        assert sample.counts == tuple((sample.tick * 31 + channel * 7) & 0xFFFF for channel in range(16))
        assert (sample.drive_word, sample.switches, sample.fresh) == (sample.tick & 0x3FFF, 0x1555, 0xFFFF)


@pytest.mark.req("REQ-BOX-001")
@pytest.mark.parametrize("before", [0, 10, ROWS - AFTER_ROWS - 1, 150, 700])
def test_capture_holds_the_ticks_around_the_alarm(before: int) -> None:
    bench = Bench()
    bench.fill(before)
    bench.write()
    capture = read_capture(bench.kept())
    rows = min(ROWS, before + 1 + AFTER_ROWS)
    assert len(capture.samples) == rows
    assert_holds(bench, capture, before + 1 + AFTER_ROWS - rows)
    assert (capture.number, capture.trigger, capture.trigger_tick, capture.tick_ms) == (1, ST_LEAK_CLASS_COOLANT_LEAK, before, 10)
    assert capture.suspect_tick is None
    assert [sample.verdict for sample in capture.samples if sample.tick >= before] == [ST_VERDICT_LEAK] * (1 + AFTER_ROWS)
    assert {sample.isolation_state for sample in capture.samples} == {3}


def test_suspicion_before_the_alarm_is_noted_and_one_that_clears_is_not() -> None:
    bench = Bench()
    bench.record(ST_VERDICT_SUSPECT, ticks=5)
    bench.record(ticks=5)
    bench.record(ST_VERDICT_SUSPECT, ticks=7)
    assert bench.box.state == RECORDING
    bench.record(ST_VERDICT_LEAK, ALARM, ticks=1 + AFTER_ROWS)
    bench.write()
    assert read_capture(bench.kept()).suspect_tick == 10


def test_ticks_that_were_missed_are_missing_in_the_capture() -> None:
    bench = Bench()
    bench.record(ticks=40)
    bench.tick += 40  # an erase of 400 ms at 10 ms a tick
    bench.fill(20)
    bench.write()
    ticks = [sample.tick for sample in read_capture(bench.kept()).samples]
    assert ticks == [*range(40), *range(80, 80 + 20 + 1 + AFTER_ROWS)]


def test_alarm_that_was_latched_before_the_boot_triggers_nothing_and_a_second_leak_does() -> None:
    bench = Bench()
    bench.box.begin(ALARM)
    bench.record(ST_VERDICT_OK, ALARM, ticks=30)
    assert bench.box.state == RECORDING
    bench.record(ST_VERDICT_LEAK, ALARM, ticks=2)
    assert bench.box.state != RECORDING


def test_first_capture_stands_until_it_is_written_and_the_next_follows_it() -> None:
    bench = Bench()
    bench.fill()
    before = bench.box._ring.getvalue()
    bench.record(ST_VERDICT_LEAK, ALARM | 4, ticks=200)
    assert bench.box._ring.getvalue() == before
    bench.write()
    assert_holds(bench, read_capture(bench.kept()), 150 + 1 + AFTER_ROWS - ROWS)
    bench.record(ST_VERDICT_OK, ALARM | 4, ticks=3)
    bench.record(ST_VERDICT_OK, ALARM | 4 | 8, ticks=1 + AFTER_ROWS)  # another class of leak
    bench.write()
    second = read_capture(bench.kept(FIRST_SECTOR + 1))
    assert (second.number, second.trigger) == (2, 2)  # class 2 came while the ring was frozen


@pytest.mark.req("REQ-BOX-002")
@pytest.mark.parametrize("cuts", [range(0, 4096 + 2 * PAGE, 29), pytest.param(range(4096 + 2 * PAGE), marks=pytest.mark.long)])
def test_power_cut_at_every_byte_of_a_capture_leaves_the_one_before(cuts: range) -> None:
    bench = Bench()
    bench.fill()
    bench.write()
    before = bytes(bench.nor.data)
    frozen = Bench(Nor(before))
    frozen.fill()
    image = frozen.box._ring.getvalue()
    outcomes = set()
    for cut in cuts:
        torn = Bench(Nor(before), cut)
        torn.box._ring.seek(0)
        torn.box._ring.write(image)
        torn.box.state = FROZEN
        try:
            torn.write()
        except PowerCut:
            pass
        number = newest(torn.nor)
        outcomes.add(number)
        assert bytes(torn.nor.data[FIRST_SECTOR * SECTOR : (FIRST_SECTOR + 1) * SECTOR]) == bench.kept()
        if number == 2:
            read_capture(torn.kept(FIRST_SECTOR + 1))
    assert outcomes == {1, 2}


# ------------------------------------------------------------------------------------------- resets while a capture closes

BEFORE = [0, 3, 10, ROWS - AFTER_ROWS - 1, ROWS - AFTER_ROWS, *range(90, 190, 7), 700]


def fly_on(bench: Bench, before: int, after: int) -> None:
    """As the application does it: a row, then what is to be saved; `after` ticks behind the alarm's."""
    bench.record(ticks=before)
    for _ in range(1 + after):
        bench.record(ST_VERDICT_LEAK, ALARM)
        bench.box.save()


def capture_after(bench: Bench, before: int) -> Capture | None:
    """What stands in the memory when a board has booted with it and flown on: rows that are those of their ticks, in one stretch."""
    second = Bench(Nor(bytes(bench.nor.data)))
    number = newest(second.nor)
    for _ in range(PIECES + 2):
        second.box.save()
    assert second.box.state == RECORDING
    if newest(second.nor) == number:
        return None
    assert [second.events.peek(1), second.events.peek(2)] == [DICTIONARY.events_by_name["BLACK_BOX_SAVED"].number, number + 1]
    capture = read_capture(second.kept(FIRST_SECTOR + number))
    assert second.events.peek(4) == len(capture.samples)
    assert_holds(second, capture, capture.samples[0].tick)
    assert (capture.number, capture.trigger, capture.trigger_tick) == (number + 1, ST_LEAK_CLASS_COOLANT_LEAK, before)
    second.record(ticks=120)  # and the next one is recorded as ever
    second.box.begin(0)
    second.fill(120)
    second.write()
    assert_holds(second, read_capture(second.kept(FIRST_SECTOR + number + 1)), 240 + 1 + AFTER_ROWS - ROWS)
    return capture


@pytest.mark.req("REQ-BOX-001")
@pytest.mark.parametrize("before", BEFORE)
def test_capture_that_is_written_as_it_comes_is_the_one_that_is_written_afterwards(before: int) -> None:
    one, other = Bench(), Bench()
    one.fill(before)
    one.write()
    fly_on(other, before, AFTER_ROWS)
    other.write()
    assert one.kept() == other.kept()
    assert Bench(other.nor).box.state == RECORDING


@pytest.mark.req("REQ-BOX-002")
@pytest.mark.parametrize("before", BEFORE)
def test_capture_that_a_reset_cuts_off_is_completed_with_what_was_there(before: int) -> None:
    lengths = []
    for after in range(AFTER_ROWS + PIECES + 4):
        bench = Bench()
        fly_on(bench, before, after)
        capture = read_capture(bench.kept()) if bench.box.state == RECORDING else capture_after(bench, before)
        rows = [] if capture is None else [sample.tick for sample in capture.samples]
        lengths.append(len(rows))
        if after >= 14 and before >= ROWS:
            # A page a tick has caught up with the trigger; three pages at most are still to come, one of them in doubt.
            assert rows[0] <= before - 55
            assert rows[-1] >= min(before + after, before + AFTER_ROWS) - 20
    assert lengths == sorted(lengths)
    assert lengths[-1] == min(ROWS, before + 1 + AFTER_ROWS)
    assert lengths[3] > 0 or before < 20


@pytest.mark.req("REQ-BOX-002")
@pytest.mark.parametrize("step", [23, pytest.param(1, marks=[pytest.mark.long, pytest.mark.timeout(1500)])])
def test_power_cut_at_every_byte_of_a_closing_capture_leaves_right_rows_or_none(step: int) -> None:
    whole = Bench()
    whole.fill()
    whole.write()
    before = bytes(whole.nor.data)
    clean = Bench(Nor(before))
    start = clean.moved
    fly_on(clean, 150, AFTER_ROWS + 20)
    found = set()
    for cut in range(0, clean.moved - start, step):
        torn = Bench(Nor(before), cut)
        with contextlib.suppress(PowerCut):
            fly_on(torn, 150, AFTER_ROWS + 20)
        assert torn.kept() == whole.kept()
        if newest(torn.nor) == 2:
            continue
        # The second boot loses power as well, somewhere in what it completes.
        again = Bench(Nor(bytes(torn.nor.data)))
        again.bytes_left = cut * 7 % 700
        with contextlib.suppress(PowerCut):
            for _ in range(PIECES + 2):
                again.box.save()
        if newest(again.nor) == 1:
            capture = capture_after(again, 150)
            found.add(0 if capture is None else len(capture.samples))
        else:
            assert_holds(again, read_capture(again.kept(FIRST_SECTOR + 1)), read_capture(again.kept(FIRST_SECTOR + 1)).samples[0].tick)
    assert min(found) == 0
    assert max(found) >= ROWS - 8


def test_capture_that_another_firmware_left_open_is_not_taken_up() -> None:
    bench = Bench()
    fly_on(bench, 150, 20)
    at = FIRST_SECTOR * SECTOR
    for offset in (2, 3, 4, 8, 12, 16, 19, 37):  # kind, version, number, length, dictionary, layout, size of a row, next row
        nor = Nor(bytes(bench.nor.data))
        nor.data[at + offset] ^= 0x7F
        assert Bench(nor).box.state == RECORDING, offset
    assert Bench(Nor(bytes(bench.nor.data))).box.state == FROZEN


def test_missed_ticks_in_a_capture_that_was_cut_off_are_missing_there() -> None:
    for after in (3, 20):
        bench = Bench()
        bench.record(ticks=100)
        bench.tick += 7
        fly_on(bench, 30, after)
        capture = capture_after_gap(bench)
        ticks = [sample.tick for sample in capture.samples]
        assert set(ticks) <= {*range(100), *range(107, 200)}
        assert ticks == [tick for tick in range(ticks[0], ticks[-1] + 1) if not 100 <= tick < 107]


def capture_after_gap(bench: Bench) -> Capture:
    second = Bench(Nor(bytes(bench.nor.data)))
    for _ in range(PIECES + 2):
        second.box.save()
    return read_capture(second.kept())


@pytest.mark.req("REQ-BOX-002")
def test_capture_takes_a_page_a_tick_and_never_an_erase() -> None:
    bench = Bench()
    bench.fill()
    programmed = []
    original = bench.nor_program
    bench.nor_program = lambda *row: (programmed.append(row[:2]), original(*row))  # type: ignore[method-assign]
    ticks = 0
    while bench.box.state != RECORDING:
        count = len(programmed)
        bench.box.save()
        ticks += 1
        assert len(programmed) - count <= 2  # the first page is written twice: its magic last
    assert ticks <= PIECES + 2
    assert not bench.erases


def test_capture_without_an_erased_sector_waits_for_one() -> None:
    nor = Nor()
    for sector in range(4):
        nor.data[(FIRST_SECTOR + sector) * SECTOR] = 0
    bench = Bench(nor)
    reads = []
    original = bench.nor_read
    bench.nor_read = lambda *row: (reads.append(row[:2]), original(*row))  # type: ignore[method-assign]
    fly_on(bench, 150, AFTER_ROWS)
    assert bench.box.state == FROZEN
    for _ in range(50):
        assert not bench.box.save()  # an erase is welcome
    assert len(reads) <= 64  # one look, not one a tick
    while not bench.store.tidy():
        pass
    bench.box.look_again()
    while bench.box.state != RECORDING:
        bench.box.save()
    assert_holds(bench, read_capture(bench.kept()), 150 + 1 + AFTER_ROWS - ROWS)


@pytest.mark.parametrize("page", [0, 1, 9, 15])
def test_sector_with_a_worn_page_is_left_for_the_next(page: int) -> None:
    bench = Bench()
    bench.stuck_ones[FIRST_SECTOR * SECTOR + page * PAGE + 64] = 0xFF
    bench.fill()
    bench.write()
    assert read_capture(bench.kept(FIRST_SECTOR + 1)).number == 1
    assert bench.store.failures == 1
    numbers = []
    for _ in range(12):
        for _ in range(20):
            bench.store.tidy()
        bench.box._known = 0
        bench.fill()
        bench.write()
        numbers.append(newest(bench.nor))
    assert numbers == list(range(2, 14))


def test_memory_that_takes_nothing_any_more_ends_in_an_event() -> None:
    bench = Bench()
    for sector in range(4):
        bench.stuck_ones[(FIRST_SECTOR + sector) * SECTOR + 900] = 0xFF
    bench.fill()
    bench.write()
    numbers = []
    while bench.events.count:
        numbers.append(bench.events.peek(1))
        bench.events.pop()
    assert [DICTIONARY.events_by_number[number].name for number in numbers] == ["BLACK_BOX_FAILED"]


# ----------------------------------------------------------------------------------------------- through the application


def captures(rig: Rig) -> list[tuple[int, int]]:
    (report,) = [r for r in rig.send("box_report") if isinstance(r, CapturesReport)]
    assert {entry.dictionary_hash for entry in report.captures} <= {DICTIONARY.hash}
    return [(entry.number, entry.trigger_tick) for entry in report.captures]


def pieces(rig: Rig, capture: int, first: int = 1, count: int = PIECES, ticks: int = 12) -> list[PieceReport]:
    return [r for r in rig.send("box_downlink", capture=capture, first=first, count=count, ticks=ticks) if isinstance(r, PieceReport)]


def frozen_by_ground(rig: Rig) -> None:
    assert rig.outcome("box_freeze") == ["1", "3", "7"]
    rig.step(AFTER_ROWS + PIECES + 3)


@pytest.mark.req("REQ-BOX-003")
def test_ground_freezes_lists_and_fetches_a_capture_also_after_a_reset() -> None:
    rig = Rig()
    rig.step(50)
    asked = rig.board.tick
    assert captures(rig) == []
    frozen_by_ground(rig)
    saved = [r for r in rig.reports if isinstance(r, EventReport) and r.event.name == "BLACK_BOX_SAVED"]
    assert [r.value("trigger") for r in saved] == [0]
    rig.boot()
    rig.step(2)
    ((number, tick),) = captures(rig)
    assert asked <= tick <= asked + 6
    assembly = Assembly(number)
    for piece in pieces(rig, number):
        assert assembly.add(piece.transaction, piece.number, piece.data)
    assert assembly.gaps() == []
    capture = read_capture(assembly.record())
    assert capture.trigger_tick == tick
    assert capture.samples[-1].tick == tick + AFTER_ROWS
    for sample in capture.samples:
        assert all(0 <= count - level < 5 for count, level in zip(sample.counts, COUNTS, strict=True))
    assert capture.value(capture.samples[0], 0) == pytest.approx(118_000, abs=50)
    assert capture.value(capture.samples[0], 9) == pytest.approx(20_000, abs=50)
    assert capture.value(capture.samples[0], 15) == pytest.approx(3300, abs=1)


def test_second_freeze_while_one_is_under_way_is_refused_and_an_unknown_capture_too() -> None:
    rig = Rig()
    assert rig.outcome("box_freeze") == ["1", "3", "7"]
    assert rig.outcome("box_freeze") == ["1", "3", "8 busy"]
    rig.step(60)
    assert rig.outcome("box_downlink", capture=7, first=1, count=1) == ["1", "3", "8 no_record"]
    row = DICTIONARY.telecommands_by_name["box_downlink"]
    rig.counter += 1
    assert outcomes(rig.say(build_packet(row, (1, 17, 1), 1, rig.counter, rig.credentials))) == ["2 out_of_range"]


def test_leak_alarm_of_the_application_is_captured_with_its_valves_moving() -> None:
    rig = Rig()
    rig.step(400)
    for _ in range(60):
        for channel in range(7):
            rig.board.levels[channel] -= 8
        rig.step(1)
    rig.step(80)
    ((number, tick),) = captures(rig)
    assembly = Assembly(number)
    for piece in pieces(rig, number):
        assembly.add(piece.transaction, piece.number, piece.data)
    capture = read_capture(assembly.record())
    assert capture.trigger == ST_LEAK_CLASS_COOLANT_LEAK
    assert 400 <= tick <= 460
    falling = [sample.counts[0] for sample in capture.samples if 400 <= sample.tick <= tick]
    assert falling[0] - falling[-1] > 8 * (len(falling) - 3)
    assert any(sample.drive_word & 0x8000 for sample in capture.samples)


@pytest.mark.req("REQ-BOX-003")
def test_pieces_come_again_when_asked_and_wait_behind_housekeeping_on_a_slow_line() -> None:
    rig = Rig(link_baud=9600)
    rig.step(30)
    frozen_by_ground(rig)
    fetched = pieces(rig, 1, 5, 3, ticks=40)
    assert [piece.number for piece in fetched] == [5, 6, 7]
    assert [piece.data for piece in pieces(rig, 1, 6, 1, ticks=30)] == [fetched[1].data]
    assert [piece.number for piece in pieces(rig, 1, 15, 16, ticks=30)] == [15, 16]
    rig.reports.clear()
    got = rig.send("box_downlink", capture=1, first=1, count=16, ticks=150)
    assert len([r for r in got if isinstance(r, PieceReport)]) == PIECES
    housekeeping = [r.time_ms for r in got if isinstance(r, StructureReport) and r.structure.name == "housekeeping"]
    # One a second, late by the piece that is on the line at most.
    assert len(housekeeping) >= 14
    assert all(500 <= later - sooner <= 1500 for sooner, later in pairwise(housekeeping))


def test_no_sector_is_erased_under_a_capture_on_its_way() -> None:
    rig = Rig()
    for _ in range(3):
        frozen_by_ground(rig)
        rig.step(700)  # calm: tidy() has its turns
    rig.board.erases.clear()
    rig.app.ground.commands.box.left = 1
    rig.app.link.is_busy = lambda: True
    frozen_by_ground(rig)
    rig.step(100)
    assert not rig.board.erases
    del rig.app.link.is_busy
    rig.step(100)
    assert rig.board.erases
    assert set(rig.board.erases) <= {12, 13, 14, 15}


def test_line_without_room_for_a_piece_does_not_keep_sectors_from_being_erased_for_ever() -> None:
    rig = Rig(link_baud=1200)  # full with housekeeping alone
    rig.step(100)
    rig.send("box_freeze", ticks=100)
    rig.step(AFTER_ROWS + 40)
    rig.send("box_downlink", capture=1, first=1, count=16, ticks=60)
    assert rig.app.ground.commands.box.left
    rig.step(700)
    assert not rig.app.ground.commands.box.left


# ------------------------------------------------------------------------------------------------------------ the ground


def record() -> bytes:
    bench = Bench()
    bench.fill()
    bench.write()
    return bench.kept()


@given(st.sets(st.integers(1, PIECES)))
def test_gaps_are_what_is_missing(present: set[int]) -> None:
    assembly = Assembly(1)
    for number in present:
        assert assembly.add(1, number, bytes(PIECE_BYTES))
    missing = [number for first, count in assembly.gaps() for number in range(first, first + count)]
    assert missing == [number for number in range(1, PIECES + 1) if number not in present]
    assert all(b > a + n for (a, n), (b, _) in zip(assembly.gaps(), assembly.gaps()[1:], strict=False))


@pytest.mark.req("REQ-BOX-003")
def test_record_with_any_bit_flipped_cut_short_or_of_another_dictionary_is_refused() -> None:
    good = record()
    dice = random.Random(4)
    for _ in range(300):
        bad = bytearray(good)
        at = dice.choice([*range(10), *range(12, SIZE + 16)])
        bad[at] ^= 1 << dice.randrange(8)
        with pytest.raises(CaptureError):
            read_capture(bytes(bad))
    for size in (0, 15, 16, 200, 4095):
        with pytest.raises(CaptureError):
            read_capture(good[:size])
    payload = good[16:]
    head = struct.pack("<HBBIHHH", 0x4C49, 6, 1, 9, SIZE, 0xFFFF, DICTIONARY.hash ^ 1)
    from isoloop.link.crc import crc16_ccitt_false

    with pytest.raises(CaptureError, match="read it with the isoloop that the board was flashed with"):
        read_capture(head + struct.pack("<H", crc16_ccitt_false(payload, crc16_ccitt_false(head))) + payload)


def test_stale_and_absent_channels_have_no_value() -> None:
    board = Board()
    board.fresh = 0xFFFE
    rig = Rig(board)
    ring = rig.app.black_box._ring
    ring.seek(32 + 5)  # no such channel here
    ring.write(b"\0")
    ring.seek(HEAD_SIZE)
    frozen_by_ground(rig)
    found = Assembly(1)
    for piece in pieces(rig, 1):
        found.add(piece.transaction, piece.number, piece.data)
    capture = read_capture(found.record())
    assert capture.value(capture.samples[0], 0) is None
    assert capture.value(capture.samples[0], 5) is None
    assert capture.value(capture.samples[0], 1) is not None
    assert capture_csv(capture).splitlines()[1].split(",")[1] == ""


@pytest.mark.parametrize("seed", range(4))
def test_fetch_asks_again_until_it_has_every_piece(seed: int) -> None:
    good = record()
    dice = random.Random(seed)
    asked: list[tuple[str, tuple[int, ...]]] = []
    kept: list[bytes] = []
    fetch = BoxFetch(lambda name, values: asked.append((name, values)), lambda capture, raw: kept.append(raw), 115_200)
    saved = DICTIONARY.events_by_name["BLACK_BOX_SAVED"]
    fetch.take(EventReport(0, saved, (1, 1, 97)), 0)
    time_ms = 0
    while not kept:
        for name, values in [asked.pop(0)] if asked else []:
            assert name == "box_downlink"
            if dice.random() < 0.3:
                continue  # the telecommand is lost
            for number in range(values[1], values[1] + values[2]):
                if dice.random() < 0.4:
                    fetch.take(PieceReport(0, 1, number, good[(number - 1) * 256 : number * 256]), time_ms)
        time_ms += 1000
        fetch.second(time_ms)
        assert time_ms < 1_000_000
    assert kept == [good]


def test_fetch_gives_up_a_board_that_does_not_answer() -> None:
    asked: list[str] = []
    fetch = BoxFetch(lambda name, values: asked.append(name), lambda capture, raw: None, 115_200)
    fetch.take(EventReport(0, DICTIONARY.events_by_name["BLACK_BOX_SAVED"], (1, 1, 97)), 0)
    for second in range(10 * TRIES_MAX):
        fetch.second(second * 1000)
    assert len(asked) == 1 + TRIES_MAX


LEAK = """schema = "isoloop.scenario/1"
name = "box"
duration_s = 60
[[event]]
at_s = 20
kind = "leak"
segment = "rad2"
hole_mm = 2.0
"""
BAD_LINE = """[[event]]
at_s = 21
kind = "link"
ber = 2e-4
[[event]]
at_s = 27.5
kind = "power"
mode = "reset"
off_s = 1.5
"""


@pytest.mark.req("REQ-BOX-001", "REQ-BOX-003")
def test_flight_brings_the_same_capture_home_over_a_bad_line_and_a_reset(tmp_path: Path) -> None:
    for name, text in (("good", LEAK), ("bad", LEAK + BAD_LINE)):
        (tmp_path / f"{name}.toml").write_text(text)
        summary = fly(load_scenario(tmp_path / f"{name}.toml"), "unix", tmp_path / name)
        assert summary["alloc_faults"] == 0
    assert (tmp_path / "good" / "blackbox-1.bin").read_bytes() == (tmp_path / "bad" / "blackbox-1.bin").read_bytes()
    rows = (tmp_path / "bad" / "blackbox-1.csv").read_text().splitlines()
    assert len(rows) == 1 + ROWS
    assert rows[0].startswith("t_s,p_comp_a_pa,")
    assert float(rows[1].split(",")[0]) < 20 < float(rows[-1].split(",")[0])


RESET = """[[event]]
at_s = {at_s}
kind = "power"
mode = "reset"
off_s = 2
"""


@pytest.mark.req("REQ-BOX-001", "REQ-BOX-002")
@pytest.mark.parametrize("later_s", [0.5, 1.5, 3.0])
def test_flight_that_is_reset_soon_after_the_alarm_brings_home_what_was_recorded_before(later_s: float, tmp_path: Path) -> None:
    (tmp_path / "clean.toml").write_text(LEAK)
    clean = fly(load_scenario(tmp_path / "clean.toml"), "unix", tmp_path / "clean")
    alarm_s = clean["t_detect_s"]
    (tmp_path / "cut.toml").write_text(LEAK + RESET.format(at_s=round(alarm_s + later_s, 1)))
    summary = fly(load_scenario(tmp_path / "cut.toml"), "unix", tmp_path / "cut")
    assert summary["alloc_faults"] == 0
    wanted = (tmp_path / "clean" / "blackbox-1.csv").read_text().splitlines()
    found = (tmp_path / "cut" / "blackbox-1.csv").read_text().splitlines()
    assert len(found) > 55
    assert set(found) <= set(wanted)
    # A page holds 0.64 s; the newest one is not full, and the one before it is in doubt.
    assert float(found[-1].split(",")[0]) >= min(alarm_s + later_s, alarm_s + 2.9) - 1.4
