"""Memory: what decides a valve, and what the detector sums up, is held three times and voted each cycle.

Critical words stand in one array; the stages hold views of it. settle() comes before a cycle, keep() after it and after the ground's
telecommands: whatever flips in between is outvoted before anything reads it. What never changes has one spare and a check word. Copies are
made and compared by the interpreter's own loops; a kernel votes where they differ. docs/memory.md says what a campaign of flipped bits
made of it.
"""

from array import array

from micropython import const

from tcs import memory_kernel as mk
from tcs.tables import (
    EV_MEMORY_CORRECTED,
    EV_MEMORY_FAULT,
    ST_MEMORY_BLOCK_CONSTANTS,
)

_COUNT_MAX = const(1000000)
_UNROLL = const(4)
_WAKE = const(16)  # cycles
_CONSTANTS = ("_cfg", "_vote_cfg", "_neighbours_cfg", "_couplings", "_norm", "_allow_q4", "_stiffness_ul_mpa")


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
            (valves, "position"), (valves, "goal"), (valves, "failed"), (valves, "assumed"), (valves, "words"),
            (store, "_sequence"), (store, "_sector"), (store, "_at_page"),
        ]  # fmt: skip
        awake = [
            (findings, "words"), (findings, "trials"), (findings, "_found_ul_s"), (localisation, "_not_before"),
            (localisation, "_odd_looks"), (trial, "words"), (trial, "taken_ul"), (trial, "full_mc"), (trial.hold, "words"),
            (localisation.reopening, "words"), (localisation.weighing, "words"), (recovery, "_low_ticks"),
            (recovery.cooling, "words"), (recovery.cooling, "_ring"), (valves, "_travel"),
        ]  # fmt: skip
        self._live = _gather(resting + awake)
        self._second = array("i", self._live)
        self._third = array("i", self._live)
        # What sums up over minutes; and what nothing but a telecommand changes, with one spare.
        sensing = app.sensing
        history = app.detector.history
        sums = [(app.detector, "state"), (app.inventory, "state"), (sensing, "state"), (sensing, "vote"), (sensing, "reference")]
        sums += [(app.inventory, "_neighbours"), (app.watches.pump, "_state")]
        rings = [_Ring(ring) for ring in history.rings]
        held = sums + [(history, "newest"), (history, "filled"), (history, "fresh")] + [(ring, "words") for ring in rings]
        self._block = _gather(held)
        history.rings = tuple([ring.words for ring in rings])
        stages = (sensing, app.inventory, app.detector, app.watches.pump, trial, valves, recovery.cooling)
        self._constant = _gather([(stage, name) for stage in stages for name in _CONSTANTS if hasattr(stage, name)])
        self._spare = array("i", self._block)
        self._third_block = array("i", self._block)
        self._constant_spare = array("i", self._constant)
        self._params = app.params
        self._params_second = array("i", app.params)
        self._params_third = array("i", app.params)
        self._whole = _Slicer()[:]
        # The constants' check word, three times.
        self._checks = array("i", bytes(4 * 3))
        self._turn = 0
        self.corrected = 0
        self.faults = 0
        self.take_parameters()
        check = mk.check(self._constant, len(self._constant))
        self._checks[0] = self._checks[1] = self._checks[2] = check
        self.keep()

    def settle(self):
        """Before a cycle: outvote what has flipped since keep()."""
        wrong = 0
        live = self._live
        if live != self._second or live != self._third:
            wrong += mk.vote(live, self._second, self._third, len(live))
        block = self._block
        if block != self._spare:
            wrong += mk.vote(block, self._spare, self._third_block, len(block))
        if self._constant != self._constant_spare:
            wrong += self._mend()
        params = self._params
        if params != self._params_second or params != self._params_third:
            wrong += mk.vote(params, self._params_second, self._params_third, len(params))
        self._turn = (self._turn + 1) % _WAKE
        if self._turn == 0:
            # Every stage looks afresh, whatever it had put by to save time.
            self._app.wake()
        if wrong:
            self.corrected = min(_COUNT_MAX, self.corrected + wrong)
            self._events.emit(EV_MEMORY_CORRECTED, wrong, self.corrected)

    def is_as_kept(self):
        """True while no critical word differs from what keep() found."""
        return self._live == self._second

    def keep(self):
        """After a cycle: its words become the copies'."""
        whole = self._whole
        live = self._live
        self._second[whole] = live
        self._third[whole] = live
        block = self._block
        self._spare[whole] = block
        self._third_block[whole] = block

    def take_parameters(self):
        """When the ground has changed a parameter: what stands now is right."""
        self._params_second[self._whole] = self._params
        self._params_third[self._whole] = self._params

    def _mend(self):
        """The constants are not their spare's. Returns the words put right."""
        checks = self._checks
        a = checks[0]
        b = checks[1]
        c = checks[2]
        right = (a & b) | (a & c) | (b & c)
        constant = self._constant
        spare = self._constant_spare
        count = len(constant)
        if mk.check(constant, count) == right:
            spare[self._whole] = constant
        elif mk.check(spare, count) == right:
            constant[self._whole] = spare
        else:
            # Neither is what was kept: they stand as they are, and the ground is told.
            spare[self._whole] = constant
            right = mk.check(constant, count)
            self._app.detector.rearm()
            self.faults = min(_COUNT_MAX, self.faults + 1)
            self._events.emit(EV_MEMORY_FAULT, ST_MEMORY_BLOCK_CONSTANTS)
        checks[0] = checks[1] = checks[2] = right
        return 1


class _Ring:
    """An array of a tuple, as an attribute."""

    def __init__(self, words):
        self.words = words


class _Slicer:
    """`_Slicer()[:]` is the slice of the whole, made once: in a cycle it would allocate."""

    def __getitem__(self, place):
        return place


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
