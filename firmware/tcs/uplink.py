"""Bytes from the ground -> one sound frame at a time. Allocation-free.

Frame = COBS(one space packet) + 0x00. What is too long, no COBS, or fails the error control is dropped and counted here, so that nothing
behind this module sees a byte that was damaged on its way.
"""

from micropython import const

from tcs.crc import crc16
from tcs.frame_kernel import copy, unstuff

MAX_PACKET = 96  # bytes; the longest telecommand has 59, with room for growth
_CAPACITY = const(2048)
_MAX_BLOCK = const(97)  # MAX_PACKET and its code byte
_MIN_PACKET = const(7)
_MAX_COUNT = const(0xFFFF)
_ZERO = b"\x00"


class Uplink:
    """take() bytes, then next_packet() until it says 0; the packet stands in .packet[:length] until the next call.

    .is_waiting: there may be a packet; .bad_frames, .dropped_bytes: counted up to 0xFFFF.
    """

    def __init__(self):
        self.packet = bytearray(MAX_PACKET)
        self.is_waiting = False
        self.bad_frames = 0
        self.dropped_bytes = 0
        self._buffer = bytearray(_CAPACITY)
        self._begin = 0
        self._end = 0
        self._is_skipping = False  # within a block that is too long to be a frame

    def take(self, data, count):
        """Append data[:count]; what finds no room is dropped and counted."""
        if not count:
            return
        if self._begin and self._end + count > _CAPACITY:
            self._compact()
        buffer = self._buffer
        end = self._end
        room = _CAPACITY - end
        if count > room:
            self.dropped_bytes = min(_MAX_COUNT, self.dropped_bytes + count - room)
            count = room
        self._end = copy(buffer, end, data, 0, count)
        self.is_waiting = True

    def next_packet(self):
        """Length of the next packet whose error control is right; 0 when none is complete."""
        while True:
            stop = self._buffer.find(_ZERO, self._begin, self._end)
            if stop < 0:
                self._forget_overlong()
                self.is_waiting = False
                return 0
            begin = self._begin
            self._begin = stop + 1
            if self._begin == self._end:
                self._begin = self._end = 0
            if self._is_skipping:
                self._is_skipping = False
            elif stop > begin:
                length = self._unstuff(begin, stop)
                if length >= _MIN_PACKET and crc16(self.packet, 0, length) == 0:
                    return length
                self._count_bad()

    def _forget_overlong(self):
        if self._end - self._begin >= _MAX_BLOCK:
            if not self._is_skipping:
                self._is_skipping = True
                self._count_bad()
        elif not self._is_skipping:
            return
        self._begin = self._end = 0

    def _unstuff(self, at, stop):
        """Undo the stuffing of a block into .packet; its length, or 0."""
        if stop - at > _MAX_BLOCK:
            return 0
        return unstuff(self._buffer, at, stop, self.packet)

    def _compact(self):
        self._end = copy(self._buffer, 0, self._buffer, self._begin, self._end)
        self._begin = 0

    def _count_bad(self):
        if self.bad_frames < _MAX_COUNT:
            self.bad_frames += 1
