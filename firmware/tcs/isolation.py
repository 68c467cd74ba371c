"""Isolation: a leak verdict -> bypass open, radiators shut, pump off where it must be. Hysteretic, latched, explained by events.

Nothing here opens a radiator again. Passive mode evaluates and reports what it would have done, once, and moves nothing.
"""

from array import array

from micropython import const

from tcs import valves as vb
from tcs.modes import is_enabled
from tcs.tables import (
    EV_BOOT_SHUT,
    EV_ISOLATION_COMMANDED,
    EV_ISOLATION_COMPLETE,
    EV_ISOLATION_INCOMPLETE,
    EV_NEXT_BEST_ISOLATION,
    EV_PUMP_COMMANDED,
    P_BURST_UL_S,
    P_CONFIRM_MS,
    P_MODE,
    P_TICK_MS,
    ST_ISOLATION_CLOSING,
    ST_ISOLATION_INCOMPLETE,
    ST_ISOLATION_ISOLATED,
    ST_ISOLATION_MEASURE_NONE_SHUT,
    ST_ISOLATION_MEASURE_ONE_VALVE,
    ST_ISOLATION_MEASURE_PUMP_OFF,
    ST_ISOLATION_NORMAL,
    ST_ISOLATION_OPENING_BYPASS,
    ST_ISOLATION_REASON_BURST,
    ST_ISOLATION_REASON_LEAK,
    ST_ISOLATION_REASON_RESUMED,
    ST_LEAK_CLASS_COOLANT_LEAK,
    ST_MODE_ARMED,
    ST_MODE_INHIBITED,
    ST_PUMP_REASON_BURST,
    ST_PUMP_REASON_LAST_PAIR,
    ST_PUMP_REASON_NEXT_BEST,
)
from tcs.words import word

_ALL_SEGMENTS = const(7)
_EVERY_PAIR = const(0x3F)
_BOOT_LOOK_MS = const(500)


# places in .words
STATE = const(0)
PUMP_ON = const(1)
PUMP_TRIPPED = const(2)
COMMANDED = const(3)
MODE = const(4)
_SINCE_TICK = const(5)
_STANDING_TICKS = const(6)
_LAST_SEGMENT = const(7)
_BOOT_TICKS = const(8)
_IS_UNFINISHED = const(9)
_IS_EXPLAINED = const(10)
_SIZE = const(11)


