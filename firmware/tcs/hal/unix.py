"""Board behind the bridge: standard input and output of the unix port, in lockstep with the host's virtual time (docs/targets.md)."""

import sys
from array import array

from micropython import const

_TICK = const(0x54)
_QUIT = const(0x51)
_READY = const(0x42)
_DONE = const(0x44)
_READ = const(0x52)
_PROGRAM = const(0x50)
_ERASE = const(0x45)
_HEAD_SIZE = const(16)
_COUNTS_SIZE = const(32)
_ANSWER_SIZE = const(8)
_PAGE_SIZE = const(256)
_FED = const(1)
_RX_SIZE = const(2048)


class UnixBoard:
    """See tcs.hal. Leaves by SystemExit when the host says so or is gone."""

    def __init__(self):
        # A tick's frame, read at once: the head, and the counts as a view of what follows it.
        self._head = array("H", bytes(_HEAD_SIZE + _COUNTS_SIZE))
        self.counts = memoryview(self._head)[_HEAD_SIZE // 2 :]
        self.fresh = 0
        self.switches = 0
        self.tick = 0
        self.reset_cause = 0
        self.rx = bytearray(_RX_SIZE)
        self.rx_count = 0
        self.link = None
        self.unique_id = b"emulated"
        self.bench = 0
        self._is_ready = False
        self._answer = array("H", bytes(_ANSWER_SIZE))
        self._read = sys.stdin.buffer.readinto
        self._write = sys.stdout.buffer.write

    def begin(self, tick_ms, baud):
        """The host paces ticks and bytes."""

    def sample(self):
        """Wait for the host's tick frame. Allocation-free."""
        if not self._is_ready:
            # The host sends no tick before this, so that a page it answers at boot is not mistaken for one.
            self._is_ready = True
            self._send(_READY, 0, 0, 0)
        head = self._head
        if self._read(head) != _HEAD_SIZE + _COUNTS_SIZE or head[0] == _QUIT:
            raise SystemExit(0)
        if head[0] != _TICK:
            raise ValueError("bridge frame")
        self.rx_count = head[1]
        self.tick = head[2] | head[3] << 16
        self.fresh = head[4]
        self.reset_cause = head[5]
        self.switches = head[6]
        if head[1]:
            self._read(self.rx, head[1])

    def finish(self, drive_word, fed):
        """Answer the tick: drives, watchdog, and what the link may send in this tick. Allocation-free."""
        link = self.link
        count = link.drain(_RX_SIZE) if link is not None else 0
        self._send(_DONE, count, drive_word, _FED if fed else 0)
        if count:
            self._write(link.buffer, link.drained_at, count)

    def leave_for_maintenance(self):
        """There is nothing to flash here."""
        return False

    def last_words(self, error):
        """The interpreter's own traceback is the record."""

    def ticks_us(self):
        """The bridge's clock: it stands still within a tick, so every cycle takes none."""
        return 0

    def nor_read(self, sector, page, buffer):
        """Read a page of 256 bytes into buffer."""
        self._send(_READ, 0, page, sector)
        if self._read(buffer, _PAGE_SIZE) != _PAGE_SIZE:
            raise SystemExit(0)

    def nor_program(self, sector, page, buffer):
        """Clear the bits of a page that are clear in buffer, 256 bytes."""
        if len(buffer) != _PAGE_SIZE:
            raise ValueError("page size")
        self._send(_PROGRAM, _PAGE_SIZE, page, sector)
        self._write(buffer, _PAGE_SIZE)

    def nor_erase(self, sector):
        """Set every bit of a sector. The host lets 45 ms pass that this firmware does not see."""
        self._send(_ERASE, 0, 0, sector)

    def _send(self, kind, count, third, fourth):
        answer = self._answer
        answer[0] = kind
        answer[1] = count
        answer[2] = third
        answer[3] = fourth
        self._write(answer, _ANSWER_SIZE)
