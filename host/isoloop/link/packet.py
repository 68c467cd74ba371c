"""CCSDS space packets with a PUS-C telemetry header (CCSDS 133.0-B, ECSS-E-ST-70-41C): pack and unpack."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from isoloop.link.crc import crc16_ccitt_false

APID = 0x0A5
SEQUENCE_MODULO = 1 << 14

_PRIMARY = struct.Struct(">HHH")
_SECONDARY = struct.Struct(">BBBHHIH")
_DATA_AT = _PRIMARY.size + _SECONDARY.size
_CRC_SIZE = 2
_HEADERS = struct.Struct(">HHHBBBHHIH")
_PACKET_ID = 0x0800 | APID  # version 0, telemetry, with a secondary header
_UNSEGMENTED = 0xC000
_PUS_C = 0x20


class PacketError(ValueError):
    """Not one of our telemetry packets, or damaged on its way."""


@dataclass(frozen=True, slots=True)
class TelemetryPacket:
    """One report as it travels.

    Attributes:
        sequence: packet sequence count, modulo 2^14.
        service, subtype: PUS service and message subtype.
        counter: message type counter, modulo 2^16.
        coarse_s, fine: CUC 4+2 time: seconds and 1/65536 s.
        data: source data.
    """

    sequence: int
    service: int
    subtype: int
    counter: int
    coarse_s: int
    fine: int
    data: bytes
    destination: int = 0

    @property
    def time_ms(self) -> int:
        """Time of the packet in whole milliseconds, the firmware's resolution; exact for any tick length."""
        return self.coarse_s * 1000 + (self.fine * 1000 + 32768) // 65536

    def pack(self) -> bytes:
        """The packet with its error control."""
        length = _SECONDARY.size + len(self.data) + _CRC_SIZE - 1
        packet = (
            _PRIMARY.pack(_PACKET_ID, _UNSEGMENTED | self.sequence, length)
            + _SECONDARY.pack(_PUS_C, self.service, self.subtype, self.counter, self.destination, self.coarse_s, self.fine)
            + self.data
        )
        return packet + crc16_ccitt_false(packet).to_bytes(2, "big")

    @classmethod
    def unpack(cls, packet: bytes) -> TelemetryPacket:
        """Parse and check one whole packet.

        Raises:
            PacketError: too short, wrong length field, error control, packet id or PUS version.
        """
        if len(packet) < _DATA_AT + _CRC_SIZE:
            raise PacketError("too short")
        if crc16_ccitt_false(packet):
            raise PacketError("error control")
        packet_id, control, length, version, service, subtype, counter, destination, coarse_s, fine = _HEADERS.unpack_from(packet)
        if length != len(packet) - _PRIMARY.size - 1:
            raise PacketError("length field")
        if packet_id != _PACKET_ID or control & _UNSEGMENTED != _UNSEGMENTED or version & 0xF0 != _PUS_C:
            raise PacketError("not a telemetry packet of this firmware")
        return cls(control & 0x3FFF, service, subtype, counter, coarse_s, fine, packet[_DATA_AT:-_CRC_SIZE], destination)
