"""Captures of the firmware's black box: put together from pieces, checked, and turned into samples with units."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from isoloop.dictionary import Dictionary, load_dictionary
from isoloop.link.crc import crc16_ccitt_false

PIECES = 16
PIECE_BYTES = 256
KIND_BLACK_BOX = 6

_MAGIC = 0x4C49
_VERSION = 1
_RECORD = struct.Struct("<HBBIHHHH")
_HEAD = struct.Struct("<BBBBHHiii")
_HEAD_BYTES = 32
_CHANNELS = 16
_CALIBRATION_BYTES = _CHANNELS * 9
_ROW = struct.Struct("<20H")
_PRESSURE, _TEMPERATURE, _V_REF, _FLOW = 1, 2, 3, 4
_V_REF_CHANNEL = 15
_FLOW_CHANNEL = 7
_NOMINAL_V_REF_COUNTS = 32_760
_NOMINAL_V_REF_MV = 3300
_ZERO_COUNTS, _SPAN_COUNTS = 6552, 52_416


class CaptureError(ValueError):
    """The pieces are no capture that can be read. The text is one sentence."""


@dataclass(frozen=True)
class CaptureEntry:
    """One line of the board's answer to `box_report`."""

    number: int
    dictionary_hash: int
    trigger: int
    trigger_tick: int


@dataclass(frozen=True)
class Sample:
    """One tick: raw counts of the 16 channels and what the firmware did with them. `fresh` bit i: channel i had a new sample."""

    tick: int
    counts: tuple[int, ...]
    drive_word: int
    switches: int
    fresh: int
    verdict: int
    isolation_state: int


@dataclass(frozen=True)
class Capture:
    """One capture.

    Attributes:
        number: of the capture on its board, ascending.
        trigger: number of the leak class whose alarm froze it; 0: the ground.
        trigger_tick, suspect_tick: of the trigger, and of the suspicion before it (None: there was none).
        tick_ms: length of a tick.
        kinds, lows, highs: calibration of the channels: kind, values at 10 % and at 90 % (Pa, m degC, uL/s).
        samples: oldest first. Ticks that the firmware missed are missing here.
    """

    number: int
    trigger: int
    trigger_tick: int
    suspect_tick: int | None
    tick_ms: int
    kinds: tuple[int, ...]
    lows: tuple[int, ...]
    highs: tuple[int, ...]
    samples: tuple[Sample, ...]

    def value(self, sample: Sample, channel: int) -> float | None:
        """A channel in its unit (Pa, m degC, uL/s, mV); None where it had no new sample or does not exist.

        By the sensor's span and the supply alone: the firmware's own value also takes out the converter's wide codes, up to 40 counts.
        """
        kind = self.kinds[channel]
        if not sample.fresh >> channel & 1:
            return None
        counts = float(sample.counts[channel])
        if kind == _V_REF:
            return counts * _NOMINAL_V_REF_MV / _NOMINAL_V_REF_COUNTS
        if kind not in (_PRESSURE, _TEMPERATURE, _FLOW):
            return None
        reference = sample.counts[_V_REF_CHANNEL]
        if kind != _FLOW and self.kinds[_V_REF_CHANNEL] == _V_REF and reference:
            counts *= _NOMINAL_V_REF_COUNTS / reference
        low, high = self.lows[channel], self.highs[channel]
        return low + (counts - _ZERO_COUNTS) * (high - low) / _SPAN_COUNTS

    def columns(self, dictionary: Dictionary | None = None) -> tuple[str, ...]:
        """Names of csv_rows(), units last, as in housekeeping."""
        fields = [row.name for row in (dictionary or load_dictionary()).structures_by_name["housekeeping"].fields]
        first = fields.index("p_comp_a_pa")
        names = fields[first : first + _CHANNELS]
        if self.kinds[_FLOW_CHANNEL] == _FLOW:
            names[_FLOW_CHANNEL] = "flow_ul_s"
        return ("t_s", *names, "drive_word", "switch_word", "fresh_mask", "verdict", "isolation_state")

    def csv_rows(self) -> Iterator[tuple[float | int | None, ...]]:
        """A row a sample: time, the channels in their units, the words and states as numbers."""
        for sample in self.samples:
            values = (self.value(sample, channel) for channel in range(_CHANNELS))
            shown = (None if value is None else round(value, 1) for value in values)
            yield (
                sample.tick * self.tick_ms / 1000, *shown,
                sample.drive_word, sample.switches, sample.fresh, sample.verdict, sample.isolation_state,
            )  # fmt: skip


