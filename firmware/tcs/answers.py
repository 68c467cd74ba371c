"""Reports that answer telecommands: verification, parameters, time, monitors. Allocation-free.

Each returns False when the link has no room. The receiver takes the next telecommand only while there is room for all its answers.
"""

from array import array
from struct import pack_into

from micropython import const

from tcs import command_table as tc
from tcs import packet
from tcs.frame_kernel import copy
from tcs.tables import DICTIONARY_HASH

ACCEPTED = 1
ACCEPTANCE_FAILED = 2
STARTED = 3
START_FAILED = 4
PROGRESS = 5
COMPLETED = 7
COMPLETION_FAILED = 8

_COUNTERS = const(20)
_VERIFICATION = const(1)
_DISABLED_EVENTS = const(8)
_TIME = const(9)
_MONITOR = const(10)
_TRANSITION = const(11)
_ALIVE = const(12)
_PARAMETERS = const(13)
_CAPTURES = const(14)
_PIECE = const(15)  # and two more: first, intermediate, last


class Answers:
    """Packs into the link. Time stamps are the tick given to each call."""

    def __init__(self, link, tick_ms):
        self._link = link
        self._tick_ms = tick_ms
        self._ticks_per_s = 1000 // tick_ms
        self._counters = array("H", bytes(2 * _COUNTERS))  # message type counters; 1..8 are the verification subtypes

    def verify(self, subtype, packet_id, sequence_control, step_or_reason, tick):
        """ST[01]: subtypes 2, 4 and 8 carry a reason, 5 a step."""
        at = self._open(_VERIFICATION, subtype, subtype, tick)
        if at < 0:
            return False
        buffer = self._link.buffer
        pack_into(tc.AF_ACCEPTED, buffer, at, packet_id, sequence_control)
        at += 4
        if subtype == PROGRESS:
            buffer[at] = step_or_reason
            at += 1
        elif subtype in (ACCEPTANCE_FAILED, START_FAILED, COMPLETION_FAILED):
            pack_into(">H", buffer, at, step_or_reason)
            at += 2
        self._link.close(at)
        return True

    def alive(self, tick):
        """ST[17]: yes, and by which dictionary."""
        at = self._open(17, 2, _ALIVE, tick)
        if at < 0:
            return False
        pack_into(tc.AF_ALIVE, self._link.buffer, at, DICTIONARY_HASH)
        self._link.close(at + 2)
        return True

    def time(self, exponent, tick):
        """ST[09]: the rate, then the time, as in every header."""
        at = self._open(9, 2, _TIME, tick)
        if at < 0:
            return False
        per_s = self._ticks_per_s
        pack_into(tc.AF_TIME_REPORT, self._link.buffer, at, exponent, tick // per_s, tick % per_s * self._tick_ms * 65536 // 1000)
        self._link.close(at + 7)
        return True

    def disabled_events(self, events, tick):
        """ST[05]: count, then the numbers of events that are not reported."""
        at = self._open(5, 8, _DISABLED_EVENTS, tick)
        if at < 0:
            return False
        buffer = self._link.buffer
        count_at = at
        at += 1
        count = 0
        number = 1
        while number < 256 and count < 100:
            if not events.is_enabled(number):
                pack_into(">H", buffer, at, number)
                at += 2
                count += 1
            number += 1
        buffer[count_at] = count
        self._link.close(at)
        return True

    def parameters(self, numbers, values, first, count, tick):
        """ST[20]: count, then (number u16, value i32) of `count` rows from index `first`."""
        at = self._open(20, 2, _PARAMETERS, tick)
        if at < 0:
            return False
        buffer = self._link.buffer
        buffer[at] = count
        at += 1
        index = first
        while index < first + count:
            pack_into(tc.AF_PARAMETER_VALUES_ROW, buffer, at, numbers[index], values[index])
            at += 6
            index += 1
        self._link.close(at)
        return True

    def captures(self, rows, count, tick):
        """ST[13], 129: count, then of each capture number i32, dictionary hash u16, trigger u8 and its tick i32; four a row of `rows`."""
        at = self._open(13, 129, _CAPTURES, tick)
        if at < 0:
            return False
        buffer = self._link.buffer
        buffer[at] = count
        at += 1
        row = 0
        while row < 4 * count:
            pack_into(tc.AF_CAPTURES_ROW, buffer, at, rows[row], rows[row + 1], rows[row + 2], rows[row + 3])
            at += 11
            row += 4
        self._link.close(at)
        return True

    def piece(self, transaction, number, last, page, tick):
        """ST[13]: part `number` (from 1) of a large record, a page of 256 bytes; subtype 1 the first, 3 the `last`, 2 between."""
        kind = 0 if number == 1 else 2 if number == last else 1
        at = self._open(13, kind + 1, _PIECE + kind, tick)
        if at < 0:
            return False
        buffer = self._link.buffer
        pack_into(tc.AF_PIECE_FIRST, buffer, at, transaction & 0xFFFF, number)
        self._link.close(copy(buffer, at + 4, page, 0, 256))
        return True

    def monitor(self, number, status, field, low, high, repetitions, tick):
        """ST[12]: how a monitor is set."""
        at = self._open(12, 9, _MONITOR, tick)
        if at < 0:
            return False
        pack_into(tc.AF_MONITOR_SETTING, self._link.buffer, at, 1, number, status, field, low, high, repetitions)
        self._link.close(at + 15)
        return True

    def transition(self, number, field, value, limit, before, after, tick):
        """ST[12]: a monitored field crossed a limit."""
        at = self._open(12, 12, _TRANSITION, tick)
        if at < 0:
            return False
        pack_into(tc.AF_MONITOR_TRANSITION, self._link.buffer, at, 1, number, field, value, limit, before, after)
        self._link.close(at + 15)
        return True

    def _open(self, service, subtype, counter, tick):
        at = self._link.open()
        if at < 0:
            return at
        counters = self._counters
        count = counters[counter]
        counters[counter] = (count + 1) & 0xFFFF
        return packet.open_telemetry(self._link.buffer, at, service, subtype, count, tick, self._tick_ms)
