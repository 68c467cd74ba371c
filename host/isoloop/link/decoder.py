"""From downlink bytes to reports: frames, packets, and the dictionary's meaning of them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from isoloop.dictionary import Dictionary, Event, Structure, load_dictionary
from isoloop.link import cobs
from isoloop.link.packet import SEQUENCE_MODULO, PacketError, TelemetryPacket

SERVICE_HOUSEKEEPING = 3
SUBTYPE_STRUCTURE_REPORT = 25
SERVICE_EVENT = 5
FRAME_MAX_BYTES = 1024
"""Bytes without a delimiter that are no frame any more: noise is dropped in pieces of this size."""

_ID = struct.Struct(">H")


@dataclass(frozen=True, slots=True)
class EventReport:
    """One event of the firmware. `values` holds one integer for each declared field."""

    time_ms: int
    event: Event
    values: tuple[int, ...]

    def texts(self, dictionary: Dictionary) -> dict[str, str]:
        """The values by field name, named states by name."""
        return {
            row.name: dictionary.groups[row.enum].get(value, str(value)) if row.enum else str(value)
            for row, value in zip(self.event.fields, self.values, strict=True)
        }

    def value(self, name: str) -> int:
        """The value of one field by its name."""
        return self.values[[row.name for row in self.event.fields].index(name)]


@dataclass(frozen=True, slots=True)
class StructureReport:
    """One housekeeping report: raw values in the order of the structure's fields."""

    time_ms: int
    structure: Structure
    values: tuple[int, ...]


Report = EventReport | StructureReport


@dataclass(slots=True)
class LinkStatistics:
    """What the decoder met."""

    frames: int = 0
    bad_frames: int = 0
    """Frames that are no COBS, no packet, or fail the error control."""
    unknown_packets: int = 0
    """Sound packets of a service, event or structure that the dictionary does not know, or of another size."""
    lost_packets: int = 0
    """Gaps in the sequence count. A restart of the firmware is no gap."""


@dataclass
class LinkDecoder:
    """Decodes a downlink piece by piece; holds at most one unfinished frame."""

    dictionary: Dictionary = field(default_factory=load_dictionary)
    statistics: LinkStatistics = field(default_factory=LinkStatistics)

    def __post_init__(self) -> None:
        self._rest = b""
        self._is_overlong = False
        self._sequence: int | None = None
        self._events = {(row.number): (row, struct.Struct(f">{len(row.fields)}i")) for row in self.dictionary.events}
        self._structures = {row.number: (row, struct.Struct(row.struct_format)) for row in self.dictionary.structures}

    def feed(self, data: bytes) -> list[Report]:
        """The reports that these bytes complete, in the order of the wire."""
        *blocks, self._rest = (self._rest + data).split(b"\x00")
        reports: list[Report] = []
        for block in blocks:
            if self._is_overlong:
                self._is_overlong = False
                continue
            if block:
                self._frame(block, reports)
        if len(self._rest) > FRAME_MAX_BYTES:
            self._rest = b""
            if not self._is_overlong:
                self.statistics.bad_frames += 1
            self._is_overlong = True
        return reports

    def restart(self) -> None:
        """The firmware restarts: what it had begun is cut off, and its sequence count begins anew."""
        if self._rest:
            self.statistics.bad_frames += 1
        self._rest = b""
        self._sequence = None

    def _frame(self, block: bytes, reports: list[Report]) -> None:
        statistics = self.statistics
        try:
            packet = TelemetryPacket.unpack(cobs.decode(block))
        except (cobs.CobsError, PacketError):
            statistics.bad_frames += 1
            return
        statistics.frames += 1
        if self._sequence is not None:
            statistics.lost_packets += (packet.sequence - self._sequence - 1) % SEQUENCE_MODULO
        self._sequence = packet.sequence
        report = self._report(packet)
        if report is None:
            statistics.unknown_packets += 1
        else:
            reports.append(report)

    def _report(self, packet: TelemetryPacket) -> Report | None:
        data = packet.data
        if len(data) < _ID.size:
            return None
        (number,) = _ID.unpack_from(data)
        if packet.service == SERVICE_HOUSEKEEPING and packet.subtype == SUBTYPE_STRUCTURE_REPORT and number in self._structures:
            structure, layout = self._structures[number]
            if len(data) == _ID.size + layout.size:
                return StructureReport(packet.time_ms, structure, layout.unpack_from(data, _ID.size))
        elif packet.service == SERVICE_EVENT and number in self._events:
            event, layout = self._events[number]
            if len(data) == _ID.size + layout.size:
                return EventReport(packet.time_ms, event, layout.unpack_from(data, _ID.size))
        return None
