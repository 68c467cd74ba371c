"""The bench: the firmware on its own processor, its pins at the other end of the USB cable, in lockstep with the host (docs/targets.md).

A host that asks for the bench gets one line that says what runs here. Told to go the port carries the frames of tcs.hal.unix until the host
quits or is silent for half a minute; both end in a reset, behind which this board waits for a host again.
"""

import io
import select
import sys
import time

import machine
import micropython
from micropython import const

from tcs import identity
from tcs.hal import rp2_nor
from tcs.hal.unix import UnixBoard
from tcs.params import Params
from tcs.store import Store
from tcs.tables import DICTIONARY_HASH, P_MODE, ST_MODE_ARMED

ASKED = b"isoloop bench?"
GO = b"isoloop bench go"
_LAST_WORDS = const(0x58)
_LINE_MAX = const(64)
_SILENT_MS = const(15000)  # looked at twice
_TEXT_MAX = const(2000)


def wait_for_host(pins):
    """The board on the bench, after a host has asked for it. Refused while the board's own memory says that it is armed for flight."""
    line = bytearray()
    byte = bytearray(1)
    while True:
        sys.stdin.buffer.readinto(byte)
        if byte[0] != 10:
            line = line[-_LINE_MAX:] + byte
            continue
        said = bytes(line).strip()
        if said.endswith(ASKED) or said.endswith(GO):
            if _is_armed(pins):
                print("isoloop bench refused: armed")
            elif said.endswith(ASKED):
                _greet()
            else:
                break
        line = bytearray()
    micropython.kbd_intr(-1)
    print("isoloop bench begins")
    return BenchBoard()


def _greet():
    unique_id = "".join("%02x" % byte for byte in machine.unique_id())
    system = sys.version.split("; ")[-1].replace(" ", "_")
    print("isoloop bench 1", unique_id, identity.image_id() or "-", "%04x" % DICTIONARY_HASH, system)


class BenchBoard(UnixBoard):
    """See tcs.hal."""

    def __init__(self):
        super().__init__()
        self.bench = 1
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)
        self._ticks = 0
        self._seen_ticks = -1
        self._timer = machine.Timer(period=_SILENT_MS, mode=machine.Timer.PERIODIC, callback=self._look)

    def sample(self):
        """Wait for the host's tick frame. Allocation-free."""
        self._ticks = (self._ticks + 1) & 0xFFFF
        super().sample()

    def ticks_us(self):
        """Clock for measuring a cycle."""
        return time.ticks_us()

    def last_words(self, error):
        """Tell the host what has happened, in a frame of its own, and wait for the next one."""
        text = io.BytesIO()
        sys.print_exception(error, text)
        told = text.getvalue()[-_TEXT_MAX:]
        self._send(_LAST_WORDS, len(told), 0, 0)
        self._write(told)
        raise SystemExit

    def _look(self, _timer):
        # A host that is gone: also one that left in the middle of a frame, which nothing but a reset gets out of.
        if self._ticks == self._seen_ticks:
            machine.reset()
        self._seen_ticks = self._ticks


def _is_armed(pins):
    """True when this board was commissioned: its own parameter record lets isolation act. A board without a record is a bare one."""
    found = rp2_nor.open_nor(pins)
    if found is None:
        return False
    params = Params()
    params.load(Store(rp2_nor.Memory(*found)))
    return params.sequence > 0 and params.values[P_MODE] == ST_MODE_ARMED
