"""Valves: drives each valve to its end switch within a time limit, retries, gives up and says so."""

from array import array

from micropython import const

from tcs import valves_kernel as vk
from tcs.carry_kernel import connected
from tcs.tables import P_TICK_MS, P_VALVE_LIMIT_MS, P_VALVE_RETRIES, ST_VALVE_POSITION_TRAVELLING
from tcs.valves_kernel import aim, drive, moving

COUNT = vk.COUNT
BYPASS = const(6)
PAIR = const(3)  # mask of a segment's two valves, shifted by twice its number
SEGMENTS = const(3)

HOLD = vk.HOLD
OPEN = vk.OPEN  # as ST_VALVE_POSITION_OPEN
CLOSED = vk.CLOSED

_PAUSE_MS = const(200)  # between two tries; lets the hardware one-shot reset


class Valves:
    """.position, .goal (OPEN, CLOSED, HOLD), .failed (given up), arrays by valve; .drives is the word's valve part.

    Outcomes of a tick stand in .confirmed and .faulted (masks) and in fault_kind() until the next step. .rest_switches: while the switches
    read so, another step would change nothing, and connected() neither; -1 while something is under way. Allocation-free.
    """

    def __init__(self, params):
        tick_ms = params[P_TICK_MS]
        self._cfg = array("i", bytes(4 * vk.CFG_SIZE))
        self._cfg[vk.LIMIT_TICKS] = max(1, params[P_VALVE_LIMIT_MS] // tick_ms)
        self._cfg[vk.PAUSE_TICKS] = max(1, _PAUSE_MS // tick_ms)
        self._cfg[vk.RETRIES] = params[P_VALVE_RETRIES]
        self.position = array("i", [ST_VALVE_POSITION_TRAVELLING] * COUNT)
        self.goal = array("i", [HOLD] * COUNT)
        self.failed = array("i", [0] * COUNT)
        self.assumed = array("i", [0] * COUNT)  # shut by the pressure behind it, where the switches do not say so
        self.words = array("i", bytes(4))  # mask of the valves that have arrived and been reported
        self._travel = array("i", bytes(4 * vk.TRAVEL_SIZE))
        self._out = array("i", bytes(4 * vk.OUT_SIZE))
        self.drives = 0
        self.confirmed = 0
        self.faulted = 0
        self.rest_switches = -1

    def command(self, valve, goal, tick):
        """Drive a valve to OPEN or CLOSED from this tick on. Repeating the goal in force changes nothing."""
        self.command_all(1 << valve, goal, tick)

    def command_all(self, mask, goal, tick):
        """The same of several: a mask of them."""
        if aim(mask, goal, tick, self.goal, self.failed, self.assumed, self._travel, self.words):
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
        return moving(self.position, self.goal, self.failed) != 0

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

    def fault_kind(self, valve):
        """ST_VALVE_FAULT_* of a valve's last fault."""
        return self._travel[vk.KIND + valve]

    def step(self, switches, tick):
        """One tick: switch word in, .drives out."""
        if switches == self.rest_switches:
            return
        out = self._out
        drives = drive(switches, tick, self.position, self.goal, self.failed, self._travel, self.words, out, self._cfg)
        self.drives = drives
        self.confirmed = out[vk.CONFIRMED]
        self.faulted = out[vk.FAULTED]
        is_at_rest = out[vk.IS_STEADY] and not (out[vk.CONFIRMED] or out[vk.FAULTED] or drives)
        self.rest_switches = switches if is_at_rest else -1