class Isolation:
    """.state (ST_ISOLATION_*), .pump_on, .mode, .commanded (would-be in passive mode); .is_awake: step() is to be called without a leak
    too. Allocation-free.

    confirm_ms is the dwell in: the verdict must stand that long, except for a burst. There is no dwell out to a re-opening: only the
    ground re-arms.
    """

    state = word(STATE)
    pump_on = word(PUMP_ON)
    pump_tripped = word(PUMP_TRIPPED)  # for its own sake: only the ground starts it again
    commanded = word(COMMANDED)
    mode = word(MODE)

    def __init__(self, params, valves, events):
        self._params = params
        self._valves = valves
        self._events = events
        self._tick_ms = params[P_TICK_MS]
        self._confirm_ticks = params[P_CONFIRM_MS] // params[P_TICK_MS]
        self._burst_ul_s = params[P_BURST_UL_S]
        self._boot_look_ticks = _BOOT_LOOK_MS // params[P_TICK_MS]
        self.words = array("i", bytes(4 * _SIZE))
        self.words[MODE] = params[P_MODE]
        self.words[STATE] = ST_ISOLATION_NORMAL
        self.words[PUMP_ON] = 1
        self.words[_LAST_SEGMENT] = 2
        self.is_awake = True

    def step(self, is_leak, may_isolate, rate_ul_s, least_suspect, tick):
        """One tick.

        is_leak: the latched verdict; may_isolate: it rests on more than one channel and on a trusted path; rate_ul_s: what a burst is
        judged by; least_suspect: radiator to close last, 0..2.
        """
        w = self.words
        if w[_BOOT_TICKS] >= 0:
            self._look_at_boot(tick)
        state = w[STATE]
        if state == ST_ISOLATION_NORMAL or not w[COMMANDED]:
            self._watch(is_leak and may_isolate, rate_ul_s, least_suspect, tick)
        elif state == ST_ISOLATION_OPENING_BYPASS:
            self._open_bypass(tick)
        elif state == ST_ISOLATION_CLOSING:
            self._close(tick)
        elif state == ST_ISOLATION_INCOMPLETE:
            if self._valves.connected() == 0:
                self._finish(ST_ISOLATION_ISOLATED, tick)
        state = w[STATE]
        is_under_way = w[COMMANDED] and state != ST_ISOLATION_NORMAL and state != ST_ISOLATION_ISOLATED
        self.is_awake = is_under_way or w[_BOOT_TICKS] >= 0 or w[_STANDING_TICKS] > 0

    def restore(self, state, is_unfinished, pump_on):
        """What a record says, before the first cycle. An isolation that was under way is taken up again once the switches are known."""
        w = self.words
        w[PUMP_ON] = 1 if pump_on else 0
        w[_IS_UNFINISHED] = 1 if is_unfinished else 0
        w[_IS_EXPLAINED] = 1
        if not is_unfinished:
            w[STATE] = state

    def rearm(self):
        """Recovery is over: a new alarm may isolate again. What is shut stays shut."""
        self.words[COMMANDED] = 0
        self.words[_STANDING_TICKS] = 0

    def rearm_by_command(self):
        """The ground clears the latch. What is shut stays shut, and the pump as it is."""
        self.rearm()
        self.words[PUMP_TRIPPED] = 0
        self.words[_IS_UNFINISHED] = 0
        self._enter(ST_ISOLATION_NORMAL)

    def _look_at_boot(self, tick):
        # A reset opens nothing: segments found shut stay shut, and a pump with nowhere to go stays off.
        w = self.words
        w[_BOOT_TICKS] += 1
        if w[_BOOT_TICKS] < self._boot_look_ticks:
            return
        w[_BOOT_TICKS] = -1
        valves = self._valves
        shut = 0
        segment = 0
        while segment < vb.SEGMENTS:
            if valves.position[2 * segment] == vb.CLOSED or valves.position[2 * segment + 1] == vb.CLOSED:
                shut |= 1 << segment
            segment += 1
        if w[MODE] != ST_MODE_ARMED:
            return
        if w[_IS_UNFINISHED]:
            w[COMMANDED] = 1
            w[_SINCE_TICK] = tick
            self._events.emit(EV_ISOLATION_COMMANDED, _ALL_SEGMENTS, ST_ISOLATION_REASON_RESUMED, 0)
            valves.command(vb.BYPASS, vb.OPEN, tick)
            self._close_pairs(w[_LAST_SEGMENT] if w[PUMP_ON] else -1, tick)
            self._enter(ST_ISOLATION_OPENING_BYPASS)
            return
        if shut == 0 or (w[_IS_EXPLAINED] and w[STATE] != ST_ISOLATION_NORMAL):
            return
        if shut == _ALL_SEGMENTS:
            self._enter(ST_ISOLATION_ISOLATED)
            if valves.position[vb.BYPASS] != vb.OPEN:
                self.stop_pump(ST_PUMP_REASON_LAST_PAIR)
        self._events.emit(EV_BOOT_SHUT, shut, w[PUMP_ON])

    def _watch(self, stands, rate_ul_s, least_suspect, tick):
        w = self.words
        if not stands or w[COMMANDED] or w[MODE] == ST_MODE_INHIBITED or not is_enabled(self._params, ST_LEAK_CLASS_COOLANT_LEAK):
            w[_STANDING_TICKS] = 0
            return
        is_burst = rate_ul_s >= self._burst_ul_s
        if w[_STANDING_TICKS] < self._confirm_ticks and not is_burst:
            w[_STANDING_TICKS] += 1
            return
        w[COMMANDED] = 1
        w[_SINCE_TICK] = tick
        reason = ST_ISOLATION_REASON_BURST if is_burst else ST_ISOLATION_REASON_LEAK
        is_passive = w[MODE] != ST_MODE_ARMED
        self._events.emit(EV_ISOLATION_COMMANDED, _ALL_SEGMENTS, reason, 1 if is_passive else 0)
        if is_passive:
            return
        w[_LAST_SEGMENT] = least_suspect
        self._valves.command(vb.BYPASS, vb.OPEN, tick)
        if is_burst:
            self.stop_pump(ST_PUMP_REASON_BURST)
            self._close_pairs(-1, tick)
            self._enter(ST_ISOLATION_CLOSING)
        else:
            self._close_pairs(least_suspect, tick)
            self._enter(ST_ISOLATION_OPENING_BYPASS)

    def _open_bypass(self, tick):
        # The last pair shuts only with somewhere for the flow to go, or no flow.
        valves = self._valves
        if valves.position[vb.BYPASS] != vb.OPEN:
            if self.words[PUMP_ON] and not valves.failed[vb.BYPASS]:
                return
            self.stop_pump(ST_PUMP_REASON_LAST_PAIR)
        self._close_pairs(-1, tick)
        self._enter(ST_ISOLATION_CLOSING)

    def _close(self, tick):
        valves = self._valves
        if valves.connected() == 0:
            self._finish(ST_ISOLATION_ISOLATED, tick)
        elif not valves.is_moving():
            self._events.emit(EV_ISOLATION_INCOMPLETE, valves.connected())
            self._next_best()
            self._enter(ST_ISOLATION_INCOMPLETE)

    def _next_best(self):
        """What is left where a pair would not shut: its other valve, and less pressure at the hole."""
        valves = self._valves
        left = valves.connected()
        segment = 0
        while segment < vb.SEGMENTS:
            if (left >> segment) & 1:
                is_half = valves.position[2 * segment] == vb.CLOSED or valves.position[2 * segment + 1] == vb.CLOSED
                measure = ST_ISOLATION_MEASURE_ONE_VALVE if is_half else ST_ISOLATION_MEASURE_NONE_SHUT
                self._events.emit(EV_NEXT_BEST_ISOLATION, segment, measure)
                if self.words[PUMP_ON]:
                    self._events.emit(EV_NEXT_BEST_ISOLATION, segment, ST_ISOLATION_MEASURE_PUMP_OFF)
                    self.stop_pump(ST_PUMP_REASON_NEXT_BEST)
            segment += 1

    def _finish(self, state, tick):
        self._events.emit(EV_ISOLATION_COMPLETE, _ALL_SEGMENTS, min(0x3FFFFFFF, (tick - self.words[_SINCE_TICK]) * self._tick_ms))
        self._enter(state)

    def _close_pairs(self, all_but, tick):
        mask = _EVERY_PAIR
        if all_but >= 0:
            mask &= ~(vb.PAIR << 2 * all_but)
        self._valves.command_all(mask, vb.CLOSED, tick)

    def start_pump(self, reason):
        """Healthy segments are back: the flow may return. A pump that was switched off for its own sake stays off."""
        if not self.words[PUMP_ON] and not self.words[PUMP_TRIPPED]:
            self.words[PUMP_ON] = 1
            self._events.emit(EV_PUMP_COMMANDED, 1, reason)

    def stop_pump(self, reason):
        """Switch the pump off, and say why."""
        if self.words[PUMP_ON]:
            self.words[PUMP_ON] = 0
            self._events.emit(EV_PUMP_COMMANDED, 0, reason)

    def trip_pump(self, reason):
        """Switch the pump off until the ground starts it: neither recovery nor a reset does."""
        self.stop_pump(reason)
        self.words[PUMP_TRIPPED] = 1

    def _enter(self, state):
        self.words[STATE] = state
