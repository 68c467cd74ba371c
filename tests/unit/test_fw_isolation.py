"""Isolation through the whole application: every pair of (state, verdict), its dwell, and what holds whatever valves and verdicts do.

Runs under CPython and, by tests/mp/run.py, under MicroPython. The detector's verdict is scripted; everything behind it is the flight's own.
"""

import pytest

from fakes.flight_rig import BYPASS, ENABLE_BIT, PUMP_BIT, VALVE_BITS, Flight, Noise
from tcs import tables

VERDICTS = [
    tables.ST_VERDICT_OK,
    tables.ST_VERDICT_SUSPECT,
    tables.ST_VERDICT_LEAK,
    tables.ST_VERDICT_STALE,
    tables.ST_VERDICT_ERROR,
]
NORMAL = tables.ST_ISOLATION_NORMAL
OPENING = tables.ST_ISOLATION_OPENING_BYPASS
CLOSING = tables.ST_ISOLATION_CLOSING
ISOLATED = tables.ST_ISOLATION_ISOLATED
INCOMPLETE = tables.ST_ISOLATION_INCOMPLETE
CONFIRM_TICKS = 3
OPEN_DRIVES = 0b01_01_01_01_01_01
SETTLE_TICKS = 90  # localisation waits for ten seconds before it touches a valve


class Scripted(Flight):
    """A quiet loop whose verdict the test gives; remembers whether a radiator valve was ever driven open."""

    def __init__(self, **params):
        super().__init__(**params)
        self.verdict = tables.ST_VERDICT_OK
        self.opened = False
        self.fly(80)
        self.own_update = self.app.detector.update

        def update(sensing, inventory, trusted, tick):  # closes over one name: a call with more allocates under MicroPython
            self.own_update(sensing, inventory, trusted, tick)
            return self.verdict

        self.app.detector.update = update

    def check(self, word):
        self.opened = self.opened or bool(word & OPEN_DRIVES)
        assert bool(word & ENABLE_BIT) == bool(word & VALVE_BITS)
        if word & PUMP_BIT and (self.board.switches >> (2 * BYPASS)) & 3 != 1:
            assert self.has_way(word), "pump on without a way for its flow"

    def has_way(self, word):
        for segment in range(3):
            shutting = word >> (4 * segment) & 0b1010
            if not shutting and min(self.actuators.permille[2 * segment : 2 * segment + 2]) > 0:
                return True
        return False

    def state(self):
        return self.app.isolation.state


def reach(state):
    """A flight in a state of the isolation."""
    flight = Scripted()
    if state == NORMAL:
        return flight
    if state == INCOMPLETE:
        flight.actuators.stuck = 1 << 2
    flight.verdict = tables.ST_VERDICT_LEAK
    for _ in range(400):
        if flight.state() == state:
            return flight
        flight.fly(1)
    raise AssertionError("not reached")


NEXT = {
    OPENING: (OPENING, CLOSING, ISOLATED),
    CLOSING: (CLOSING, ISOLATED),
    ISOLATED: (ISOLATED,),
    INCOMPLETE: (INCOMPLETE,),
}


@pytest.mark.req("REQ-ISO-003", "REQ-SAF-005")
@pytest.mark.parametrize("state", [NORMAL, OPENING, CLOSING, ISOLATED, INCOMPLETE])
def test_isolation_every_pair_of_state_and_verdict(state) -> None:
    for verdict in VERDICTS:
        flight = reach(state)
        flight.verdict = verdict
        for _ in range(SETTLE_TICKS):
            before = flight.state()
            flight.fly(1)
            after = flight.state()
            if before == NORMAL:
                assert after == NORMAL or (after == OPENING and verdict == tables.ST_VERDICT_LEAK), (state, verdict)
            else:
                assert after in NEXT[before], (state, verdict, before, after)
        if state == NORMAL and verdict != tables.ST_VERDICT_LEAK:
            assert flight.state() == NORMAL
            assert flight.actuators.permille == [1000] * 6 + [0]
        elif state != INCOMPLETE:
            # What was begun is finished, whatever the verdict says meanwhile; nothing is opened again.
            assert flight.state() == ISOLATED
            assert flight.actuators.are_radiators_shut()
        assert not flight.opened


