"""The firmware's side of the wire, module by module on CPython. tests/unit/test_firmware_micropython.py runs it where it flies."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import firmware
from fakes.ground_rig import Board, Rig
from isoloop.dictionary import load_dictionary
from isoloop.flight.records import (
    KIND_CALIBRATION,
    KIND_PARAMETERS,
    build_nor,
    build_record,
    calibration_payload,
    parameters_payload,
)
from isoloop.link import cobs
from isoloop.link.crc import crc16_ccitt_false
from isoloop.link.decoder import EventReport, LinkDecoder, StructureReport
from isoloop.link.packet import TelemetryPacket
from isoloop.targets import Nor

firmware.on_cpython()

from tcs import crc, frame_kernel, packet, tables  # noqa: E402
from tcs.events import Events  # noqa: E402
from tcs.link import MAX_PACKET, Link, budget_bytes  # noqa: E402
from tcs.params import Params  # noqa: E402
from tcs.store import CALIBRATION_NONE, CALIBRATION_OK, Store  # noqa: E402
from tcs.telemetry import FAST_S, Telemetry  # noqa: E402
from tcs.uplink import MAX_PACKET as MAX_UPLINK  # noqa: E402

DICTIONARY = load_dictionary()
CALIBRATION = [("pressure", 0, 250_000)] * 8 + [("temperature", -90_000, 90_000)] * 7 + [("v_ref", 0, 3300)]
runs = st.lists(st.one_of(st.binary(max_size=9), st.integers(250, 258).map(lambda n: b"\x07" * n)), max_size=6).map(b"".join)


def drain_all(link: Any) -> bytes:
    out = b""
    while count := link.drain(2048):
        out += bytes(link.buffer[link.drained_at : link.drained_at + count])
    return out


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_crc_agrees_with_the_ground(before: bytes, data: bytes) -> None:
    assert crc.crc16(before + data, len(before), len(before) + len(data)) == crc16_ccitt_false(data)


@given(runs, st.integers(0, 5))
def test_stuffing_in_place_agrees_with_the_ground(data: bytes, start: int) -> None:
    buffer = bytearray(start) + b"?" + data + bytes(len(data) // 254)
    end = frame_kernel.stuff(buffer, start, start + 1 + len(data))
    assert bytes(buffer[start:end]) == cobs.encode(data)
    assert bytes(buffer[:start]) == bytes(start)


@given(st.one_of(st.binary(max_size=96).map(cobs.encode), st.binary(min_size=1, max_size=97).map(lambda data: data.replace(b"\0", b"\1"))))
def test_unstuffing_agrees_with_the_ground_and_stays_within_its_buffer(block: bytes) -> None:
    packet_room = bytearray(MAX_UPLINK)  # one byte more would be an IndexError here and a corrupted heap on a board
    length = frame_kernel.unstuff(b"?" + block, 1, 1 + len(block), packet_room)
    try:
        wanted = cobs.decode(block)
    except ValueError:
        wanted = b""
    assert bytes(packet_room[:length]) == wanted


@given(st.integers(0, 0xFFFF), st.integers(0, (1 << 30) - 1), st.sampled_from([10, 20, 50, 100]), st.binary(min_size=1, max_size=290))
def test_headers_and_seal_are_what_the_ground_packs(counter: int, tick: int, tick_ms: int, data: bytes) -> None:
    buffer = bytearray(b"\xaa" * 340)
    at = packet.open_telemetry(buffer, 3, 5, 4, counter, tick, tick_ms)
    buffer[at : at + len(data)] = data
    end = frame_kernel.seal(buffer, 3, at + len(data), counter & 0x3FFF, crc.TABLE)
    per_s = 1000 // tick_ms
    fine = tick % per_s * tick_ms * 65536 // 1000
    assert bytes(buffer[3:end]) == TelemetryPacket(counter & 0x3FFF, 5, 4, counter, tick // per_s, fine, data).pack()
    assert bytes(buffer[:3] + buffer[end:]) == b"\xaa" * (340 - end + 3)


source_data = st.binary(min_size=1, max_size=MAX_PACKET - packet.ERROR_CONTROL_SIZE - packet.SOURCE_DATA_AT)


@given(st.lists(st.tuples(source_data, st.integers(0, 900)), max_size=60), st.integers(1, 1500))
def test_ring_hands_over_every_packet_once_in_order(steps: list[tuple[bytes, int]], budget: int) -> None:
    link = Link(budget)
    sent = []
    out = b""
    for data, take in steps:
        at = link.open()
        if at >= 0:
            at = packet.open_telemetry(link.buffer, at, 3, 25, 0, 7, 100)
            link.buffer[at : at + len(data)] = data
            link.close(at + len(data))
            sent.append(data)
        backlog = link.backlog_bytes()
        count = link.drain(take)
        assert count <= min(take, budget)
        assert link.backlog_bytes() == backlog - count
        out += bytes(link.buffer[link.drained_at : link.drained_at + count])
    out += drain_all(link)
    assert link.backlog_bytes() == 0
    blocks = out.split(b"\x00")
    assert blocks[0] == blocks[-1] == b""  # one delimiter before all, one after each
    packets = [cobs.decode(block) for block in blocks[1:-1]]
    assert [p[packet.SOURCE_DATA_AT : -2] for p in packets] == sent
    assert [int.from_bytes(p[2:4], "big") & 0x3FFF for p in packets] == list(range(len(sent)))
    assert all(crc16_ccitt_false(p) == 0 for p in packets)


def test_ring_that_is_never_drained_refuses_instead_of_overwriting() -> None:
    link = Link(100)
    accepted = 0
    while (at := link.open()) >= 0:
        link.close(packet.open_telemetry(link.buffer, at, 3, 25, 0, 0, 100) + 200)
        accepted += 1
        assert accepted < 100
    assert accepted >= 5
    assert len(drain_all(link).split(b"\x00")) == accepted + 2


def test_largest_reports_fit_a_packet() -> None:
    for structure in DICTIONARY.structures:
        size = sum({"u8": 1, "i8": 1, "u16": 2, "i16": 2, "i32": 4}[field.type] for field in structure.fields)
        assert packet.SOURCE_DATA_AT + 2 + size + packet.ERROR_CONTROL_SIZE <= MAX_PACKET, structure.name


def test_budget_is_what_the_uart_carries() -> None:
    assert budget_bytes(115_200, 100) == 1152
    assert budget_bytes(115_200, 10) == 115
    assert Link(budget_bytes(1200, 1)).budget_bytes == 1


def test_full_event_queue_drops_the_newest_and_counts() -> None:
    events = Events(3)
    for number in range(5):
        events.tick = number
        events.emit(tables.EV_BOOT, number)
    assert (events.count, events.dropped) == (3, 2)
    assert [events.peek(0), events.peek(2)] == [0, 0]
    events.pop()
    assert events.peek(0) == 1


def test_dropped_events_stop_counting_at_the_field_s_end() -> None:
    events = Events(1)
    events.dropped = 0xFFFE
    for _ in range(5):
        events.emit(tables.EV_BOOT)
    assert events.dropped == 0xFFFF


@pytest.mark.req("REQ-TLM-001")
def test_events_go_before_housekeeping_and_all_is_read_back() -> None:
    link, events = Link(1152), Events(8)
    telemetry = Telemetry(link, events, 100)
    events.tick = 600
    events.emit(tables.EV_LEAK_ALARM, tables.ST_LEAK_CLASS_COOLANT_LEAK, 3, 5800, tables.UNKNOWN)
    telemetry.hk[tables.HK_P_COMP_B_PA] = 118_000
    telemetry.hk[tables.HK_P_COMP_A_PA] = tables.UNKNOWN
    telemetry.hk[tables.HK_SEGMENT] = tables.UNKNOWN
    telemetry.hk[tables.HK_STAT_0_PERMILLE] = 70_000
    assert telemetry.report_housekeeping(70_001)
    event, report = LinkDecoder().feed(drain_all(link))
    assert isinstance(event, EventReport)
    assert isinstance(report, StructureReport)
    assert (event.time_ms, event.values) == (60_000, (1, 3, 5800, -0x40000000))
    values = {field.name: value for field, value in zip(report.structure.fields, report.values, strict=True)}
    assert report.time_ms == 7_000_100
    assert values["tick_lo"] + (values["tick_hi"] << 16) == 70_001
    assert (values["p_comp_a_pa"], values["p_comp_b_pa"], values["segment"]) == (-0x40000000, 118_000, 0xFF)
    assert values["stat_0_permille"] == 0xFFFF


@given(st.lists(st.integers(-0x40000000, 0x3FFFFFFF), min_size=tables.HK_COUNT, max_size=tables.HK_COUNT))
def test_housekeeping_saturates_and_never_wraps(values: list[int]) -> None:
    link = Link(1152)
    telemetry = Telemetry(link, Events(1), 100)
    for index, value in enumerate(values):
        telemetry.hk[index] = value
    telemetry.report_housekeeping(0)
    (report,) = LinkDecoder().feed(drain_all(link))
    limits: Mapping[str, tuple[int, int]] = {"u8": (0, 0xFF), "u16": (0, 0xFFFF), "i32": (-0x40000000, 0x3FFFFFFF)}
    for field, sent, read in zip(report.structure.fields, values, report.values, strict=True):
        if field.name in ("tick_lo", "tick_hi", "events_dropped"):
            continue
        low, high = limits[field.type]
        assert read == (high if field.nullable and not low <= sent <= high else min(max(sent, low), high)), field.name


@pytest.mark.req("REQ-TLM-001")
@pytest.mark.parametrize("tick_ms", [10, 100])
def test_housekeeping_is_due_each_second_and_each_tick_until_a_minute_after_suspicion(tick_ms: int) -> None:
    ticks_per_s = 1000 // tick_ms
    link = Link(10_000)
    telemetry = Telemetry(link, Events(1), tick_ms)
    suspicious = range(3 * ticks_per_s + 4, 3 * ticks_per_s + 9)
    end = (suspicious[-1] // ticks_per_s + FAST_S + 4) * ticks_per_s
    due = []
    for tick in range(end):
        if telemetry.is_due(tick, tick in suspicious):
            due.append(tick)
            assert telemetry.report_housekeeping(tick)
        link.drain(2048)
    fast = set(range(suspicious[0], suspicious[-1] + FAST_S * ticks_per_s + 1))
    assert due == sorted(fast | set(range(0, end, ticks_per_s)))


def test_busy_line_delays_housekeeping_and_says_so() -> None:
    link = Link(50)
    telemetry = Telemetry(link, Events(1), 100)
    reported = []
    for tick in range(40):
        if telemetry.is_due(tick, True):
            assert telemetry.report_housekeeping(tick)
            reported.append(tick)
        link.drain(2048)
    gaps = {later - earlier for earlier, later in pairwise(reported)}
    assert min(gaps) >= 3  # a frame of about 190 bytes, 50 a tick, and the next begins while one tick's worth waits
    assert telemetry.hk[tables.HK_REPORTS_SKIPPED] == 40 - len(reported)


class NorBoard:
    """The board's memory alone."""

    def __init__(self, nor: Nor) -> None:
        self.nor = nor

    def nor_read(self, sector: int, page: int, buffer: bytearray) -> None:
        buffer[:] = self.nor.read(sector, page)


