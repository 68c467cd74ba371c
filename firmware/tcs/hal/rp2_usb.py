"""The link on the USB serial port, beside the UART: the same bytes down, telecommands up. Allocation-free but for the start.

While it runs a Ctrl-C is a byte like any other: the way to the REPL is maintenance. Whoever reads slowly loses reports, the cycle goes on;
one who stops reading in the middle costs one wait of half a second, the port's own, and is not written to again until he reads.
"""

import select
import sys

import micropython
from micropython import const

_READ_MAX = const(256)  # bytes a tick, of telecommands of at most 60


class UsbLink:
    """read() and write() once a tick. From its making on Ctrl-C does not interrupt; end() gives that back."""

    def __init__(self):
        micropython.kbd_intr(-1)
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)
        self._out = select.poll()
        self._out.register(sys.stdout, select.POLLOUT)
        self._byte = bytearray(1)
        self._readinto = sys.stdin.buffer.readinto
        self._write = sys.stdout.buffer.write

    def end(self):
        """The REPL's again."""
        micropython.kbd_intr(3)

    def read(self, buffer, at):
        """Put what has come behind buffer[:at]; returns where it ends."""
        last = min(len(buffer), at + _READ_MAX)
        while at < last and self._is_ready(self._poll):
            self._readinto(self._byte)
            buffer[at] = self._byte[0]
            at += 1
        return at

    def write(self, buffer, at, count):
        """Send buffer[at : at + count] when somebody listens."""
        if self._is_ready(self._out):
            self._write(buffer, at, count)

    @staticmethod
    def _is_ready(poll):
        for _ in poll.ipoll(0):
            return True
        return False
