"""Black box: the samples of every tick in a ring, frozen around a leak alarm, then kept in non-volatile memory, a page a tick.

What it keeps is one record of the store (docs/link.md has its layout). Recording is allocation-free and part of the control cycle; writing
is done after it, into a sector that was erased while nothing was suspected. It begins with the trigger: each page is written as soon as
none of its rows will change, and a capture that a reset cut off is completed at the next boot with the rows that are there.
"""

from array import array
from io import BytesIO
from struct import pack_into

import micropython
from micropython import const

from tcs import box_resume
from tcs.box_pages import AFTER_ROWS, HEAD_SIZE, ROW_SIZE, ROWS, ROWS_AT, BoxPages
from tcs.box_resume import LAYOUT, OPEN, SIZE
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

RECORDING = 0
CLOSING = 1  # triggered, the rows behind it are still to come
FROZEN = 2  # waits for erased pages
WRITING = 3

_HEADER_SIZE = const(32)
_TRIES = const(3)
_PAGE_MS = const(25)  # of a tick for each page of a ring that closes: a reset takes what is not written yet; it takes 0.6 ms, at worst 3
_NEW = const(0xFF)
_TAKEN_UP = const(0)
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
        self._pages = BoxPages()
        self._pages_a_tick = max(1, tick_ms // _PAGE_MS)
        self._row = 0
        self._is_full = False
        self._rows = 0  # of the frozen capture
        self._left = 0
        self._last_alarms = 0
        self._trigger = ST_LEAK_CLASS_NONE
        self._trigger_tick = -1
        self._suspect_tick = -1
        self._last_verdict = ST_VERDICT_OK
        self._known = 0  # leak alarms that have triggered, or were latched before this boot
        self._tries = 0
        self._is_waiting = False
        self._is_begun = False  # the sector holds the head of the capture that closes
        self._seek(_HEADER_SIZE)
        for kind in calibration[0]:
            self._write(bytes((kind,)))
        self._write(calibration[1])
        self._write(calibration[2])
        self._calibration = self._ring.getvalue()[_HEADER_SIZE:HEAD_SIZE]
        # The sectors are looked through now, while nothing waits for it: the first capture has its place.
        self._sector = store.place(KIND_BLACK_BOX, SIZE)
        self._seek(HEAD_SIZE)
        self._take_up()

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
        self._pages.begin(self._row, self._is_full)
        self._tries = 0
        self._is_begun = False
        self._is_waiting = False
        self.state = CLOSING
        return True

    def save(self):
        """Write what is final of a capture. True while no sector may be erased. Allocation-free."""
        if self.state == CLOSING:
            pages = self._pages_a_tick
            while pages and self._follow():
                pages -= 1
        elif self.state != RECORDING:
            self._complete()
        return self.state == CLOSING or self.state == WRITING

    def _complete(self):
        """One page of a capture whose rows are all there: most of them stand in their sector already."""
        if self.state == FROZEN and not self._is_waiting and self._has_place():
            self._begin_record()
            self.state = WRITING
        if self.state != WRITING:
            return
        result = self._writer.step()
        if result == DONE:
            self._store.wrote(KIND_BLACK_BOX, self._sector, 0)
            self._events.emit(EV_BLACK_BOX_SAVED, self._store.next_sequence(KIND_BLACK_BOX) - 1, self._trigger, self._rows)
            self._restart()
        elif result != BUSY:
            self._leave()
            if self._tries == _TRIES:
                self._events.emit(EV_BLACK_BOX_FAILED, self._trigger)
                self._restart()
            else:
                self.state = FROZEN

    def _follow(self):
        """Write the next page of the closing ring that is final."""
        if self._is_waiting or self._tries:
            return False  # a sector that did not take it is left: all of it goes into the next one when it is frozen
        if not self._is_begun:
            if not self._has_place():
                return False
            self._is_begun = True
            self._put_head(OPEN, OPEN, -1)
            self._begin_record()
            is_taken = self._writer.write_early(0, ROWS_AT)
        else:
            page = self._pages.next_final(AFTER_ROWS - self._left)
            if page < 0:
                return False
            self._pages.written += 1
            is_taken = self._writer.write_early(page)
        self._seek(HEAD_SIZE + self._row * ROW_SIZE)
        if not is_taken:
            self._leave()
        return is_taken

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
        self._rows = self._pages.rows
        self._put_head(self._rows, self._pages.oldest, tick)
        self.state = FROZEN

    def _put_head(self, rows, oldest, newest_tick, mark=_NEW):
        """The head of the capture into the ring. What it needs to be taken up after a reset stands behind the ticks."""
        header = self._header
        pack_into("<BBBBHH", header, 0, LAYOUT, self._trigger, self._tick_ms, ROW_SIZE, rows, oldest)
        pack_into("<iii", header, 8, newest_tick, self._trigger_tick, self._suspect_tick)
        pack_into("<HBB", header, 20, self._pages.row, self._pages.is_full, mark)
        self._seek(0)
        self._write(header)

    def _has_place(self):
        """Whether there is an erased sector, looked for once until another one has been erased."""
        if self._sector < 0:
            self._sector = self._store.place(KIND_BLACK_BOX, SIZE)
        self._is_waiting = self._sector < 0  # for tidy(), which erases nothing while anything is suspected: the first capture counts
        return not self._is_waiting

    def _begin_record(self):
        sequence = self._store.next_sequence(KIND_BLACK_BOX)
        self._writer.begin(KIND_BLACK_BOX, self._sector, 0, sequence, None, SIZE)

    def _leave(self):
        """A page of this sector did not take its content."""
        self._tries += 1
        self._writer.spoil()  # no boot is to take up what has begun here
        self._store.leave(KIND_BLACK_BOX, self._sector)
        self._sector = -1

    def _restart(self):
        self._row = 0
        self._is_full = False
        self._sector = -1
        self._seek(_HEADER_SIZE)
        self._write(self._calibration)
        self.state = RECORDING

    def _take_up(self):
        """A capture that a reset cut off is frozen as it is."""
        pages = self._pages
        found = box_resume.find(self._board, self._store.next_sequence(KIND_BLACK_BOX), pages, self._page_buffer)
        if found is None:
            return
        self._sector, self._trigger, self._trigger_tick, self._suspect_tick, is_whole = found
        box_resume.load(self._board, self._sector, self._page_buffer, self._ring)
        newest_tick = box_resume.newest_tick(self._ring, pages, self._trigger_tick)
        mark = _NEW
        if not is_whole:
            # Said before anything else changes: a reset in what follows must not take these rows for all of them.
            mark = _TAKEN_UP
            self._put_head(OPEN, OPEN, -1, mark)
            self._begin_record()
            self._writer.write_early(0)
        self._put_head(pages.rows, pages.oldest, newest_tick, mark)
        self._rows = pages.rows
        self.state = FROZEN
