"""The downlink: packets are built, framed and kept in one ring until the UART takes them.

A frame is COBS(one space packet) + 0x00. Frames lie contiguous: one that does not fit before the ring's end starts at its beginning,
so neither framing nor handing over ever copies.
"""

from micropython import const

from tcs.crc import TABLE
from tcs.frame_kernel import seal, stuff

MAX_PACKET = 320  # bytes; the largest structure report must fit, a test holds it
_CAPACITY = const(2048)
_MAX_FRAME = const(324)  # MAX_PACKET + two code bytes + delimiter, and one apart so that a full ring is not an empty one


class Link:
    """Ring of framed bytes, and the sequence count. `budget_bytes`: what the UART carries in a tick. Allocation-free after start-up."""

    def __init__(self, budget_bytes):
        self.budget_bytes = max(1, budget_bytes)
        self.buffer = bytearray(_CAPACITY)
        self.sequence = 0
        self.drained_at = 0
        self._head = 0
        self._tail = 1  # one delimiter first, so that what a reset cut off does not swallow the first frame
        self._wrap = 0  # end of the bytes behind _head when _tail has gone back to the beginning, else 0
        self._packet_at = 0

    def backlog_bytes(self):
        """Framed bytes that wait for the UART."""
        if self._wrap:
            return self._wrap - self._head + self._tail
        return self._tail - self._head

    def is_busy(self):
        """True when more than a tick's worth of bytes waits: what can wait should not be reported now."""
        return self.backlog_bytes() > self.budget_bytes

    def open(self):
        """Offset in .buffer where a packet of up to MAX_PACKET bytes may be built; -1 when there is no room. close() or nothing follows."""
        if self._wrap:
            if self._head - self._tail < _MAX_FRAME:
                return -1
        elif _CAPACITY - self._tail < _MAX_FRAME:
            if self._head < _MAX_FRAME:
                return -1
            self._wrap = self._tail
            self._tail = 0
        self._packet_at = self._tail + 1
        return self._packet_at

    def close(self, end):
        """Frame the packet that was built from open()'s offset to `end`, without its error control. It takes the next sequence count."""
        buffer = self.buffer
        sequence = self.sequence
        self.sequence = (sequence + 1) & 0x3FFF
        # Straight into the kernels: a function between costs a board as much as forty bytes.
        end = stuff(buffer, self._tail, seal(buffer, self._packet_at, end, sequence, TABLE))
        buffer[end] = 0
        self._tail = end + 1

    def drain(self, max_bytes):
        """Take up to max_bytes and no more than the budget: so many bytes at .buffer[.drained_at] are the caller's until the next open().

        At the ring's end it takes less than there is: the rest comes with the next call.
        """
        at = self._head
        self.drained_at = at
        count = (self._wrap or self._tail) - at
        if count > max_bytes:
            count = max_bytes
        if count > self.budget_bytes:
            count = self.budget_bytes
        at += count
        if self._wrap:
            if at == self._wrap:
                at = 0
                self._wrap = 0
        elif at == self._tail:
            at = 0
            self._tail = 0
        self._head = at
        return count


def budget_bytes(baud, tick_ms):
    """Bytes that a UART of ten bit times a byte carries in a tick."""
    return baud * tick_ms // 10000
