"""The ground decoder: any cut of the stream, damaged frames, gaps, noise."""

import random
import struct

from hypothesis import given
from hypothesis import strategies as st

from isoloop.dictionary import load_dictionary
from isoloop.flight.csv_rows import StructureCsv
from isoloop.link import cobs
from isoloop.link.decoder import EventReport, LinkDecoder, StructureReport
from isoloop.link.packet import TelemetryPacket

DICTIONARY = load_dictionary()
HOUSEKEEPING = DICTIONARY.structures_by_name["housekeeping"]


def frame(packet: TelemetryPacket) -> bytes:
    return cobs.encode(packet.pack()) + b"\x00"


def housekeeping(sequence: int, time_s: int = 0, values: dict[str, int] | None = None) -> bytes:
    row = [(values or {}).get(field.name, 0) for field in HOUSEKEEPING.fields]
    data = struct.pack(">H", HOUSEKEEPING.number) + struct.pack(HOUSEKEEPING.struct_format, *row)
    return frame(TelemetryPacket(sequence, 3, 25, 0, time_s, 0, data))


def event(sequence: int, name: str, *values: int) -> bytes:
    row = DICTIONARY.events_by_name[name]
    return frame(TelemetryPacket(sequence, 5, 1, 0, 1, 0, struct.pack(f">H{len(values)}i", row.number, *values)))


STREAM = b"\x00" + housekeeping(0, 1) + event(1, "LEAK_ALARM", 1, 2, -300, 4) + housekeeping(2, 2) + event(3, "LEAK_CLEARED")


@given(st.lists(st.integers(0, len(STREAM)), max_size=12).map(sorted))
def test_any_cut_of_the_stream_gives_the_same_reports(cuts: list[int]) -> None:
    decoder = LinkDecoder()
    reports = []
    for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True):
        reports += decoder.feed(STREAM[start:end])
    assert reports == LinkDecoder().feed(STREAM)
    assert len(reports) == 4
    assert decoder.statistics.frames == 4
    assert decoder.statistics.bad_frames == decoder.statistics.lost_packets == decoder.statistics.unknown_packets == 0


def test_event_has_its_values_by_name() -> None:
    reports = LinkDecoder().feed(STREAM)
    alarm = reports[1]
    assert isinstance(alarm, EventReport)
    assert alarm.time_ms == 1000
    assert alarm.texts(DICTIONARY) == {"leak_class": "coolant_leak", "stage": "2", "rate_ul_s": "-300", "lost_ul": "4"}
    assert alarm.value("rate_ul_s") == -300


def test_damaged_frame_is_counted_and_the_gap_noticed() -> None:
    decoder = LinkDecoder()
    damaged = bytearray(housekeeping(1))
    damaged[30] ^= 4
    reports = decoder.feed(housekeeping(0) + bytes(damaged) + housekeeping(2))
    assert len(reports) == 2
    assert (decoder.statistics.bad_frames, decoder.statistics.lost_packets) == (1, 1)


def test_sequence_count_wraps_without_a_gap_and_a_restart_is_none() -> None:
    decoder = LinkDecoder()
    decoder.feed(housekeeping(0x3FFF) + housekeeping(0))
    assert decoder.statistics.lost_packets == 0
    decoder.feed(housekeeping(1)[:50])
    decoder.restart()
    assert len(decoder.feed(b"\x00" + housekeeping(0))) == 1
    assert (decoder.statistics.lost_packets, decoder.statistics.bad_frames) == (0, 1)


def test_sound_packets_that_the_dictionary_does_not_know_are_counted() -> None:
    decoder = LinkDecoder()
    strangers = [(3, 25, b"\x00\x63\x00"), (3, 25, b"\x00\x01\x00"), (5, 1, b"\x00\xfe"), (17, 3, b"\x00\x01"), (17, 2, b"\x00"),
                 (5, 1, b"\x00"), (1, 1, b"\x18"), (20, 2, b"\x02\x00"), (1, 9, b"\0\0\0\0")]  # fmt: skip
    stream = b"".join(frame(TelemetryPacket(n, s, t, 0, 0, 0, data)) for n, (s, t, data) in enumerate(strangers))
    assert decoder.feed(stream) == []
    assert decoder.statistics.unknown_packets == len(strangers)


def test_link_lost_and_found_a_thousand_times_resynchronises_within_a_frame_and_counts_every_gap() -> None:
    dice = random.Random(11)
    frames = [housekeeping(n & 0x3FFF) for n in range(20_000)]
    decoder = LinkDecoder()
    n = received = whole = lost_seen = 0
    while n < len(frames) - 40:
        for _ in range(dice.randrange(3, 12)):
            received += len(decoder.feed(frames[n]))
            whole += 1
            n += 1
        # The cable is pulled in the middle of one frame and comes back in the middle of another.
        received += len(decoder.feed(frames[n][: dice.randrange(1, len(frames[n]))]))
        n += dice.randrange(1, 12)
        lost_from = n
        received += len(decoder.feed(frames[n][dice.randrange(1, len(frames[n]) - 1) :]))
        n += 1
        before = received
        received += len(decoder.feed(frames[n]))
        assert received == before + 1, lost_from
        whole += 1
        n += 1
        lost_seen += 1
    assert lost_seen >= 1000
    assert received == whole == decoder.statistics.frames
    assert decoder.statistics.lost_packets == n - whole


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_noise_raises_nothing_and_a_frame_after_it_is_read(chunks: list[bytes]) -> None:
    decoder = LinkDecoder()
    for chunk in chunks:
        decoder.feed(chunk)
    decoder.feed(b"\x00")
    assert len(decoder.feed(housekeeping(0))) == 1


def test_noise_without_delimiters_is_not_kept() -> None:
    decoder = LinkDecoder()
    for _ in range(100):
        decoder.feed(b"\xaa" * 1000)
    assert len(decoder._rest) <= 2000
    assert decoder.statistics.bad_frames == 1
    assert len(decoder.feed(b"\x00" + housekeeping(0))) == 1


def test_csv_row_names_states_and_leaves_the_unknown_empty() -> None:
    values = {"verdict": 2, "segment": 0xFF, "p_comp_a_pa": -0x40000000, "p_comp_b_pa": 118000, "isolation_state": 200}
    (report,) = LinkDecoder().feed(housekeeping(0, 61, values))
    assert isinstance(report, StructureReport)
    writer = StructureCsv(HOUSEKEEPING, DICTIONARY)
    row = dict(zip(writer.header.strip().split(","), writer.row(report.time_ms + 100, report.values).strip().split(","), strict=True))
    assert row["t_s"] == "61.10"
    assert row["verdict"] == "leak"
    assert row["segment"] == row["p_comp_a_pa"] == ""
    assert row["p_comp_b_pa"] == "118000"
    assert row["isolation_state"] == "200"


def test_time_that_a_board_lost_is_added_to_what_it_says_from_then_on() -> None:
    decoder = LinkDecoder()
    first = decoder.feed(b"\x00" + housekeeping(0, 7))
    decoder.time_offset_ms = 5000
    second = decoder.feed(housekeeping(1, 1))
    assert [report.time_ms for report in first + second] == [7000, 6000]
