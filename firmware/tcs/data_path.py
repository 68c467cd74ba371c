"""Data path: is what all channels show together possible at all? (The false alarm of 14 January 2015 was one relay's frames.)

Nothing physical moves several temperatures and the sensor supply within one tick, and nothing stops every channel's noise at once. While
the path is not trusted the detector's verdict is `error`: no alarm, no isolation.
"""

from array import array

from micropython import const

from tcs import sensing_kernel as sk
from tcs.modes import PATH_CLEAR_MS
from tcs.sensing_kernel import ST_COHERENT, ST_FROZEN_TICKS, ST_V_REF_BEFORE_Q8, ST_V_REF_Q8
from tcs.tables import P_TICK_MS, ST_DATA_PATH_FROZEN, ST_DATA_PATH_JUMP

TRUSTED = const(0)
FROZEN = const(1)
JUMPED = const(2)
RETURNED = const(3)

_FROZEN_TICKS = const(5)
_COHERENT_CHANNELS = const(3)
_SAME_JUMP_COUNTS = const(16)
_FIRST_TEMPERATURE = const(8)


class DataPath:
    """.state: TRUSTED, FROZEN (values are old), JUMPED (values are wrong; latched until the same jump undoes itself), RETURNED (dwell)."""

    def __init__(self, params):
        self.state = TRUSTED
        self.faults = 0
        self._jump_counts = array("i", bytes(4 * sk.CHANNELS))
        self._v_ref_q8 = 0
        self._return_ticks = PATH_CLEAR_MS // params[P_TICK_MS]
        self._since_tick = 0
        self._last_frozen = 0

    def step(self, sensing, tick):
        """One tick. Returns ST_DATA_PATH_* when a fault begins, -1 otherwise."""
        values = sensing.state
        frozen = values[ST_FROZEN_TICKS]
        if self.state == TRUSTED and frozen < _FROZEN_TICKS and values[ST_COHERENT] < _COHERENT_CHANNELS:
            self._last_frozen = frozen
            return -1
        was_frozen = self._last_frozen >= _FROZEN_TICKS
        self._last_frozen = frozen
        if self.state == FROZEN:
            if frozen == 0:
                # The channels come back one after another: until all have, temperatures of before stand beside pressures of now.
                self.state = RETURNED
                self._since_tick = tick
            return -1
        if frozen >= _FROZEN_TICKS and (self.state == TRUSTED or self.state == RETURNED):
            return self._enter(FROZEN, ST_DATA_PATH_FROZEN, tick)
        if sensing.coherent() >= _COHERENT_CHANNELS and not was_frozen:
            if self.state == JUMPED:
                # Bits of single channels may go to and fro meanwhile: only the whole jump undone counts.
                if self._undone(sensing):
                    # The supply that the wrong frames told may still stand, when its channel is not ok at this very moment.
                    values[ST_V_REF_Q8] = self._v_ref_q8
                    self.state = RETURNED
                    self._since_tick = tick
                return -1
            self._remember(sensing)
            return self._enter(JUMPED, ST_DATA_PATH_JUMP, tick)
        if self.state == RETURNED and tick - self._since_tick >= self._return_ticks:
            self.state = TRUSTED
        return -1

    def _enter(self, state, kind, tick):
        self._since_tick = tick
        if self.state == state:
            return -1
        self.state = state
        if self.faults < 0xFFFF:
            self.faults += 1
        return kind

    def _remember(self, sensing):
        self._v_ref_q8 = sensing.state[ST_V_REF_BEFORE_Q8]
        channel = _FIRST_TEMPERATURE
        while channel < sk.CHANNELS:
            self._jump_counts[channel] = abs(sensing.state[channel * sk.ST_STRIDE + sk.ST_STEP])
            channel += 1

    def _undone(self, sensing):
        # A flipped bit that flips back moves every channel by as much as before, whatever its sign.
        channel = _FIRST_TEMPERATURE
        while channel < sk.CHANNELS:
            step = abs(sensing.state[channel * sk.ST_STRIDE + sk.ST_STEP]) - self._jump_counts[channel]
            if step > _SAME_JUMP_COUNTS or step < -_SAME_JUMP_COUNTS:
                return False
            channel += 1
        return True
