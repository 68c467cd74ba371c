"""Telecommands to valves that are under way: completed when the end switch says so. Allocation-free."""

from array import array

from tcs import valves as vb
from tcs.tables import ST_REASON_NONE, ST_REASON_SUPERSEDED, ST_REASON_VALVE_FAILED, ST_VALVE_POSITION_TRAVELLING

_NONE = -1


class ValveRequests:
    """One request a valve. `finish(packet_id, sequence_control, acks, reason, tick)` and `progress(...)` report them. .open: how many."""

    def __init__(self, valves, reporter):
        self._valves = valves
        self._reporter = reporter
        self.open = 0
        self._goal = array("i", [_NONE] * vb.COUNT)
        self._packet_id = array("i", [0] * vb.COUNT)
        self._sequence_control = array("i", [0] * vb.COUNT)
        self._acks = array("i", [0] * vb.COUNT)
        self._has_moved = array("i", [0] * vb.COUNT)

    def begin(self, valve, goal, command, tick):
        """Drive a valve for a telecommand."""
        if self._goal[valve] != _NONE:
            self._end(valve, ST_REASON_SUPERSEDED, tick)
        self.open += 1
        self._goal[valve] = goal
        self._packet_id[valve] = command.packet_id
        self._sequence_control[valve] = command.sequence_control
        self._acks[valve] = command.acks
        self._has_moved[valve] = 0
        if self._valves.failed[valve]:
            self._valves.goal[valve] = vb.HOLD  # the ground may ask again for what was given up
        self._valves.command(valve, goal, tick)

    def step(self, tick):
        """Once a tick, after the valves' own step."""
        valves = self._valves
        valve = 0
        while valve < vb.COUNT:
            goal = self._goal[valve]
            if goal != _NONE:
                if valves.position[valve] == ST_VALVE_POSITION_TRAVELLING and not self._has_moved[valve]:
                    self._has_moved[valve] = 1
                    self._reporter.progress(self._packet_id[valve], self._sequence_control[valve], self._acks[valve], tick)
                if valves.goal[valve] != goal:
                    self._end(valve, ST_REASON_SUPERSEDED, tick)
                elif valves.position[valve] == goal:
                    self._end(valve, ST_REASON_NONE, tick)
                elif valves.failed[valve]:
                    self._end(valve, ST_REASON_VALVE_FAILED, tick)
            valve += 1

    def _end(self, valve, reason, tick):
        self._goal[valve] = _NONE
        self.open -= 1
        self._reporter.finish(self._packet_id[valve], self._sequence_control[valve], self._acks[valve], reason, tick)