@pytest.mark.req("REQ-ISO-003")
def test_isolation_dwell_in_is_counted_in_ticks_in_a_row() -> None:
    flight = Scripted()
    for _ in range(5):
        flight.verdict = tables.ST_VERDICT_LEAK
        flight.fly(CONFIRM_TICKS)
        flight.verdict = tables.ST_VERDICT_OK
        flight.fly(1)
    assert flight.state() == NORMAL
    assert tables.EV_ISOLATION_COMMANDED not in flight.numbers()
    flight.verdict = tables.ST_VERDICT_LEAK
    flight.fly(CONFIRM_TICKS)
    assert flight.state() == NORMAL
    flight.fly(1)
    assert flight.state() == OPENING


@pytest.mark.req("REQ-SAF-007")
def test_isolation_last_pair_waits_for_the_bypass_to_be_confirmed() -> None:
    flight = reach(OPENING)
    while flight.state() == OPENING:
        shutting = [segment for segment in range(3) if flight.app.drive_word >> (4 * segment) & 0b1010]
        assert len(shutting) <= 2
        flight.fly(1)
    assert flight.actuators.permille[BYPASS] == 1000
    assert flight.app.drive_word & PUMP_BIT


@pytest.mark.req("REQ-SAF-007", "REQ-SAF-012", "REQ-SAF-005", "REQ-APP-001")
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6])
def test_isolation_random_valve_faults_and_verdicts_break_no_rule(seed) -> None:
    noise = Noise(seed)
    for _ in range(3):
        flight = Scripted()
        flight.actuators.stuck = noise.below(128) & noise.below(128)
        flight.actuators.dead_switch = noise.below(128) & noise.below(128)
        flight.verdict = tables.ST_VERDICT_LEAK
        flight.fly(CONFIRM_TICKS + 1)
        for _ in range(30):
            flight.verdict = VERDICTS[noise.below(len(VERDICTS))]
            flight.fly(15)  # .check() judges every tick
        assert flight.state() != NORMAL
        assert flight.app.alloc_faults == 0
        assert flight.app.diagnosis.leak_class == tables.ST_LEAK_CLASS_COOLANT_LEAK


@pytest.mark.req("REQ-SAF-013")
@pytest.mark.parametrize("mode", [tables.ST_MODE_INHIBITED, tables.ST_MODE_PASSIVE])
def test_isolation_that_is_not_armed_moves_nothing_in_any_verdict(mode) -> None:
    flight = Scripted(mode=mode)
    for verdict in VERDICTS * 2:
        flight.verdict = verdict
        flight.fly(50)
        assert flight.app.drive_word == PUMP_BIT
        assert flight.state() == NORMAL
    commanded = flight.numbers().count(tables.EV_ISOLATION_COMMANDED)
    assert commanded == (1 if mode == tables.ST_MODE_PASSIVE else 0)


@pytest.mark.req("REQ-SAF-004", "REQ-SAF-009")
def test_isolation_does_not_follow_a_leak_verdict_without_votes_or_trust() -> None:
    for fault in ("open", "frozen"):
        flight = Scripted()
        original = flight.show
        kept = list(flight.board.counts)

        def show(flight=flight, original=original, kept=kept, fault=fault):
            original()
            for channel in range(3 if fault == "open" else 16):
                flight.board.counts[channel] = 0 if fault == "open" else kept[channel]

        flight.show = show
        flight.fly(12)
        flight.verdict = tables.ST_VERDICT_LEAK
        flight.fly(100)
        assert flight.state() == NORMAL, fault
        assert flight.app.drive_word == PUMP_BIT, fault


@pytest.mark.req("REQ-LOC-005")
def test_isolation_boot_with_everything_shut_and_no_record_stays_shut_and_says_so():
    flight = Flight()
    flight.actuators.permille = [0] * 6 + [0]
    flight.fly(300)
    assert tables.EV_BOOT_SHUT in flight.numbers()
    assert flight.actuators.are_radiators_shut()
    assert not flight.app.drive_word & PUMP_BIT
    assert flight.app.isolation.state == ISOLATED


def test_isolation_of_a_monitor_that_is_disabled_latches_nothing_and_moves_nothing():
    flight = Scripted(monitors_mask=1023 & ~(1 << tables.ST_LEAK_CLASS_COOLANT_LEAK))
    flight.verdict = tables.ST_VERDICT_LEAK
    flight.fly(100)
    assert flight.app.isolation.state == NORMAL
    assert flight.app.diagnosis.alarms >> tables.ST_LEAK_CLASS_COOLANT_LEAK & 1 == 0
    assert tables.EV_ISOLATION_COMMANDED not in flight.numbers()