@dataclass
class Assembly:
    """The pieces of one capture as they come, in any order, any of them twice."""

    number: int
    pieces: dict[int, bytes] = field(default_factory=dict)

    def add(self, transaction: int, number: int, data: bytes) -> bool:
        """Take piece `number` (from 1). False when it belongs to another capture."""
        if transaction != self.number & 0xFFFF or not 1 <= number <= PIECES or len(data) != PIECE_BYTES:
            return False
        self.pieces[number] = data
        return True

    def gaps(self) -> list[tuple[int, int]]:
        """What is missing: first piece and how many, of each gap."""
        found: list[tuple[int, int]] = []
        for number in range(1, PIECES + 1):
            if number in self.pieces:
                continue
            if found and sum(found[-1]) == number:
                found[-1] = (found[-1][0], found[-1][1] + 1)
            else:
                found.append((number, 1))
        return found

    def record(self) -> bytes:
        """The whole record; only without gaps."""
        return b"".join(self.pieces[number] for number in range(1, PIECES + 1))


class Collector:
    """Puts captures together from whatever pieces pass, asked for by whom ever: for a monitor, or a log."""

    def __init__(self) -> None:
        self._open: dict[int, Assembly] = {}
        self._seen: set[bytes] = set()

    def add(self, transaction: int, number: int, data: bytes) -> bytes | None:
        """Take a piece; the record that it completes, unless that is known already."""
        assembly = self._open.setdefault(transaction, Assembly(transaction))
        if assembly.pieces.get(number, data) != data:
            assembly = self._open[transaction] = Assembly(transaction)  # of another board, or of a memory that began anew
        assembly.add(transaction, number, data)
        if assembly.gaps():
            return None
        record = assembly.record()
        if record in self._seen:
            return None
        self._seen.add(record)
        return record

    def incomplete(self) -> list[tuple[int, int]]:
        """Number and pieces of each capture that is not all there."""
        return [(number, len(assembly.pieces)) for number, assembly in sorted(self._open.items()) if assembly.gaps()]


def read_capture(record: bytes, dictionary: Dictionary | None = None) -> Capture:
    """Check a record and take it apart.

    Raises:
        CaptureError: it is torn, of another kind, fails its CRC, or was made by a firmware with another dictionary.
    """
    dictionary = dictionary or load_dictionary()
    if len(record) < _RECORD.size:
        raise CaptureError("the capture is shorter than its header")
    magic, kind, version, number, length, _, found, crc = _RECORD.unpack_from(record)
    payload = record[_RECORD.size : _RECORD.size + length]
    if (magic, kind, version) != (_MAGIC, KIND_BLACK_BOX, _VERSION) or len(payload) != length:
        raise CaptureError("that is no record of a black box, or not all of it")
    if crc16_ccitt_false(payload, crc16_ccitt_false(record[: _RECORD.size - 2])) != crc:
        raise CaptureError(f"capture {number} fails its CRC")
    if found != dictionary.hash:
        raise CaptureError(
            f"capture {number} was made by a firmware with dictionary 0x{found:04X}, this isoloop has 0x{dictionary.hash:04X}: "
            "read it with the isoloop that the board was flashed with"
        )
    head = _HEAD_BYTES + _CALIBRATION_BYTES
    if length < head or payload[0] != _VERSION or payload[3] != _ROW.size:
        raise CaptureError(f"capture {number} has another layout than this isoloop knows")
    _, trigger, tick_ms, _, rows, oldest, last_tick, trigger_tick, suspect_tick = _HEAD.unpack_from(payload)
    ring_rows = (length - head) // _ROW.size
    if not tick_ms or rows > ring_rows or oldest >= max(1, ring_rows):
        raise CaptureError(f"capture {number} contradicts itself")
    spans = struct.unpack_from(f"<{2 * _CHANNELS}i", payload, _HEAD_BYTES + _CHANNELS)
    return Capture(
        number, trigger, trigger_tick, None if suspect_tick < 0 else suspect_tick, tick_ms,
        tuple(payload[_HEAD_BYTES : _HEAD_BYTES + _CHANNELS]), spans[:_CHANNELS], spans[_CHANNELS:],
        _samples(payload[head : head + ring_rows * _ROW.size], oldest, rows, last_tick),
    )  # fmt: skip


def _samples(raw: bytes, oldest: int, count: int, last_tick: int) -> tuple[Sample, ...]:
    """`count` rows of a ring, from the oldest on; fewer than there is room for when the board had just booted, or a reset cut it off."""
    ring = list(_ROW.iter_unpack(raw))
    rows = (ring[oldest:] + ring[:oldest])[:count]
    found: list[Sample] = []
    tick = last_tick
    low = last_tick & 0xFF
    for row in reversed(rows):
        *counts, drive_word, switches, fresh, state = row
        tick -= (low - (state >> 8)) & 0xFF  # a row has the low byte of its tick: missed ones stay missed
        low = state >> 8
        found.append(Sample(tick, tuple(counts), drive_word, switches, fresh, state & 0xF, state >> 4 & 0xF))
    return tuple(reversed(found))