def loaded(nor: Nor) -> Any:
    params = Params()
    params.load(Store(NorBoard(nor)))
    return params


def parameters_record(sequence: int, **values: int) -> bytes:
    return build_record(KIND_PARAMETERS, sequence, parameters_payload(values, DICTIONARY), DICTIONARY.hash)


@pytest.mark.req("REQ-APP-004")
def test_parameters_of_the_slot_overlay_the_defaults() -> None:
    params = loaded(build_nor({"stale_ms": 2500, "mode": 1}, None))
    assert (params.source, params.sequence, params.refused) == (1, 1, 0)
    assert params.values[tables.P_STALE_MS] == 2500
    assert params.values[tables.P_MODE] == 1
    for name in ("gas_pv_mj", "tick_ms"):
        assert params.values[getattr(tables, f"P_{name.upper()}")] == DICTIONARY.parameters_by_name[name].default


@pytest.mark.req("REQ-APP-004")
def test_every_parameter_fits_a_record() -> None:
    highest = {row.name: row.max for row in DICTIONARY.parameters}
    assert list(loaded(build_nor(highest, None)).values) == [row.max for row in DICTIONARY.parameters]


@pytest.mark.req("REQ-APP-004")
def test_newest_valid_record_wins() -> None:
    nor = Nor()
    nor.write_record(0, parameters_record(8, stale_ms=800))
    nor.write_record(1, parameters_record(9, stale_ms=900))
    params = loaded(nor)
    assert (params.source, params.sequence, params.values[tables.P_STALE_MS]) == (2, 9, 900)
    nor.data[4096 + 20] ^= 1  # torn
    params = loaded(nor)
    assert (params.source, params.sequence, params.values[tables.P_STALE_MS]) == (1, 8, 800)
    nor.data[3] ^= 2  # another version
    assert (loaded(nor).source, list(loaded(nor).values)) == (0, list(tables.PARAM_DEFAULTS))


