"""CRC, COBS and space packets of the ground side, against published vectors and an independent decoder."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoloop.link.cobs import CobsError, decode, encode
from isoloop.link.crc import crc16_ccitt_false
from isoloop.link.packet import APID, PacketError, TelemetryPacket

# Cheshire and Baker's examples, and the ends of a full block.
COBS_VECTORS = [
    ("", "01"),
    ("00", "0101"),
    ("0000", "010101"),
    ("001100", "01021101"),
    ("11220033", "0311220233"),
    ("11223344", "0511223344"),
    ("11000000", "0211010101"),
    (bytes(range(1, 255)).hex(), "ff" + bytes(range(1, 255)).hex()),
    (bytes(range(255)).hex(), "01ff" + bytes(range(1, 255)).hex()),
    (bytes(range(1, 256)).hex(), "ff" + bytes(range(1, 255)).hex() + "02ff"),
    ((bytes(range(2, 256)) + b"\x00").hex(), "ff" + bytes(range(2, 256)).hex() + "0101"),
    ((bytes(range(3, 256)) + b"\x00\x01").hex(), "fe" + bytes(range(3, 256)).hex() + "0201"),
]
packets = st.builds(
    TelemetryPacket,
    sequence=st.integers(0, 0x3FFF),
    service=st.integers(0, 255),
    subtype=st.integers(0, 255),
    counter=st.integers(0, 0xFFFF),
    coarse_s=st.integers(0, 0xFFFFFFFF),
    fine=st.integers(0, 0xFFFF),
    data=st.binary(max_size=400),
)


def test_crc_of_the_check_string() -> None:
    assert crc16_ccitt_false(b"123456789") == 0x29B1
    assert crc16_ccitt_false(b"123456789\x29\xb1") == 0


@pytest.mark.parametrize(("plain", "stuffed"), COBS_VECTORS)
def test_cobs_published_vectors(plain: str, stuffed: str) -> None:
    assert encode(bytes.fromhex(plain)).hex() == stuffed
    assert decode(bytes.fromhex(stuffed)).hex() == plain


@given(st.lists(st.one_of(st.binary(max_size=20), st.integers(250, 260).map(lambda n: b"\x01" * n)), max_size=8).map(b"".join))
def test_cobs_round_trip_without_zeros(data: bytes) -> None:
    block = encode(data)
    assert 0 not in block
    assert len(block) <= len(data) + 1 + len(data) // 254
    assert decode(block) == data


@given(st.binary(max_size=600))
def test_cobs_decoder_refuses_or_decodes_anything(block: bytes) -> None:
    try:
        data = decode(block)
    except CobsError:
        return
    assert decode(encode(data)) == data


@given(packets)
def test_packet_round_trip(packet: TelemetryPacket) -> None:
    assert TelemetryPacket.unpack(packet.pack()) == packet


@pytest.mark.req("REQ-TLM-001")
def test_packet_bytes_by_the_blue_book() -> None:
    packet = TelemetryPacket(sequence=5, service=3, subtype=25, counter=7, coarse_s=60, fine=0x8000, data=b"\x00\x01\xff").pack()
    primary = "08a5 c005 0011"  # TM with secondary header, APID 0x0A5; unsegmented, count 5; 18 bytes follow less one
    secondary = "20 03 19 0007 0000 0000003c 8000"  # PUS-C; service 3,25; counter; destination; CUC 4+2
    assert packet[:-2].hex() == (primary + secondary + "0001ff").replace(" ", "")
    assert crc16_ccitt_false(packet) == 0


@given(packets, st.data())
def test_packet_with_any_one_byte_changed_is_refused(packet: TelemetryPacket, data: st.DataObject) -> None:
    whole = bytearray(packet.pack())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(PacketError):
        TelemetryPacket.unpack(bytes(whole))


@pytest.mark.parametrize(
    ("offset", "value", "told"),
    [(0, 0x18, "not a"), (1, 0xA6, "not a"), (2, 0x40, "not a"), (5, 0, "length"), (6, 0x10, "not a")],
)
def test_sound_packet_of_another_kind_is_refused(offset: int, value: int, told: str) -> None:
    body = bytearray(TelemetryPacket(0, 3, 25, 0, 0, 0, b"\x00\x01").pack()[:-2])
    body[offset] = value
    with pytest.raises(PacketError, match=told):
        TelemetryPacket.unpack(bytes(body) + crc16_ccitt_false(body).to_bytes(2, "big"))


@pytest.mark.parametrize("tick_ms", [10, 20, 50, 100])
def test_time_of_every_tick_of_a_second_is_exact(tick_ms: int) -> None:
    for rest in range(1000 // tick_ms):
        fine = rest * tick_ms * 65536 // 1000
        assert TelemetryPacket(0, 3, 25, 0, 2_678_399, fine, b"").time_ms == 2_678_399_000 + rest * tick_ms


@pytest.mark.req("REQ-TLM-001")
def test_independent_decoder_reads_the_packet() -> None:
    spacepackets = pytest.importorskip("spacepackets", reason="the independent decoder is not installed: pip install spacepackets")
    from spacepackets.ecss.tm import PusTm

    raw = TelemetryPacket(sequence=4711, service=5, subtype=4, counter=513, coarse_s=0x01020304, fine=0x0506, data=b"\x00\x04\x00").pack()
    assert spacepackets.ecss.check_pus_crc(raw)
    theirs = PusTm.unpack(raw, timestamp_len=6)
    assert (theirs.apid, theirs.seq_count, theirs.service, theirs.message_subtype) == (APID, 4711, 5, 4)
    assert theirs.pus_tm_sec_header.message_counter == 513
    assert bytes(theirs.timestamp) == struct.pack(">IH", 0x01020304, 0x0506)
    assert bytes(theirs.tm_data) == b"\x00\x04\x00"
