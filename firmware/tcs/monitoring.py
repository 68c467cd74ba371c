"""On-board monitoring (ST[12]): housekeeping fields against limits that the ground sets, once a second. Reports, never acts.

Allocation-free.
"""

from array import array

from micropython import const

from tcs.tables import (
    HK_COUNT,
    ST_MONITOR_STATUS_ABOVE,
    ST_MONITOR_STATUS_BELOW,
    ST_MONITOR_STATUS_DISABLED,
    ST_MONITOR_STATUS_UNKNOWN,
    ST_MONITOR_STATUS_WITHIN,
    ST_REASON_NONE,
    ST_REASON_OUT_OF_RANGE,
    ST_REASON_UNKNOWN_ID,
    UNKNOWN,
)

MONITORS = 8
_STRIDE = const(7)
_FIELD = const(0)  # -1: no such monitor
_LOW = const(1)
_HIGH = const(2)
_REPETITIONS = const(3)
_STATUS = const(4)
_CANDIDATE = const(5)  # status seen last, and how often in a row
_SEEN = const(6)


class Monitoring:
    """Monitors 1..MONITORS."""

    def __init__(self, answers):
        self._answers = answers
        self._rows = array("i", bytes(4 * _STRIDE * MONITORS))
        for number in range(1, MONITORS + 1):
            self._rows[(number - 1) * _STRIDE] = -1

    def add(self, number, field, low, high, repetitions):
        """Set a monitor, disabled. ST_REASON_*."""
        if field >= HK_COUNT:
            return ST_REASON_UNKNOWN_ID
        if low > high:
            return ST_REASON_OUT_OF_RANGE
        rows = self._rows
        at = (number - 1) * _STRIDE
        rows[at] = field
        rows[at + _LOW] = low
        rows[at + _HIGH] = high
        rows[at + _REPETITIONS] = repetitions
        self._enter(at, ST_MONITOR_STATUS_DISABLED)
        return ST_REASON_NONE

    def delete(self, number):
        """Forget one. ST_REASON_*."""
        at = (number - 1) * _STRIDE
        if self._rows[at] < 0:
            return ST_REASON_UNKNOWN_ID
        self._rows[at] = -1
        return ST_REASON_NONE

    def enable(self, number, is_enabled):
        """Start or pause one. ST_REASON_*."""
        at = (number - 1) * _STRIDE
        if self._rows[at] < 0:
            return ST_REASON_UNKNOWN_ID
        self._enter(at, ST_MONITOR_STATUS_UNKNOWN if is_enabled else ST_MONITOR_STATUS_DISABLED)
        return ST_REASON_NONE

    def report(self, number, tick):
        """Send how one is set. ST_REASON_*."""
        rows = self._rows
        at = (number - 1) * _STRIDE
        if rows[at] < 0:
            return ST_REASON_UNKNOWN_ID
        self._answers.monitor(number, rows[at + _STATUS], rows[at], rows[at + _LOW], rows[at + _HIGH], rows[at + _REPETITIONS], tick)
        return ST_REASON_NONE

    def step(self, hk, tick):
        """Once a second, on the values of the last housekeeping."""
        rows = self._rows
        number = 1
        while number <= MONITORS:
            at = (number - 1) * _STRIDE
            if rows[at] >= 0 and rows[at + _STATUS] != ST_MONITOR_STATUS_DISABLED:
                self._watch(number, at, hk[rows[at]], tick)
            number += 1

    def _watch(self, number, at, value, tick):
        rows = self._rows
        limit = rows[at + _LOW]
        if value == UNKNOWN:
            status = ST_MONITOR_STATUS_UNKNOWN
        elif value < limit:
            status = ST_MONITOR_STATUS_BELOW
        elif value > rows[at + _HIGH]:
            status = ST_MONITOR_STATUS_ABOVE
            limit = rows[at + _HIGH]
        else:
            status = ST_MONITOR_STATUS_WITHIN
            if rows[at + _STATUS] == ST_MONITOR_STATUS_ABOVE:
                limit = rows[at + _HIGH]
        if status != rows[at + _CANDIDATE]:
            rows[at + _CANDIDATE] = status
            rows[at + _SEEN] = 0
        if status == rows[at + _STATUS]:
            return
        rows[at + _SEEN] += 1
        # One that finds no room on the link is reported a second later.
        if rows[at + _SEEN] >= rows[at + _REPETITIONS] and self._answers.transition(
            number, rows[at], value, limit, rows[at + _STATUS], status, tick
        ):
            rows[at + _STATUS] = status

    def _enter(self, at, status):
        self._rows[at + _STATUS] = status
        self._rows[at + _CANDIDATE] = status
        self._rows[at + _SEEN] = 0
