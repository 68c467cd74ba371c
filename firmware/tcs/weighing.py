"""Weighing: a segment that would not shut, or has no pressure, is left. Does the loss go on, stop, or fade at cabin pressure?

A hole to the outside goes on whatever the cabin's pressure is. One into the cabin fades as the loop comes down to it, and a segment that
does not leak loses nothing at all; one that is shut loses nothing from the rest. So this waits, half a minute a look, with everything
back in service that can be.
"""

from array import array

from micropython import const

from tcs import trial as tr
from tcs.sensing_kernel import UNKNOWN
from tcs.tables import P_TICK_MS
from tcs.words import word

# what step() says
BUSY = const(0)
CALM = const(1)  # nothing is lost any more
GOES_ON = const(2)  # of an open segment: below cabin pressure too
NOT_TOLD = const(3)

_SETTLE_MS = const(15000)
_LOOK_MS = const(30000)
_LOOKS = const(18)
_CALM_UL_S = const(600)
_CALM_LEAST_UL_S = const(150)
BELOW_CABIN_PA = const(2000)

# places in .words
_SINCE_TICK = const(0)
_BASE_UL = const(1)
_ALARM_UL_S = const(2)
_LOOKED = const(3)
_CALM = const(4)  # looks in a row
_GOING = const(5)
_RATE_UL_S = const(6)
_IS_SHUT = const(7)
_SIZE = const(8)


class Weighing:
    """.rate_ul_s: loss of the connected part over the last look. Allocation-free."""

    rate_ul_s = word(_RATE_UL_S)

    def __init__(self, params):
        self._tick_ms = params[P_TICK_MS]
        self._settle_ticks = _SETTLE_MS // self._tick_ms
        self._look_ticks = _LOOK_MS // self._tick_ms
        self.words = array("i", bytes(4 * _SIZE))

    def begin(self, alarm_ul_s, is_shut, tick):
        """Everything that can be tried and re-opened has been. is_shut: what is left is not connected."""
        w = self.words
        w[_SINCE_TICK] = tick
        w[_BASE_UL] = UNKNOWN
        w[_ALARM_UL_S] = max(0, min(1000000, alarm_ul_s))
        w[_LOOKED] = 0
        w[_CALM] = 0
        w[_GOING] = 0
        w[_RATE_UL_S] = 0
        w[_IS_SHUT] = 1 if is_shut else 0

    def step(self, x, tick):
        """One tick of inputs."""
        w = self.words
        elapsed = tick - w[_SINCE_TICK]
        inventory_ul = x[tr.IN_INVENTORY_UL]
        if w[_BASE_UL] == UNKNOWN:
            if elapsed >= self._settle_ticks:
                w[_BASE_UL] = inventory_ul
                w[_SINCE_TICK] = tick
            return BUSY
        if elapsed < self._look_ticks and elapsed >= 0:
            return BUSY
        lost_ul = max(-1000000, min(1000000, w[_BASE_UL] - inventory_ul))
        rate = lost_ul * 100 // max(1, elapsed * self._tick_ms // 10)
        w[_RATE_UL_S] = rate
        w[_BASE_UL] = inventory_ul
        w[_SINCE_TICK] = tick
        w[_LOOKED] += 1
        calm = max(_CALM_LEAST_UL_S, min(_CALM_UL_S, w[_ALARM_UL_S] // 4))
        is_calm = rate < calm
        w[_CALM] = w[_CALM] + 1 if is_calm else 0
        is_told = rate * 3 >= w[_ALARM_UL_S] if w[_IS_SHUT] else is_below_cabin(x)
        w[_GOING] = w[_GOING] + 1 if not is_calm and is_told else 0
        if w[_CALM] >= 2:
            return CALM
        if w[_GOING] >= 2:
            return GOES_ON
        return NOT_TOLD if w[_LOOKED] >= _LOOKS else BUSY


def is_below_cabin(x):
    """True when a loss that goes on cannot go into the cabin: the loop stands below its pressure."""
    return x[tr.IN_P_CABIN_PA] != UNKNOWN and x[tr.IN_P_COMP_PA] < x[tr.IN_P_CABIN_PA] - BELOW_CABIN_PA
