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
    ST_MEMORY_BLOCK_INVENTORY,
    ST_MEMORY_BLOCK_SENSING,
)

_COUNT_MAX = const(1000000)
_CONSTANTS = ("_cfg", "_vote_cfg", "_slope", "_couplings", "_norm", "_deviation", "_allow_q4", "_stiffness_ul_mpa")


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
        resting = (
            (app.isolation, "words"), (recovery, "words"), (localisation, "words"), (findings, "states"), (app.diagnosis, "words"),
            (valves, "position"), (valves, "goal"), (valves, "failed"), (valves, "assumed"), (valves, "words"), (valves, "_seen"),
        )  # fmt: skip
        awake = (
            (findings, "words"), (findings, "trials"), (findings, "_found_ul_s"), (localisation, "_not_before"),
            (localisation, "_odd_looks"), (trial, "words"), (trial, "taken_ul"), (trial, "full_mc"), (trial.hold, "words"),
            (localisation.reopening, "words"), (localisation.weighing, "words"), (recovery, "_low_ticks"),
            (recovery.cooling, "words"), (recovery.cooling, "_ring"), (valves, "_since"), (valves, "_tries"), (valves, "_pausing"),
        )  # fmt: skip
        self._resting_count = sum([len(getattr(stage, name)) for stage, name in resting])
        self._count = self._resting_count + sum([len(getattr(stage, name)) for stage, name in awake])
        self._live = array("i", bytes(4 * self._count))
        self._second = array("i", bytes(4 * self._count))
        self._third = array("i", bytes(4 * self._count))
        view = memoryview(self._live)
        at = 0
        for stage, name in resting + awake:
            held = getattr(stage, name)
            for i, value in enumerate(held):
                view[at + i] = value
            setattr(stage, name, view[at : at + len(held)])
            at += len(held)
        self._kept = 0
        self._blocks = (app.detector.state, app.inventory.state, app.sensing.state)
        self._names = (ST_MEMORY_BLOCK_DETECTOR, ST_MEMORY_BLOCK_INVENTORY, ST_MEMORY_BLOCK_SENSING)
        self._fresh = tuple([array("i", block) for block in self._blocks])
        self._spares = tuple([array("i", block) for block in self._blocks])
        self._checks = array("i", bytes(4 * len(self._blocks)))
        self._checks_spare = array("i", bytes(4 * len(self._blocks)))
        self._constants = _constants(app)
        self._constant_spares = tuple([array("i", block) for block in self._constants])
        self._constant_checks = array("i", bytes(4 * len(self._constants)))
        self._turn = 0
        self.corrected = 0
        self.faults = 0
        self.take_constants()
        self.keep()

    def settle(self):
        """Before a cycle: outvote what has flipped since keep()."""
        wrong = mk.vote(self._live, self._second, self._third, self._kept)
        i = 0
        while i < len(self._blocks):
            block = self._blocks[i]
            if mk.check(block, len(block)) != self._checks[i]:
                wrong += self._mend(i)
            i += 1
        wrong += self._look_at_constants()
        if wrong:
            self.corrected = min(_COUNT_MAX, self.corrected + wrong)
            self._events.emit(EV_MEMORY_CORRECTED, wrong, self.corrected)

    def keep(self):
        """After a cycle: its words become the copies'."""
        app = self._app
        state = app.recovery.localisation.state
        is_resting = not app.isolation.commanded and state == ST_LOCALISATION_IDLE
        self._kept = self._resting_count if is_resting or state == ST_LOCALISATION_ENDED else self._count
        mk.keep(self._live, self._second, self._third, self._kept)
        i = 0
        while i < len(self._blocks):
            block = self._blocks[i]
            self._checks[i] = mk.keep_checked(block, self._spares[i], len(block))
            self._checks_spare[i] = self._checks[i]
            i += 1

    def take_constants(self):
        """At boot, and when the ground has changed a parameter: what stands now is right."""
        i = 0
        while i < len(self._constants):
            block = self._constants[i]
            self._constant_checks[i] = mk.keep_checked(block, self._constant_spares[i], len(block))
            i += 1

    def _mend(self, i):
        """A block does not match its check word. Returns the words put right."""
        block = self._blocks[i]
        spare = self._spares[i]
        if mk.check(spare, len(spare)) == self._checks_spare[i]:
            mk.keep(spare, block, block, len(block))
        elif mk.check(block, len(block)) != self._checks_spare[i]:
            # Neither copy is what was kept: as after a boot.
            mk.keep(self._fresh[i], block, block, len(block))
            self.faults = min(_COUNT_MAX, self.faults + 1)
            self._app.detector.rearm()
            self._events.emit(EV_MEMORY_FAULT, self._names[i])
        self._checks[i] = mk.keep_checked(block, spare, len(block))
        self._checks_spare[i] = self._checks[i]
        return 1

    def _look_at_constants(self):
        """One block a cycle, in turn."""
        i = self._turn
        self._turn = i + 1 if i + 1 < len(self._constants) else 0
        block = self._constants[i]
        spare = self._constant_spares[i]
        is_right = mk.check(block, len(block)) == self._constant_checks[i]
        is_spare_right = mk.check(spare, len(spare)) == self._constant_checks[i]
        if is_right and is_spare_right:
            return 0
        if is_spare_right:
            mk.keep(spare, block, block, len(block))
        elif is_right:
            mk.keep(block, spare, spare, len(block))
        elif mk.check(block, len(block)) == mk.check(spare, len(spare)):
            self._constant_checks[i] = mk.check(block, len(block))
        else:
            self.faults = min(_COUNT_MAX, self.faults + 1)
            self._constant_checks[i] = mk.keep_checked(block, spare, len(block))
            self._events.emit(EV_MEMORY_FAULT, ST_MEMORY_BLOCK_CONSTANTS)
        return 1


def _constants(app):
    """Arrays that nothing changes after boot but a telecommand: parameters, and what was computed from them. Each once."""
    found = []
    stages = (app.sensing, app.inventory, app.detector, app.leak_rate, app.recovery.localisation.trial)
    for held in [app.params] + [getattr(stage, name, None) for stage in stages for name in _CONSTANTS]:
        if isinstance(held, array) and not any([held is other for other in found]):
            found.append(held)
    return tuple(found)
