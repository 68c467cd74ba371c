"""Isolation: a leak verdict -> bypass open, radiators shut, pump off where it must be. Hysteretic, latched, explained by events.

Nothing here opens a radiator again. Passive mode evaluates and reports what it would have done, once, and moves nothing.
"""

from micropython import const

from tcs import valves as vb
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
    ST_MODE_ARMED,
    ST_MODE_INHIBITED,
    ST_PUMP_REASON_BURST,
    ST_PUMP_REASON_LAST_PAIR,
    ST_PUMP_REASON_NEXT_BEST,
)

_ALL_SEGMENTS = const(7)
_BOOT_LOOK_MS = const(500)


class Isolation:
    """.state (ST_ISOLATION_*), .pump_on, .commanded (would-be in passive mode), .passive. Allocation-free.

    confirm_ms is the dwell in: the verdict must stand that long, except for a burst. There is no dwell out to a re-opening: only the
    ground re-arms.
    """

    def __init__(self, params, valves, events):
        self._valves = valves
        self._events = events
        self._tick_ms = params[P_TICK_MS]
        self._confirm_ticks = params[P_CONFIRM_MS] // params[P_TICK_MS]
        self._burst_ul_s = params[P_BURST_UL_S]
        self.mode = params[P_MODE]
        self.state = ST_ISOLATION_NORMAL
        self.pump_on = True
        self.commanded = False
        self._since_tick = 0
        self._standing_ticks = 0
        self._last_segment = 2
        self._boot_ticks = 0
        self._is_unfinished = False
        self._is_explained = False
        self._boot_look_ticks = _BOOT_LOOK_MS // params[P_TICK_MS]

    def step(self, is_leak, may_isolate, rate_ul_s, least_suspect, tick):
        """One tick.

        is_leak: the latched verdict; may_isolate: it rests on more than one channel and on a trusted path; rate_ul_s: what a burst is
        judged by; least_suspect: radiator to close last, 0..2.
        """
        state = self.state
        if self._boot_ticks >= 0:
            self._look_at_boot(tick)
            state = self.state
        if state == ST_ISOLATION_NORMAL or not self.commanded:
            self._watch(is_leak and may_isolate, rate_ul_s, least_suspect, tick)
        elif state == ST_ISOLATION_OPENING_BYPASS:
            self._open_bypass(tick)
        elif state == ST_ISOLATION_CLOSING:
            self._close(tick)
        elif state == ST_ISOLATION_INCOMPLETE:
            if self._valves.connected() == 0:
                self._finish(ST_ISOLATION_ISOLATED, tick)

    def restore(self, state, is_unfinished, pump_on):
        """What a record says, before the first cycle. An isolation that was under way is taken up again once the switches are known."""
        self.pump_on = bool(pump_on)
        self._is_unfinished = bool(is_unfinished)
        self._is_explained = True
        if not is_unfinished:
            self.state = state

    def rearm(self):
        """Recovery is over: a new alarm may isolate again. What is shut stays shut."""
        self.commanded = False
        self._standing_ticks = 0

    def _look_at_boot(self, tick):
        # A reset opens nothing: segments found shut stay shut, and a pump with nowhere to go stays off.
        self._boot_ticks += 1
        if self._boot_ticks < self._boot_look_ticks:
            return
        self._boot_ticks = -1
        valves = self._valves
        shut = 0
        segment = 0
        while segment < vb.SEGMENTS:
            if valves.position[2 * segment] == vb.CLOSED or valves.position[2 * segment + 1] == vb.CLOSED:
                shut |= 1 << segment
            segment += 1
        if self.mode != ST_MODE_ARMED:
            return
        if self._is_unfinished:
            self.commanded = True
            self._since_tick = tick
            self._events.emit(EV_ISOLATION_COMMANDED, _ALL_SEGMENTS, ST_ISOLATION_REASON_RESUMED, 0)
            valves.command(vb.BYPASS, vb.OPEN, tick)
            self._close_pairs(self._last_segment if self.pump_on else -1, tick)
            self._enter(ST_ISOLATION_OPENING_BYPASS)
            return
        if shut == 0 or (self._is_explained and self.state != ST_ISOLATION_NORMAL):
            return
        if shut == _ALL_SEGMENTS:
            self._enter(ST_ISOLATION_ISOLATED)
            if valves.position[vb.BYPASS] != vb.OPEN:
                self.stop_pump(ST_PUMP_REASON_LAST_PAIR)
        self._events.emit(EV_BOOT_SHUT, shut, 1 if self.pump_on else 0)

    def _watch(self, stands, rate_ul_s, least_suspect, tick):
        if not stands or self.commanded or self.mode == ST_MODE_INHIBITED:
            self._standing_ticks = 0
            return
        is_burst = rate_ul_s >= self._burst_ul_s
        if self._standing_ticks < self._confirm_ticks and not is_burst:
            self._standing_ticks += 1
            return
        self.commanded = True
        self._since_tick = tick
        reason = ST_ISOLATION_REASON_BURST if is_burst else ST_ISOLATION_REASON_LEAK
        is_passive = self.mode != ST_MODE_ARMED
        self._events.emit(EV_ISOLATION_COMMANDED, _ALL_SEGMENTS, reason, 1 if is_passive else 0)
        if is_passive:
            return
        self._last_segment = least_suspect
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
            if self.pump_on and not valves.failed[vb.BYPASS]:
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
                if self.pump_on:
                    self._events.emit(EV_NEXT_BEST_ISOLATION, segment, ST_ISOLATION_MEASURE_PUMP_OFF)
                    self.stop_pump(ST_PUMP_REASON_NEXT_BEST)
            segment += 1

    def _finish(self, state, tick):
        self._events.emit(EV_ISOLATION_COMPLETE, _ALL_SEGMENTS, min(0x3FFFFFFF, (tick - self._since_tick) * self._tick_ms))
        self._enter(state)

    def _close_pairs(self, all_but, tick):
        segment = 0
        while segment < vb.SEGMENTS:
            if segment != all_but:
                self._valves.command(2 * segment, vb.CLOSED, tick)
                self._valves.command(2 * segment + 1, vb.CLOSED, tick)
            segment += 1

    def start_pump(self, reason):
        """Healthy segments are back: the flow may return. A pump that was switched off for its own sake stays off."""
        if not self.pump_on:
            self.pump_on = True
            self._events.emit(EV_PUMP_COMMANDED, 1, reason)

    def stop_pump(self, reason):
        """Switch the pump off, and say why."""
        if self.pump_on:
            self.pump_on = False
            self._events.emit(EV_PUMP_COMMANDED, 0, reason)

    def _enter(self, state):
        self.state = state
