"""Black box: the samples of every tick in a ring, frozen around a leak alarm, then kept in non-volatile memory, a page a tick.

What it keeps is one record of the store (docs/link.md has its layout). Recording is allocation-free and part of the control cycle; writing
is done after it, into a sector that was erased while nothing was suspected.
"""

from array import array
from io import BytesIO
from struct import pack_into

import micropython
from micropython import const

from tcs.record_writer import BUSY, DONE, PAGE_SIZE, RecordWriter
from tcs.store import KIND_BLACK_BOX
from tcs.tables import (
    EV_BLACK_BOX_FAILED,
    EV_BLACK_BOX_SAVED,
    ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS,
    ST_LEAK_CLASS_CABIN_LEAK,
    ST_LEAK_CLASS_COOLANT_LEAK,
    ST_LEAK_CLASS_FLOW_LOSS,
    ST_LEAK_CLASS_NONE,
    ST_VERDICT_LEAK,
    ST_VERDICT_OK,
    ST_VERDICT_SUSPECT,
)

SIZE = 4080  # bytes of a capture: with the record's header a sector
HEAD_SIZE = 176
ROW_SIZE = 40  # 16 counts, drive word, switches, fresh mask, state: u16 each
ROWS = 97
AFTER_ROWS = 29  # recorded after the trigger; the rest stands before it

RECORDING = 0
CLOSING = 1  # triggered, the rows behind it are still to come
FROZEN = 2  # waits for erased pages
WRITING = 3

_VERSION = const(1)
_HEADER_SIZE = const(32)
_TRIES = const(3)
_LEAKS = (
    1 << ST_LEAK_CLASS_COOLANT_LEAK
    | 1 << ST_LEAK_CLASS_CABIN_LEAK
    | 1 << ST_LEAK_CLASS_FLOW_LOSS
    | 1 << ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS
)


