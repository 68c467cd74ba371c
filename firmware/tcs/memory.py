"""Memory: what decides a valve is held three times and voted each cycle; what the detector sums up has a spare and a check word.

Critical words stand in one array; the stages hold views of it. settle() comes before a cycle, keep() after it and after the ground's
telecommands: whatever flips in between is outvoted before anything reads it. Blocks that are too long for three copies are checked, put
right from their spare, and started afresh when both are wrong. docs/memory.md says what a campaign of flipped bits made of it.
"""

from array import array

from micropython import const

from tcs import memory_kernel as mk
from tcs.tables import (
    EV_MEMORY_CORRECTED,
    EV_MEMORY_FAULT,
    ST_LOCALISATION_ENDED,
    ST_LOCALISATION_IDLE,
    ST_MEMORY_BLOCK_CONSTANTS,
    ST_MEMORY_BLOCK_DETECTOR,
)

_COUNT_MAX = const(1000000)
_UNROLL = const(4)
_SCRUB = const(4)  # cycles: a flip waits no longer in what nothing reads
_WAKE = const(16)
_CONSTANTS = ("_cfg", "_vote_cfg", "_couplings", "_norm", "_allow_q4", "_stiffness_ul_mpa")


class Memory:
    """.corrected: words put right so far; .faults: blocks lost so far. settle() and keep() are allocation-free."""

    def __init__(self, app):
        self._app = app
        self._events = app.events
        recovery = app.recovery
        localisation = recovery.localisation
        findings = localisation.findings
        trial = localisation.trial
        valves = app.valves
        store = app.store
        resting = [
            (app.isolation, "words"), (recovery, "words"), (localisation, "words"), (findings, "states"), (app.diagnosis, "words"),
            (valves, "position"), (valves, "goal"), (valves, "failed"), (valves, "assumed"), (valves, "words"), (valves, "_seen"),
            (store, "_sequence"), (store, "_sector"), (store, "_at_page"),
        ]  # fmt: skip
        awake = [
            (findings, "words"), (findings, "trials"), (findings, "_found_ul_s"), (localisation, "_not_before"),
            (localisation, "_odd_looks"), (trial, "words"), (trial, "taken_ul"), (trial, "full_mc"), (trial.hold, "words"),
            (localisation.reopening, "words"), (localisation.weighing, "words"), (recovery, "_low_ticks"),
            (recovery.cooling, "words"), (recovery.cooling, "_ring"), (valves, "_since"), (valves, "_tries"), (valves, "_pausing"),
        ]  # fmt: skip
        self._resting_count = sum([len(getattr(stage, name)) for stage, name in resting])
        self._live = _gather(resting + awake)
        self._second = array("i", self._live)
        self._third = array("i", self._live)
        self._kept = 0
        # What sums up over minutes, and what nothing but a telecommand changes: one spare each.
        sensing = app.sensing
        history = app.detector.history
        sums = [(app.detector, "state"), (app.inventory, "state"), (sensing, "state"), (sensing, "vote"), (sensing, "reference")]
        self._block = _gather(sums + [(history, "newest"), (history, "filled"), (history, "fresh")])
        stages = (sensing, app.inventory, app.detector, trial)
        self._constant = _gather([(stage, name) for stage in stages for name in _CONSTANTS if hasattr(stage, name)])
        self._fresh = array("i", self._block)
        self._spare = array("i", self._block)
        self._constant_spare = array("i", self._constant)
        self._params = app.params
        self._params_second = array("i", app.params)
        self._params_third = array("i", app.params)
        # Check words, each three times: of the block, of the constants.
        self._checks = array("i", bytes(4 * 6))
        self._turn = 0
        self.corrected = 0
        self.faults = 0
        self.take_parameters()
        check = mk.check(self._constant, len(self._constant))
        self._checks[1] = self._checks[3] = self._checks[5] = check
        self.keep()

    def settle(self):
        """Before a cycle: outvote what has flipped since keep()."""
        checks = self._checks
        wrong = mk.vote(self._live, self._second, self._third, self._kept)
        if mk.check(self._block, len(self._block)) != checks[0]:
            wrong += self._mend(self._block, self._spare, 0, self._fresh, ST_MEMORY_BLOCK_DETECTOR)
        if mk.check(self._constant, len(self._constant)) != checks[1]:
            wrong += self._mend(self._constant, self._constant_spare, 1, self._constant, ST_MEMORY_BLOCK_CONSTANTS)
        self._turn = (self._turn + 1) % _WAKE
        if self._turn % _SCRUB == 0:
            wrong += self._scrub()
        wrong += mk.vote(self._params, self._params_second, self._params_third, len(self._params))
        if wrong:
            self.corrected = min(_COUNT_MAX, self.corrected + wrong)
            self._events.emit(EV_MEMORY_CORRECTED, wrong, self.corrected)

    def keep(self):
        """After a cycle: its words become the copies'."""
        app = self._app
        state = app.recovery.localisation.state
        is_resting = not app.isolation.commanded and state == ST_LOCALISATION_IDLE
        self._kept = self._resting_count if is_resting or state == ST_LOCALISATION_ENDED else len(self._live)
        mk.keep(self._live, self._second, self._third, self._kept)
        check = mk.keep_checked(self._block, self._spare, len(self._block))
        checks = self._checks
        checks[0] = check
        checks[2] = check
        checks[4] = check

    def take_parameters(self):
        """When the ground has changed a parameter: what stands now is right."""
        mk.keep(self._params, self._params_second, self._params_third, len(self._params))

    def _scrub(self):
        """What lies unread for long: the constants' spare. And every stage looks afresh, whatever it had put by to save time."""
        if self._turn == 0:
            self._app.wake()
        constant = self._constant
        if mk.check(self._constant_spare, len(constant)) == self._checks[1]:
            return 0
        mk.keep(constant, self._constant_spare, self._constant_spare, len(constant))
        return 1

    def _mend(self, block, spare, place, fresh, name):
        """A block does not match its check word. Returns the words put right."""
        checks = self._checks
        a = checks[place]
        b = checks[place + 2]
        c = checks[place + 4]
        right = (a & b) | (a & c) | (b & c)
        checks[place] = right
        checks[place + 2] = right
        checks[place + 4] = right
        count = len(block)
        if mk.check(block, count) == right:
            return 1  # it was the check word
        if mk.check(spare, count) == right:
            mk.keep(spare, block, block, count)
            return 1
        # Neither is what was kept: as after a boot.
        mk.keep(fresh, block, spare, count)
        right = mk.check(block, count)
        checks[place] = right
        checks[place + 2] = right
        checks[place + 4] = right
        self._app.detector.rearm()
        self.faults = min(_COUNT_MAX, self.faults + 1)
        self._events.emit(EV_MEMORY_FAULT, name)
        return 1


def _gather(held):
    """One array of all words of (stage, attribute); each attribute becomes a view of it. A multiple of the kernels' stride."""
    count = sum([len(getattr(stage, name)) for stage, name in held])
    words = array("i", bytes(4 * (count + -count % _UNROLL)))
    view = memoryview(words)
    at = 0
    for stage, name in held:
        old = getattr(stage, name)
        end = at + len(old)
        for i in range(len(old)):
            view[at + i] = old[i]
        setattr(stage, name, view[at:end])
        at = end
    return words
