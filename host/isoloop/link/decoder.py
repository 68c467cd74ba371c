"""From downlink bytes to reports: frames, packets, and the dictionary's meaning of them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

from isoloop.dictionary import AnswerRow, Dictionary, Event, Structure, load_dictionary
from isoloop.link import cobs
from isoloop.link.black_box import CaptureEntry
from isoloop.link.packet import SEQUENCE_MODULO, PacketError, TelemetryPacket

SERVICE_HOUSEKEEPING = 3
SUBTYPE_STRUCTURE_REPORT = 25
SERVICE_EVENT = 5
SERVICE_VERIFICATION = 1
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


def refusal(who: str, found: int, ours: int) -> str:
    """The sentence for a firmware whose dictionary is not ours; `who` begins it."""
    return (
        f"{who} was built with dictionary 0x{found:04X}, this isoloop has 0x{ours:04X}: "
        "flash it with this version, or use the isoloop that it was flashed with"
    )


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
    """Decodes a downlink piece by piece; holds at most one unfinished frame.

    Attributes:
        time_offset_ms: added to the time of every report: what the board's clock has lost when it began anew, as a ground knows it.
        foreign_hash: the dictionary that the firmware says it was built with, when it is another one; None while it is ours or not known.
    """

    dictionary: Dictionary = field(default_factory=load_dictionary)
    statistics: LinkStatistics = field(default_factory=LinkStatistics)

    def __post_init__(self) -> None:
        self.foreign_hash: int | None = None
        self.time_offset_ms = 0
        self._rest = b""
        self._is_overlong = False
        self._sequence: int | None = None
        self._events = {(row.number): (row, struct.Struct(f">{len(row.fields)}i")) for row in self.dictionary.events}
        self._answers = {
            (row.service, row.subtype): (row, struct.Struct(row.struct_format), struct.Struct(row.row_format))
            for row in self.dictionary.answers
        }
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

    def reconnect(self) -> None:
        """The line was cut and is back: what had begun is lost, and so is what the sequence count will tell."""
        if self._rest:
            self.statistics.bad_frames += 1
        self._rest = b""
        self._is_overlong = False

    def _frame(self, block: bytes, reports: list[Report]) -> None:
        statistics = self.statistics
        try:
            packet = TelemetryPacket.unpack(cobs.decode(block))
        except (cobs.CobsError, PacketError):
            statistics.bad_frames += 1
            return
        statistics.frames += 1
        report = self._report(packet)
        is_boot = isinstance(report, EventReport) and report.event.name == "BOOT"
        if self._sequence is not None and not is_boot:  # a firmware that starts counts from 0: no gap
            statistics.lost_packets += (packet.sequence - self._sequence - 1) % SEQUENCE_MODULO
        self._sequence = packet.sequence
        if report is None:
            statistics.unknown_packets += 1
        else:
            reports.append(replace(report, time_ms=report.time_ms + self.time_offset_ms) if self.time_offset_ms else report)

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
        elif (packet.service, packet.subtype) in self._answers:
            return self._answer(packet)
        return None

    def _answer(self, packet: TelemetryPacket) -> Report | None:
        row, layout, row_layout = self._answers[packet.service, packet.subtype]
        data = packet.data
        if len(data) < layout.size:
            return None
        head = layout.unpack_from(data)
        rest = data[layout.size :]
        size = row_layout.size * head[-1] if row.row else row.data_bytes
        if len(rest) != size:
            return None
        if row.name == "alive":
            self.foreign_hash = None if head[0] == self.dictionary.hash else head[0]
        return _special(packet.time_ms, row, head, list(row_layout.iter_unpack(rest)) if row.row else [], rest)


def _special(time_ms: int, row: AnswerRow, head: tuple[int, ...], rows: list[tuple[int, ...]], block: bytes) -> Report:
    """An answer as the class that its readers want."""
    if row.service == SERVICE_VERIFICATION:
        packet_id, control, *rest = head
        last = rest[0] if rest else None
        is_failure = row.subtype % 2 == 0
        return VerificationReport(
            time_ms, row.subtype, packet_id, control & 0x3FFF, None if is_failure else last, last if is_failure else None
        )
    if row.data_bytes:
        return PieceReport(time_ms, head[0], head[1], block)
    if row.name == "captures":
        return CapturesReport(time_ms, tuple(CaptureEntry(*values) for values in rows))
    if row.name == "parameter_values":
        return ParameterReport(time_ms, tuple((number, value) for number, value in rows))
    if row.row:
        named = tuple((field.name, value) for values in rows for field, value in zip(row.row, values, strict=True))
    else:
        named = tuple((field.name, value) for field, value in zip(row.fields, head, strict=True))
    return AnswerReport(time_ms, row.service, row.subtype, named)