class BlackBox:
    """step() once a cycle, save() once a tick behind it. .state: RECORDING, CLOSING, FROZEN or WRITING."""

    def __init__(self, store, board, events, tick_ms, calibration):
        """calibration: kinds, lows, highs of the channels; a capture carries them, so that its counts can be read alone."""
        self.state = RECORDING
        self._store = store
        self._board = board
        self._events = events
        self._tick_ms = tick_ms
        self._header = bytearray(_HEADER_SIZE)
        self._tail = array("H", bytes(8))
        self._ring = BytesIO(bytearray(SIZE))
        # Bound once: a method reference made in the cycle would allocate.
        self._seek = self._ring.seek
        self._write = self._ring.write
        self._page_buffer = bytearray(PAGE_SIZE)
        self._writer = RecordWriter(board, self._page_buffer, bytearray(PAGE_SIZE), self._ring)
        self._row = 0
        self._is_full = False
        self._left = 0
        self._last_alarms = 0
        self._trigger = ST_LEAK_CLASS_NONE
        self._trigger_tick = -1
        self._suspect_tick = -1
        self._last_verdict = ST_VERDICT_OK
        self._known = 0  # leak alarms that have triggered, or were latched before this boot
        self._tries = 0
        self._is_waiting = False
        self._seek(_HEADER_SIZE)
        for kind in calibration[0]:
            self._write(bytes((kind,)))
        self._write(calibration[1])
        self._write(calibration[2])
        self._seek(HEAD_SIZE)
        # The sectors are looked through now, while nothing waits for it: the first capture has its place.
        self._sector = store.place(KIND_BLACK_BOX, SIZE)
        self._page = store.found_page()

    def begin(self, alarms):
        """Alarms that are latched before the first cycle trigger nothing."""
        self._known = alarms & _LEAKS
        self._last_alarms = alarms

    @micropython.native
    def step(self, drive_word, verdict, isolation, alarms, tick):
        """Record a tick: board's samples, drives and states; look for a trigger. Allocation-free."""
        if self.state > CLOSING:
            return
        board = self._board
        tail = self._tail
        tail[0] = drive_word
        tail[1] = board.switches
        tail[2] = board.fresh
        tail[3] = (tick & 0xFF) << 8 | isolation << 4 | verdict
        write = self._write
        write(board.counts)
        write(tail)
        row = self._row + 1
        if row == ROWS:
            row = 0
            self._is_full = True
            self._seek(HEAD_SIZE)
        self._row = row
        if self._left:
            self._left -= 1
            if not self._left:
                self._freeze(tick)
        elif verdict != self._last_verdict or alarms != self._last_alarms:
            self._judge(verdict, alarms, tick)

    def trigger(self, cause, tick):
        """Close the ring around this tick. False while a capture is under way."""
        if self.state != RECORDING:
            return False
        self._trigger = cause
        self._trigger_tick = tick
        self._left = AFTER_ROWS
        self.state = CLOSING
        return True

    def save(self):
        """Write the next page of a frozen ring. True while no sector may be erased. Allocation-free."""
        if self.state <= CLOSING:
            return self.state == CLOSING
        if self.state == FROZEN:
            if not self._is_waiting:
                self._find_place()
            return self.state == WRITING
        result = self._writer.step()
        if result == BUSY:
            return True
        if result == DONE:
            self._store.wrote(KIND_BLACK_BOX, self._sector, self._page)
            rows = ROWS if self._is_full else self._row
            self._events.emit(EV_BLACK_BOX_SAVED, self._store.next_sequence(KIND_BLACK_BOX) - 1, self._trigger, rows)
            self._restart()
            return False
        self._store.leave(KIND_BLACK_BOX, self._sector)
        self._tries += 1
        if self._tries == _TRIES:
            self._events.emit(EV_BLACK_BOX_FAILED, self._trigger)
            self._restart()
        else:
            self._sector = -1
            self.state = FROZEN
        return True

    def look_again(self):
        """A sector has been erased."""
        self._is_waiting = False

    def _judge(self, verdict, alarms, tick):
        if verdict == ST_VERDICT_SUSPECT and self._last_verdict != ST_VERDICT_LEAK:
            self._suspect_tick = tick
        elif verdict != ST_VERDICT_LEAK:
            self._suspect_tick = -1
        fresh = alarms & _LEAKS & ~self._known
        self._known |= fresh
        if fresh:
            cause = 1
            while not (fresh >> cause) & 1:
                cause += 1
            self.trigger(cause, tick)
        elif verdict == ST_VERDICT_LEAK and self._last_verdict != ST_VERDICT_LEAK:
            self.trigger(ST_LEAK_CLASS_COOLANT_LEAK, tick)  # another leak, behind the latch of the first
        self._last_verdict = verdict
        self._last_alarms = alarms

    def _freeze(self, tick):
        header = self._header
        rows = ROWS if self._is_full else self._row
        oldest = self._row if self._is_full else 0
        pack_into("<BBBBHH", header, 0, _VERSION, self._trigger, self._tick_ms, ROW_SIZE, rows, oldest)
        pack_into("<iii", header, 8, tick, self._trigger_tick, self._suspect_tick)
        self._seek(0)
        self._write(header)
        self._tries = 0
        self._is_waiting = False
        self.state = FROZEN

    def _find_place(self):
        store = self._store
        if self._sector < 0:
            self._sector = store.place(KIND_BLACK_BOX, SIZE)
            self._page = store.found_page()
        sector = self._sector
        if sector < 0:
            self._is_waiting = True  # for tidy(), which erases nothing while anything is suspected: the first capture counts
            return
        self._writer.begin(KIND_BLACK_BOX, sector, self._page, store.next_sequence(KIND_BLACK_BOX), None, SIZE)
        self.state = WRITING

    def _restart(self):
        self._row = 0
        self._is_full = False
        self._sector = -1
        self._seek(HEAD_SIZE)
        self.state = RECORDING
