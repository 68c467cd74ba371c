"""From downlink bytes to reports: frames, packets, and the dictionary's meaning of them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from isoloop.dictionary import Dictionary, Event, Structure, load_dictionary
from isoloop.link import cobs
from isoloop.link.black_box import PIECE_BYTES, CaptureEntry
from isoloop.link.packet import SEQUENCE_MODULO, PacketError, TelemetryPacket

SERVICE_HOUSEKEEPING = 3
SUBTYPE_STRUCTURE_REPORT = 25
SERVICE_EVENT = 5
SERVICE_VERIFICATION = 1
SERVICE_LARGE = 13
FRAME_MAX_BYTES = 1024
"""Bytes without a delimiter that are no frame any more: noise is dropped in pieces of this size."""

SUBTYPE_DISABLED_EVENTS = 8
COMPLETED = 7
STAGES = {
    1: "accepted", 2: "acceptance failed", 3: "started", 4: "start failed",
    5: "progress", 6: "progress failed", 7: "completed", 8: "completion failed",
}  # fmt: skip
"""Subtypes of ST[01]."""

_ID = struct.Struct(">H")
_REQUEST = struct.Struct(">HH")
_CAPTURE = struct.Struct(">iHBi")
_ANSWERS: dict[tuple[int, int], tuple[struct.Struct, tuple[str, ...]]] = {
    (17, 2): (struct.Struct(">H"), ("dictionary_hash",)),
    (9, 2): (struct.Struct(">BIH"), ("exponent", "coarse_s", "fine")),
    (12, 9): (struct.Struct(">BHBHiiB"), ("count", "monitor", "status", "field", "low", "high", "repetitions")),
    (12, 12): (struct.Struct(">BHHiiBB"), ("count", "monitor", "field", "value", "limit", "before", "after")),
}


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


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """What became of a telecommand (ST[01]).

    Attributes:
        subtype: 1 accepted, 3 started, 5 progress, 7 completed; 2, 4, 6, 8 the failures of these stages.
        packet_id, sequence: of the telecommand.
        step: of a progress report.
        reason: number of a state of group reason, for a failure.
    """

    time_ms: int
    subtype: int
    packet_id: int
    sequence: int
    step: int | None = None
    reason: int | None = None

    @property
    def is_failure(self) -> bool:
        """The telecommand will not be completed."""
        return self.subtype % 2 == 0

    @property
    def is_final(self) -> bool:
        """Nothing more will be reported about it."""
        return self.is_failure or self.subtype == COMPLETED

    def reason_name(self, dictionary: Dictionary) -> str:
        """The reason by name."""
        return dictionary.groups["reason"].get(self.reason or 0, str(self.reason))


@dataclass(frozen=True, slots=True)
class ParameterReport:
    """Values of parameters by number (ST[20])."""

    time_ms: int
    values: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """Any other answer: service, subtype and the values by name."""

    time_ms: int
    service: int
    subtype: int
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class CapturesReport:
    """Which captures the black box holds (13,129)."""

    time_ms: int
    captures: tuple[CaptureEntry, ...]


@dataclass(frozen=True, slots=True)
class PieceReport:
    """One piece of a large record (ST[13]), numbered from 1."""

    time_ms: int
    transaction: int
    number: int
    data: bytes


Report = EventReport | StructureReport | VerificationReport | ParameterReport | AnswerReport | CapturesReport | PieceReport


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
        if packet.service == SERVICE_HOUSEKEEPING and packet.subtype == SUBTYPE_STRUCTURE_REPORT and len(data) >= _ID.size:
            (number,) = _ID.unpack_from(data)
            if number in self._structures:
                structure, layout = self._structures[number]
                if len(data) == _ID.size + layout.size:
                    return StructureReport(packet.time_ms, structure, layout.unpack_from(data, _ID.size))
        elif packet.service == SERVICE_EVENT and packet.subtype != SUBTYPE_DISABLED_EVENTS and len(data) >= _ID.size:
            (number,) = _ID.unpack_from(data)
            if number in self._events:
                event, layout = self._events[number]
                if len(data) == _ID.size + layout.size:
                    return EventReport(packet.time_ms, event, layout.unpack_from(data, _ID.size))
        elif packet.service == SERVICE_VERIFICATION:
            return _verification(packet)
        else:
            return _answer(packet)
        return None


def _verification(packet: TelemetryPacket) -> VerificationReport | None:
    data, subtype = packet.data, packet.subtype
    sizes = {5: 5, 2: 6, 4: 6, 6: 6, 8: 6}
    if not 1 <= subtype <= 8 or len(data) != sizes.get(subtype, 4):
        return None
    packet_id, control = _REQUEST.unpack_from(data)
    step = data[4] if subtype == 5 else None
    reason = int.from_bytes(data[4:6], "big") if subtype % 2 == 0 else None
    return VerificationReport(packet.time_ms, subtype, packet_id, control & 0x3FFF, step, reason)


def _answer(packet: TelemetryPacket) -> Report | None:
    data, key = packet.data, (packet.service, packet.subtype)
    if key in _ANSWERS:
        layout, names = _ANSWERS[key]
        if len(data) == layout.size:
            return AnswerReport(packet.time_ms, *key, tuple(zip(names, layout.unpack(data), strict=True)))
    elif key == (5, 8) and data and len(data) == 1 + 2 * data[0]:
        return AnswerReport(packet.time_ms, *key, tuple(("event", number) for (number,) in _ID.iter_unpack(data[1:])))
    elif key == (13, 129) and data and len(data) == 1 + _CAPTURE.size * data[0]:
        return CapturesReport(packet.time_ms, tuple(CaptureEntry(*row) for row in _CAPTURE.iter_unpack(data[1:])))
    elif packet.service == SERVICE_LARGE and packet.subtype in (1, 2, 3) and len(data) == _REQUEST.size + PIECE_BYTES:
        transaction, number = _REQUEST.unpack_from(data)
        return PieceReport(packet.time_ms, transaction, number, data[_REQUEST.size :])
    elif key == (20, 2) and data and len(data) == 1 + 6 * data[0]:
        return ParameterReport(packet.time_ms, tuple(struct.iter_unpack(">Hi", data[1:])))
    return None
