"""Diagnosis: one word for what is wrong, refined as the evidence comes in; alarms latch, their cause is re-judged every cycle."""

from array import array

from micropython import const

from tcs import sensing_kernel as sk
from tcs.modes import SENSOR_CONFIRM_MS, is_enabled
from tcs.tables import (
    P_STALE_MS,
    P_TICK_MS,
    ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS,
    ST_LEAK_CLASS_CABIN_LEAK,
    ST_LEAK_CLASS_COOLANT_LEAK,
    ST_LEAK_CLASS_FLOW_LOSS,
    ST_LEAK_CLASS_NONE,
    ST_LEAK_CLASS_PUMP_FAULT,
    ST_LEAK_CLASS_SENSOR_FAULT,
    ST_LEAK_CLASS_VALVE_FAULT,
)
from tcs.words import word

# Highest first: the order of INTERFACES where several hold.
PRIORITY = (
    ST_LEAK_CLASS_CABIN_LEAK,
    ST_LEAK_CLASS_COOLANT_LEAK,
    ST_LEAK_CLASS_ACCUMULATOR_GAS_LOSS,
    ST_LEAK_CLASS_PUMP_FAULT,
    ST_LEAK_CLASS_VALVE_FAULT,
    ST_LEAK_CLASS_FLOW_LOSS,
    ST_LEAK_CLASS_SENSOR_FAULT,
)
ALARMS = const(0)  # places in .words
WITHDRAWN = const(1)
_SIZE = const(2)
_START_MS = const(5000)


class Diagnosis:
    """.alarms: mask of latched classes (bit = ST_LEAK_CLASS_*); .leak_class: the one that speaks; .is_watching: watch_channels()
    has something to do. Allocation-free.

    .withdrawn: mask of alarms whose cause has been found to be another one: they stay latched and do not speak. .judged: the alarms less
    these, as leak_class was judged by.
    """

    alarms = word(ALARMS)
    withdrawn = word(WITHDRAWN)

    def __init__(self, params):
        self._params = params
        self.words = array("i", bytes(4 * _SIZE))
        self.leak_class = ST_LEAK_CLASS_NONE
        self._confirm_ticks = SENSOR_CONFIRM_MS // params[P_TICK_MS]
        # Ten samples make a channel ok: on a slow log that is ten of its periods.
        self._start_ticks = max(_START_MS, 10 * params[P_STALE_MS]) // params[P_TICK_MS]
        self._bad_ticks = array("i", bytes(4 * sk.CHANNELS))
        self._ticks = 0
        self._was_unfit = False
        self.judged = 0
        self.is_watching = True

    def latch(self, leak_class):
        """Raise an alarm; True when it is new. One whose monitor is disabled is not raised."""
        bit = 1 << leak_class
        if self.words[ALARMS] & bit or not is_enabled(self._params, leak_class):
            return False
        self.words[ALARMS] |= bit
        return True

    def rearm(self):
        """The ground clears every alarm."""
        self.words[ALARMS] = 0
        self.words[WITHDRAWN] = 0
        channel = 0
        while channel < sk.CHANNELS:
            self._bad_ticks[channel] = 0
            channel += 1

    def watch_channels(self, sensing):
        """One tick: latches sensor_fault when a fitted channel has been bad for a second; start-up apart. True when new."""
        if self._ticks < self._start_ticks:
            self._ticks += 1
            return False
        unfit = sensing.unfit()
        if unfit == 0 and not self._was_unfit:
            self.is_watching = False
            return False
        self._was_unfit = unfit != 0
        is_new = False
        channel = 0
        bad_ticks = self._bad_ticks
        while channel < sk.CHANNELS:
            if not (unfit >> channel) & 1:
                bad_ticks[channel] = 0
            elif bad_ticks[channel] < self._confirm_ticks:
                bad_ticks[channel] += 1
                if bad_ticks[channel] == self._confirm_ticks and self.latch(ST_LEAK_CLASS_SENSOR_FAULT):
                    is_new = True
            channel += 1
        return is_new

    def judge(self):
        """The class that speaks now."""
        words = self.words
        speaking = words[ALARMS] & ~words[WITHDRAWN]
        if speaking == self.judged:
            return self.leak_class
        self.judged = speaking
        self.leak_class = ST_LEAK_CLASS_NONE
        if speaking:
            for leak_class in PRIORITY:
                if (speaking >> leak_class) & 1:
                    self.leak_class = leak_class
                    break
        return self.leak_class
