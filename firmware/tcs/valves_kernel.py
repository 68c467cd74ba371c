"""Valves kernel: end switches and goals -> drives, tries and faults of all seven valves, one tick.

Restricted integer subset (docs/kernels.md). Allocation-free.
"""

import micropython
from micropython import const

COUNT = const(7)
# as in tables
OPEN = const(0)
CLOSED = const(1)
TRAVELLING = const(2)
FAULT = const(3)
TIMEOUT = const(0)
CONTRADICTION = const(1)
MOVED = const(2)

HOLD = const(-1)
DEBOUNCE_TICKS = const(2)

# travel: one row each, by valve
SINCE = const(0)  # tick of the drive or of the pause
TRIES = const(7)
PAUSING = const(14)
SEEN = const(21)  # ticks in a row that the switches show another position
KIND = const(28)  # of the last fault
TRAVEL_SIZE = const(35)

# out
CONFIRMED = const(0)  # masks of this tick
FAULTED = const(1)
IS_STEADY = const(2)  # no switch and no drive differs from the tick before
OUT_SIZE = const(3)

# cfg
LIMIT_TICKS = const(0)
PAUSE_TICKS = const(1)
RETRIES = const(2)
CFG_SIZE = const(3)


@micropython.native
def drive(
    switches: int, tick: int, position: ptr32, goal: ptr32, failed: ptr32, travel: ptr32, arrived: ptr32, out: ptr32, cfg: ptr32
) -> int:
    """One tick: the drive word's valve part.

    position, goal, failed: by valve; arrived: the mask of valves that were reported at their goal.
    """
    drives = 0
    out[CONFIRMED] = 0
    out[FAULTED] = 0
    out[IS_STEADY] = 1
    valve = 0
    while valve < COUNT:
        x = (switches >> (2 * valve)) & 3
        shown = TRAVELLING
        if x == 1:
            shown = OPEN
        elif x == 2:
            shown = CLOSED
        elif x == 3:
            shown = FAULT
        if shown == position[valve]:
            travel[SEEN + valve] = 0
        else:
            out[IS_STEADY] = 0
            travel[SEEN + valve] += 1
            if travel[SEEN + valve] >= DEBOUNCE_TICKS or position[valve] == TRAVELLING:
                position[valve] = shown
                travel[SEEN + valve] = 0
                if shown == FAULT:
                    out[FAULTED] |= 1 << valve
                    travel[KIND + valve] = CONTRADICTION
        if goal[valve] != HOLD and failed[valve] == 0:
            x = (arrived[0] >> valve) & 1
            if position[valve] == goal[valve]:
                if x == 0:
                    arrived[0] |= 1 << valve
                    out[CONFIRMED] |= 1 << valve
            else:
                out[IS_STEADY] = 0
                if x:
                    # It was there and is not any more: drive it back, and say so.
                    arrived[0] ^= 1 << valve
                    travel[TRIES + valve] = 0
                    travel[PAUSING + valve] = 0
                    travel[SINCE + valve] = tick
                    out[FAULTED] |= 1 << valve
                    travel[KIND + valve] = MOVED
                x = tick - travel[SINCE + valve]
                if travel[PAUSING + valve]:
                    if x >= cfg[PAUSE_TICKS]:
                        travel[PAUSING + valve] = 0
                        travel[SINCE + valve] = tick
                        drives |= 1 << (2 * valve + goal[valve])
                elif x >= cfg[LIMIT_TICKS]:
                    travel[SINCE + valve] = tick
                    travel[TRIES + valve] += 1
                    if travel[TRIES + valve] > cfg[RETRIES]:
                        failed[valve] = 1
                        out[FAULTED] |= 1 << valve
                        travel[KIND + valve] = TIMEOUT
                    else:
                        travel[PAUSING + valve] = 1
                else:
                    drives |= 1 << (2 * valve + goal[valve])
        valve += 1
    return drives


@micropython.native
def aim(mask: int, new_goal: int, tick: int, goal: ptr32, failed: ptr32, assumed: ptr32, travel: ptr32, arrived: ptr32) -> int:
    """Drive the valves of a mask to a goal from this tick on. Returns those for which it is another one."""
    changed = 0
    valve = 0
    while valve < COUNT:
        if (mask >> valve) & 1 and goal[valve] != new_goal:
            changed |= 1 << valve
            if new_goal == OPEN:
                assumed[valve] = 0
            goal[valve] = new_goal
            failed[valve] = 0
            travel[TRIES + valve] = 0
            travel[PAUSING + valve] = 0
            travel[SINCE + valve] = tick
        valve += 1
    arrived[0] ^= arrived[0] & changed
    return changed


@micropython.native
def moving(position: ptr32, goal: ptr32, failed: ptr32) -> int:
    """Mask of the valves that are driven or wait for their next try."""
    mask = 0
    valve = 0
    while valve < COUNT:
        if goal[valve] != HOLD and position[valve] != goal[valve] and failed[valve] == 0:
            mask |= 1 << valve
        valve += 1
    return mask
