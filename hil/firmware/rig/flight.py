"""A flight: the host sends what the board's pins shall show in each tick, and gets what the board did in it.

The board sets the pace. Its LATCH falls once at its first sample and twice at the end of every tick; what comes from the host after a
tick's end is in front of the converter long before the next one. A board that is silent is waited for one tick and a half, then the
plant goes on.

Frames, little-endian words of 16 bits. Down: kind, uplink bytes or what to do with the supply, switches, five times 0, then 16 counts;
then the uplink bytes. Up: kind, downlink bytes, drives, flags, ms since the end of the board's tick before (of its power-on), mV of its
supply; then the downlink bytes.
"""

import sys
import time
from array import array

import micropython
from micropython import const

_TICK = const(0x54)
_POWER = const(0x50)
_QUIT = const(0x51)
_DONE = const(0x44)
_FAIL = const(0x46)
_HEAD_BYTES = const(16)
_COUNTS_BYTES = const(32)
_ANSWER_BYTES = const(12)
_SERIAL_BYTES = const(2048)
_ENABLE_BIT = const(0x8000)
_TICKED = const(1)  # flags of an answer
_LATE = const(2)
_ONE_SHOT = const(4)
_NO_DAC = const(8)
_NO_SUPPLY = const(16)
_NO_SAMPLE = const(32)
_GROUP_MS = const(1)  # the second pulse of a tick, and the enable line behind it, come within a tenth of it
_LONE_MS = const(20)  # a pulse that stays alone is a tick's all the same
_GUARD_MS = const(3)  # before the board's next sample: what comes later than that may be half seen
_EARLY_MS = const(10)  # before a tick's end is due: from here on it is waited for closely
_BOOT_MS = const(10000)
_ONE_SHOT_MS = const(5000)  # the timer behind the enable line of a board with valves
_ON = const(1)
_MAINTENANCE = const(2)
_BENCH = const(4)


class Flight:
    """Serves frames until the host quits."""

    def __init__(self, dacs, ring, board, tick_ms):
        self._dacs = dacs
        self._ring = ring
        self._board = board
        self._tick_ms = tick_ms
        self._counts = array("H", bytes(_COUNTS_BYTES))
        self._head = array("H", bytes(_HEAD_BYTES))
        self._answer = array("H", bytes(_ANSWER_BYTES))
        self._down = bytearray(_SERIAL_BYTES)
        self._up = bytearray(_SERIAL_BYTES)
        self._seen_pulses = board.pulses
        self._ended_ms = time.ticks_ms()  # when the board's last tick was over
        self._is_first = False
        self._driven = 0
        self._driven_ms = 0

    def serve(self):
        """Until the host quits."""
        micropython.kbd_intr(-1)
        read = sys.stdin.buffer.readinto
        head = self._head
        try:
            while True:
                read(head, _HEAD_BYTES)
                if head[0] == _TICK:
                    read(self._counts, _COUNTS_BYTES)
                    count = head[1]
                    if count:
                        read(memoryview(self._up)[:count])
                    self._tick(count, head[2])
                elif head[0] == _POWER:
                    read(self._counts, _COUNTS_BYTES)
                    self._power(head[1], head[2])
                else:
                    return
        finally:
            micropython.kbd_intr(3)

    def _tick(self, count, switches):
        board = self._board
        began_ms = self._ended_ms
        flags = 0
        if not self._is_first and _since(began_ms) > self._tick_ms - _GUARD_MS:
            flags = _LATE
        self._is_first = False
        flags |= self._show(switches)
        if count and board.is_on:
            board.uart.write(memoryview(self._up)[:count])
        if board.is_on and self._wait_for_tick():
            flags |= _TICKED
        drives = self._ring.exchange(switches) & ~_ENABLE_BIT
        if not board.is_on:
            drives = 0
        elif board.is_enabled:
            flags |= self._watch_one_shot(drives)
            if not flags & _ONE_SHOT:
                drives |= _ENABLE_BIT
        else:
            self._driven = 0
        self._send(_DONE, board.uart.readinto(self._down) or 0, drives, flags, time.ticks_diff(self._ended_ms, began_ms))

    def _show(self, switches):
        self._ring.exchange(switches)
        if not self._board.is_on:
            return 0
        try:
            self._dacs.set(self._counts)
        except OSError:
            return _NO_DAC
        return 0

    def _power(self, what, switches):
        """Off; when so told, on with these straps, counts and switches. A board that shall fly is waited for until its first sample."""
        board = self._board
        self._driven = 0
        flags = 0 if board.power_off() else _NO_SUPPLY
        board.set_straps(what & _MAINTENANCE, what & _BENCH)
        began_ms = time.ticks_ms()
        if not flags and what & _ON:
            pulses = board.pulses
            flags = self._switch_on(switches)
            if not flags and not what & (_MAINTENANCE | _BENCH):
                while board.pulses == pulses and not flags:
                    if _since(began_ms) > _BOOT_MS:
                        flags = _NO_SAMPLE
                    time.sleep_ms(1)
            self._seen_pulses = pulses + 1
        self._ended_ms = time.ticks_ms()
        self._is_first = True
        self._send(_FAIL if flags else _DONE, 0, 0, flags, time.ticks_diff(self._ended_ms, began_ms))

    def _switch_on(self, switches):
        board = self._board
        if not board.power_on():
            return _NO_SUPPLY
        board.uart.read()  # what the edges of a supply look like on a line
        return self._show(switches)

    def _wait_for_tick(self):
        board = self._board
        limit_ms = self._tick_ms + (self._tick_ms >> 1)
        early_ms = self._tick_ms - _EARLY_MS - _since(self._ended_ms)
        if early_ms > 0 and board.pulses < self._seen_pulses + 2:
            time.sleep_ms(early_ms)
        while board.pulses < self._seen_pulses + 2:
            if board.pulses > self._seen_pulses and _since(board.pulse_ms) > _LONE_MS:
                break
            if _since(self._ended_ms) > limit_ms:
                # It is off, hung or being reset: time goes on without it.
                self._ended_ms = time.ticks_add(self._ended_ms, self._tick_ms)
                self._seen_pulses = board.pulses
                return False
            time.sleep_ms(1)
        time.sleep_ms(_GROUP_MS)
        self._seen_pulses = board.pulses
        self._ended_ms = board.pulse_ms
        return True

    def _watch_one_shot(self, drives):
        if drives != self._driven:
            self._driven = drives
            self._driven_ms = time.ticks_ms()
        return _ONE_SHOT if _since(self._driven_ms) > _ONE_SHOT_MS else 0

    def _send(self, kind, count, drives, flags, took_ms):
        answer = self._answer
        answer[0] = kind
        answer[1] = count
        answer[2] = drives
        answer[3] = flags
        answer[4] = took_ms
        answer[5] = self._board.supply_mv
        out = sys.stdout.buffer
        out.write(answer)
        if count:
            out.write(memoryview(self._down)[:count])


def _since(then_ms):
    return time.ticks_diff(time.ticks_ms(), then_ms)
