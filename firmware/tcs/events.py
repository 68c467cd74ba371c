"""Queue of events between the stage that sees one and the link that carries it."""

from array import array

from micropython import const

from tcs.tables import EV_SEVERITIES

_STRIDE = const(6)  # tick, number, four values
_MAX_DROPPED = const(0xFFFF)


class Events:
    """Ring of `capacity` events. When full the newest is dropped and counted: the first ones tell the cause.

    The application sets .tick once a cycle; every event carries the tick of its emission. Allocation-free after start-up.
    """

    def __init__(self, capacity):
        self.tick = 0
        self.count = 0
        self.dropped = 0
        self._capacity = capacity
        self._first = 0
        self.rows = array("i", bytes(4 * _STRIDE * capacity))
        self._disabled = bytearray(32)  # a bit for each number

    def emit(self, number, a=0, b=0, c=0, d=0):
        """Queue event EV_* with up to four values; those that the dictionary does not declare are not sent."""
        if (self._disabled[number >> 3] >> (number & 7)) & 1:
            return
        if self.count >= self._capacity:
            if self.dropped < _MAX_DROPPED:
                self.dropped += 1
            return
        rows = self.rows
        at = (self._first + self.count) % self._capacity * _STRIDE
        rows[at] = self.tick
        rows[at + 1] = number
        rows[at + 2] = a
        rows[at + 3] = b
        rows[at + 4] = c
        rows[at + 5] = d
        self.count += 1

    @staticmethod
    def is_known(number):
        """True when the dictionary has this event."""
        return number < len(EV_SEVERITIES) and EV_SEVERITIES[number] > 0

    def enable(self, number, is_enabled):
        """Report an event from now on, or not. A disabled one is not counted as dropped."""
        if is_enabled:
            self._disabled[number >> 3] &= ~(1 << (number & 7)) & 0xFF
        else:
            self._disabled[number >> 3] |= 1 << (number & 7)

    def is_enabled(self, number):
        """Whether it is reported."""
        return not (self._disabled[number >> 3] >> (number & 7)) & 1

    def peek(self, column):
        """Column 0 tick, 1 number, 2..5 values of the oldest event. Only while .count > 0."""
        return self.rows[self._first * _STRIDE + column]

    def values_at(self):
        """Where its values stand in .rows."""
        return self._first * _STRIDE + 2

    def pop(self):
        """Forget the oldest event."""
        self._first = (self._first + 1) % self._capacity
        self.count -= 1
