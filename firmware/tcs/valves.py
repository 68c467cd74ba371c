"""Valves: drives each valve to its end switch within a time limit, retries, gives up and says so."""

from array import array

from micropython import const

from tcs.carry_kernel import connected
from tcs.tables import (
    P_TICK_MS,
    P_VALVE_LIMIT_MS,
    P_VALVE_RETRIES,
    ST_VALVE_FAULT_CONTRADICTION,
    ST_VALVE_FAULT_MOVED,
    ST_VALVE_FAULT_TIMEOUT,
    ST_VALVE_POSITION_CLOSED,
    ST_VALVE_POSITION_FAULT,
    ST_VALVE_POSITION_OPEN,
    ST_VALVE_POSITION_TRAVELLING,
)

COUNT = const(7)
BYPASS = const(6)
SEGMENTS = const(3)

HOLD = const(-1)
OPEN = const(0)  # as ST_VALVE_POSITION_OPEN
CLOSED = const(1)

_PAUSE_MS = const(200)  # between two tries; lets the hardware one-shot reset
_DEBOUNCE_TICKS = const(2)


class Valves:
    """.position, .goal (OPEN, CLOSED, HOLD), .failed (given up), arrays by valve; .drives is the word's valve part.

    Outcomes of a tick stand in .confirmed and .faulted (masks) and .fault_kind until the next step. .rest_switches: while the switches
    read so, another step would change nothing, and connected() neither; -1 while something is under way. Allocation-free.
    """

    def __init__(self, params):
        tick_ms = params[P_TICK_MS]
        self._limit_ticks = max(1, params[P_VALVE_LIMIT_MS] // tick_ms)
        self._pause_ticks = max(1, _PAUSE_MS // tick_ms)
        self._retries = params[P_VALVE_RETRIES]
        self.position = array("i", [ST_VALVE_POSITION_TRAVELLING] * COUNT)
        self.goal = array("i", [HOLD] * COUNT)
        self.failed = array("i", [0] * COUNT)
        self.fault_kind = array("i", [0] * COUNT)
        self.assumed = array("i", [0] * COUNT)  # shut by the pressure behind it, where the switches do not say so
        self._since = array("i", [0] * COUNT)
        self._tries = array("i", [0] * COUNT)
        self._pausing = array("i", [0] * COUNT)
        self._seen = array("i", [0] * COUNT)  # ticks in a row that the switches show this position
        self.drives = 0
        self.confirmed = 0
        self.faulted = 0
        self.words = array("i", bytes(4))  # mask of the valves that have arrived and been reported
        self._is_steady = False  # no switch and no drive differs from the tick before
        self.rest_switches = -1

    def command(self, valve, goal, tick):
        """Drive a valve to OPEN or CLOSED from this tick on. Repeating the goal in force changes nothing."""
        if self.goal[valve] == goal:
            return
        if goal == OPEN:
            self.assumed[valve] = 0
        self.goal[valve] = goal
        self.failed[valve] = 0
        self._tries[valve] = 0
        self._pausing[valve] = 0
        self._since[valve] = tick
        self.words[0] &= ~(1 << valve)
        self.rest_switches = -1

    def assume_closed(self, valve):
        """Take a valve for shut, whatever its switches say, until it is driven open."""
        self.assumed[valve] = 1
        self.rest_switches = -1

    def rest(self, valve):
        """Stop driving a valve: it latches where it is."""
        if self.goal[valve] != HOLD:
            self.goal[valve] = HOLD
            self.rest_switches = -1

    def is_moving(self):
        """True while any valve is driven or waits for its next try."""
        valve = 0
        while valve < COUNT:
            if self.goal[valve] != HOLD and self.position[valve] != self.goal[valve] and not self.failed[valve]:
                return True
            valve += 1
        return False

    def is_segment_closed(self, segment):
        """True when both valves of a radiator are confirmed closed, one of them perhaps by the pressure behind it."""
        return self.is_closed(2 * segment) and self.is_closed(2 * segment + 1)

    def is_closed(self, valve):
        """Confirmed by its end switch, or taken for it."""
        return self.position[valve] == CLOSED or self.assumed[valve] == 1

    def has_segment_failed(self, segment):
        """True when a valve of a radiator was given up."""
        return self.failed[2 * segment] or self.failed[2 * segment + 1]

    def connected(self):
        """Mask of radiators that are not confirmed shut on both sides."""
        return connected(self.position, self.assumed)

    def step(self, switches, tick):
        """One tick: switch word in, .drives out."""
        if switches == self.rest_switches:
            return
        self.confirmed = 0
        self.faulted = 0
        self._is_steady = True
        drives = 0
        valve = 0
        while valve < COUNT:
            self._look(valve, (switches >> (2 * valve)) & 3)
            goal = self.goal[valve]
            if goal != HOLD and not self.failed[valve]:
                if self.position[valve] == goal:
                    if not (self.words[0] >> valve) & 1:
                        self.words[0] |= 1 << valve
                        self.confirmed |= 1 << valve
                else:
                    self._is_steady = False
                    if (self.words[0] >> valve) & 1:
                        # It was there and is not any more: drive it back, and say so.
                        self.words[0] &= ~(1 << valve)
                        self._tries[valve] = 0
                        self._pausing[valve] = 0
                        self._since[valve] = tick
                        self._fault(valve, ST_VALVE_FAULT_MOVED)
                    drives |= self._drive(valve, goal, tick)
            valve += 1
        self.drives = drives
        has_told = self.confirmed or self.faulted
        self.rest_switches = switches if self._is_steady and not has_told and not drives else -1

    def _look(self, valve, made):
        if made == 3:
            position = ST_VALVE_POSITION_FAULT
        elif made == 1:
            position = ST_VALVE_POSITION_OPEN
        elif made == 2:
            position = ST_VALVE_POSITION_CLOSED
        else:
            position = ST_VALVE_POSITION_TRAVELLING
        if position != self.position[valve]:
            self._is_steady = False
            self._seen[valve] += 1
            if self._seen[valve] >= _DEBOUNCE_TICKS or self.position[valve] == ST_VALVE_POSITION_TRAVELLING:
                self.position[valve] = position
                self._seen[valve] = 0
                if position == ST_VALVE_POSITION_FAULT:
                    self._fault(valve, ST_VALVE_FAULT_CONTRADICTION)
        else:
            self._seen[valve] = 0

    def _drive(self, valve, goal, tick):
        elapsed = tick - self._since[valve]
        if self._pausing[valve]:
            if elapsed < self._pause_ticks:
                return 0
            self._pausing[valve] = 0
            self._since[valve] = tick
        elif elapsed >= self._limit_ticks:
            self._since[valve] = tick
            self._tries[valve] += 1
            if self._tries[valve] > self._retries:
                self.failed[valve] = 1
                self._fault(valve, ST_VALVE_FAULT_TIMEOUT)
            else:
                self._pausing[valve] = 1
            return 0
        return 1 << (2 * valve + goal)

    def _fault(self, valve, kind):
        self.faulted |= 1 << valve
        self.fault_kind[valve] = kind