@pytest.mark.req("REQ-APP-004")
@pytest.mark.parametrize("bit", range(16 * 8 + 6 * 8))
def test_record_with_any_one_bit_flipped_is_not_used(bit: int) -> None:
    nor = Nor()
    record = bytearray(parameters_record(3, stale_ms=800))
    assert len(record) == 22
    record[bit // 8] ^= 1 << bit % 8
    nor.write_record(0, bytes(record))
    assert loaded(nor).source == 0


def test_entries_out_of_range_or_unknown_are_refused_one_by_one() -> None:
    nor = Nor()
    stale = DICTIONARY.parameters_by_name["stale_ms"]
    entries = [(stale.number, stale.max + 1), (65_000, 5), (DICTIONARY.parameters_by_name["mode"].number, 0)]
    payload = b"".join(number.to_bytes(2, "little") + value.to_bytes(4, "little", signed=True) for number, value in entries)
    nor.write_record(0, build_record(KIND_PARAMETERS, 1, payload, 0))
    params = loaded(nor)
    assert params.refused == 2
    assert params.values[tables.P_STALE_MS] == stale.default
    assert params.values[tables.P_MODE] == 0


def test_calibration_is_read_or_left_untouched() -> None:
    kinds, lows, highs = [9] * 16, [9] * 16, [9] * 16
    store = Store(NorBoard(Nor()))
    assert store.load_calibration(kinds, lows, highs) == CALIBRATION_NONE
    assert kinds == lows == highs == [9] * 16
    store = Store(NorBoard(build_nor({}, CALIBRATION)))
    assert store.load_calibration(kinds, lows, highs) == CALIBRATION_OK
    assert kinds == [1] * 8 + [2] * 7 + [3]
    assert (lows[8], highs[8], highs[0]) == (-90_000, 90_000, 250_000)


@pytest.mark.req("REQ-SEN-007")
@pytest.mark.parametrize(
    ("channel", "row"),
    [
        (0, (2, 0, 250_000)), (0, (9, 0, 1)), (15, (1, 0, 250_000)), (7, (2, 0, 250_000)), (8, (4, 0, 10)), (3, (1, 5, 5)), (3, (1, 6, 5)),
        (4, (1, 0, 4_000_001)), (4, (1, -100_001, 5)), (4, (1, -(2**31), 2**31 - 1)), (9, (2, -180_001, 0)), (9, (2, 0, 180_001)),
        (7, (4, 0, 2_500_001)),
    ],
)  # fmt: skip
def test_calibration_that_makes_no_sense_is_refused_whole_and_its_channel_named(channel: int, row: tuple[int, int, int]) -> None:
    rows = list(CALIBRATION)
    rows[channel] = row
    kinds, lows, highs = [9] * 16, [9] * 16, [9] * 16
    assert Store(NorBoard(build_nor({}, rows))).load_calibration(kinds, lows, highs) == channel
    assert kinds == lows == highs == [9] * 16
    rows[channel] = (0, 0, 0)
    assert Store(NorBoard(build_nor({}, rows))).load_calibration(kinds, lows, highs) == CALIBRATION_OK


@pytest.mark.req("REQ-SEN-007")
def test_refused_calibration_is_told_at_boot_and_the_board_file_s_spans_stand() -> None:
    rows = list(CALIBRATION)
    rows[5] = (1, 600_000, 0)
    rig = Rig(Board())
    rig.board.nor = build_nor({}, rows)
    rig.boot()
    ticks = iter(range(40))
    data = bytearray()

    def finish(word: int, fed: bool) -> None:
        link = rig.app.link
        count = link.drain(2048)
        data.extend(link.buffer[link.drained_at : link.drained_at + count])

    rig.board.sample = lambda: setattr(rig.board, "tick", next(ticks))  # type: ignore[attr-defined]
    rig.board.finish = finish  # type: ignore[attr-defined]
    with pytest.raises(StopIteration):
        rig.app.run()
    events = [report for report in LinkDecoder().feed(bytes(data)) if isinstance(report, EventReport)]
    assert [report.texts(DICTIONARY) for report in events if report.event.name == "CALIBRATION_REFUSED"] == [{"channel": "p_rad2"}]
    assert rig.app.sensing.value(0) == pytest.approx(118_000, abs=300)


def test_record_of_another_kind_is_not_mistaken() -> None:
    nor = Nor()
    nor.write_record(0, build_record(KIND_CALIBRATION, 1, calibration_payload(CALIBRATION), 0))
    assert loaded(nor).source == 0


def test_builder_refuses_what_the_dictionary_does_not_allow() -> None:
    with pytest.raises(ValueError, match="no parameter stale_s"):
        build_nor({"stale_s": 1}, None)
    with pytest.raises(ValueError, match="outside"):
        build_nor({"mode": 3}, None)
    with pytest.raises(ValueError, match="16 rows"):
        calibration_payload(CALIBRATION[:15])
