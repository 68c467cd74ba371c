"""Localisation: every state against every kind of input, and what each kind of trial leads to.

Runs under CPython and, by tests/mp/run.py, under MicroPython.
"""

from array import array

import pytest

from fakes.flight_rig import UNKNOWN, Noise, parameters
from tcs import findings as fi
from tcs import localisation as lo
from tcs import tables
from tcs import trial as tr

STIFFNESS_UL_MPA = 9670
COMP_PA = 118000
LINE_PA = 131000
COOLING_UL_S = 340
CLEARED, CONVICTED, UNDECIDED = tables.ST_SEGMENT_STATE_CLEARED, tables.ST_SEGMENT_STATE_CONVICTED, tables.ST_SEGMENT_STATE_UNDECIDED
SUSPECT, REOPENED = tables.ST_SEGMENT_STATE_SUSPECT, tables.ST_SEGMENT_STATE_REOPENED
ENDED, HALTED = tables.ST_LOCALISATION_ENDED, tables.ST_LOCALISATION_HALTED


class Loop:
    """Three shut segments that cool, leak and hold as a rigid, liquid-full volume does; valves travel in 3 s. Integers, 100 ms a tick."""

    def __init__(self, leaks_ul_s=(0, 0, 0), rate_ul_s=5000, dead_valves=0, blind=0, **params):
        self.machine = lo.Localisation(parameters(**params), array("i", [STIFFNESS_UL_MPA] * 3))
        self.leaks_ul_s = leaks_ul_s
        self.comp_pa = COMP_PA
        self.dead_valves = dead_valves
        self.blind = blind  # mask of segments without a pressure
        self.x = array("i", [0] * tr.IN_SIZE)
        self.cooling_ul_s = COOLING_UL_S
        self.void_ul = [3000, 3000, 3000]
        self.pressure_pa = [5000] * 3
        self.opening_permille = [0] * 6
        self.drive = [0] * 6
        self.inventory_ul = 48900000
        self.drain_ul_s = 0
        self.tick = 0
        self.outcomes = []
        self.states_seen = set()
        self.x[tr.IN_RATE_UL_S] = rate_ul_s
        self.cabin_pa = 101300
        self.observe()
        for _ in range(5):
            self.step()
        self.machine.begin(rate_ul_s, self.tick)

    def observe(self):
        x = self.x
        x[tr.IN_P_COMP_PA] = self.comp_pa
        x[tr.IN_P_CABIN_PA] = self.cabin_pa
        x[tr.IN_INVENTORY_UL] = self.inventory_ul
        x[tr.IN_SHUT] = x[tr.IN_OPEN] = x[tr.IN_LEFT] = 0
        for valve in range(6):
            if self.opening_permille[valve]:
                x[tr.IN_LEFT] |= 1 << valve
        for i in range(3):
            x[tr.IN_P_RAD_PA + i] = UNKNOWN if (self.blind >> i) & 1 else self.pressure_pa[i]
            x[tr.IN_TEMP_MC + i] = 20000 - 4 * self.tick
            x[tr.IN_COOLING_UL_S + i] = self.cooling_ul_s
            x[tr.IN_EXPANSION_UL_K + i] = 8500
            pair = (self.opening_permille[2 * i], self.opening_permille[2 * i + 1])
            if pair == (0, 0):
                x[tr.IN_SHUT] |= 1 << i
            if pair == (1000, 1000):
                x[tr.IN_OPEN] |= 1 << i

    def flow(self):
        self.inventory_ul -= self.drain_ul_s // 10
        for i in range(3):
            # The inventory is compensated for the temperature of what is connected.
            cooling_ul_s = 0 if max(self.opening_permille[2 * i : 2 * i + 2]) == 1000 else self.cooling_ul_s
            lost = (cooling_ul_s + self.leaks_ul_s[i] * (10 if self.pressure_pa[i] > 20000 else 2) // 10) // 10
            opening = self.opening_permille[2 * i] + self.opening_permille[2 * i + 1]
            if opening:
                fed = min(self.void_ul[i] + lost, 39 * opening)  # 26 mL/s at a fifteenth
                self.inventory_ul -= fed
                self.void_ul[i] += lost - fed
                self.pressure_pa[i] = LINE_PA if self.void_ul[i] <= 0 else 5000
            elif self.pressure_pa[i] > 5000:
                self.pressure_pa[i] = max(5000, self.pressure_pa[i] - lost * 1000000 // STIFFNESS_UL_MPA)
            else:
                self.void_ul[i] += lost

    def step(self):
        self.tick += 1
        self.observe()
        machine = self.machine
        before = list(machine.segment_state)
        action = machine.step(self.x, self.tick)
        self.states_seen.add(machine.state)
        if action == tr.A_CRACK:
            assert before[machine.segment] == SUSPECT
            self.drive[machine.valve] = 1
        elif action == tr.A_REST:
            self.drive[machine.valve] = 0
        elif action == tr.A_OPEN:
            assert before[machine.segment] == CLEARED
            self.drive[2 * machine.segment] = self.drive[2 * machine.segment + 1] = 1
        elif action == tr.A_SHUT:
            self.drive[2 * machine.segment] = self.drive[2 * machine.segment + 1] = -1
        for i in range(3):
            if before[i] in (CONVICTED, UNDECIDED):
                assert machine.segment_state[i] == before[i], "nothing leaves convicted or undecided"
        if machine.outcome != fi.O_NONE:
            self.outcomes.append((machine.outcome, machine.segment, machine.findings.reason))
        for valve in range(6):
            if not (self.dead_valves >> valve) & 1:
                self.opening_permille[valve] = max(0, min(1000, self.opening_permille[valve] + 33 * self.drive[valve]))
                if self.opening_permille[valve] == 990:
                    self.opening_permille[valve] = 1000
        self.flow()

    def run(self, limit_s=300):
        """To the end; the states of the segments."""
        for _ in range(limit_s * 10):
            self.step()
            if self.machine.state in (ENDED, HALTED):
                break
        return list(self.machine.segment_state)


@pytest.mark.req("REQ-LOC-001")
@pytest.mark.parametrize("leaky", [0, 1, 2])
def test_localisation_names_the_leaky_segment_and_brings_the_others_back(leaky):
    loop = Loop(tuple(5800 if i == leaky else 0 for i in range(3)))
    assert loop.run() == [CONVICTED if i == leaky else REOPENED for i in range(3)]
    assert loop.machine.state == ENDED
    assert loop.tick < 900


@pytest.mark.req("REQ-LOC-001")
def test_localisation_names_two_leaky_segments():
    assert Loop((5800, 0, 3200)).run() == [CONVICTED, REOPENED, CONVICTED]


@pytest.mark.req("REQ-LOC-002")
def test_localisation_convicts_nobody_for_a_collapse_that_cooling_explains():
    loop = Loop((0, 0, 0))
    assert loop.run() == [REOPENED] * 3
    assert {row[0] for row in loop.outcomes} == {fi.O_TRIAL, fi.O_CLEARED, fi.O_REOPENED, fi.O_ENDED}


@pytest.mark.req("REQ-LOC-002")
def test_localisation_clears_what_holds_without_a_trial():
    loop = Loop((5800, 0, 0))
    loop.cooling_ul_s = 0
    loop.pressure_pa[1] = loop.pressure_pa[2] = 100000
    assert loop.run() == [CONVICTED, REOPENED, REOPENED]
    assert [row[1] for row in loop.outcomes if row[0] == fi.O_TRIAL] == [0]


@pytest.mark.req("REQ-LOC-002")
@pytest.mark.parametrize(("second", "state"), [(60, REOPENED), (100, CONVICTED)])
def test_localisation_takes_little_beside_what_explains_the_alarm_for_cooling(second, state):
    loop = Loop((0, 150, second), rate_ul_s=50)
    assert loop.run(limit_s=900) == [REOPENED, CONVICTED, state]


def test_localisation_finds_a_slow_leak_by_comparison():
    loop = Loop((0, 100, 0), rate_ul_s=90)
    assert loop.run() == [REOPENED, CONVICTED, REOPENED]


@pytest.mark.req("REQ-LOC-003")
def test_localisation_trial_stays_within_its_bounds_of_volume_and_time():
    loop = Loop((60000, 0, 0))
    start = None
    longest = most = 0
    for _ in range(600):
        loop.step()
        if loop.machine.outcome == fi.O_TRIAL:
            start = (loop.tick, loop.inventory_ul)
        if start is not None and loop.machine.state in (tables.ST_LOCALISATION_FILLING, tables.ST_LOCALISATION_SHUTTING):
            longest = max(longest, loop.tick - start[0])
            most = max(most, start[1] - loop.inventory_ul)
    assert 0 < longest <= 100
    assert 30000 < most <= 60000
    assert loop.machine.segment_state[0] == CONVICTED


def test_localisation_takes_the_outlet_when_the_inlet_does_not_move():
    loop = Loop((0, 5800, 0), dead_valves=1 << 2)
    assert loop.run()[1] == CONVICTED
    assert [row for row in loop.outcomes if row[0] == fi.O_TRIAL and row[1] == 1]


def test_localisation_leaves_a_segment_without_a_moving_valve_undecided():
    loop = Loop((0, 5800, 0), dead_valves=3 << 2)
    states = loop.run()
    assert states == [REOPENED, UNDECIDED, REOPENED]
    assert (fi.O_UNDECIDED, 1, tables.ST_LOCALISATION_REASON_NO_VALVE) in loop.outcomes


def test_localisation_without_a_segments_pressure_goes_by_what_it_takes_up():
    assert Loop((0, 9000, 0), blind=2).run() == [REOPENED, CONVICTED, REOPENED]
    assert Loop((0, 9000, 0), blind=1).run() == [REOPENED, CONVICTED, REOPENED]


def stuck_open(drain_ul_s, comp_pa=COMP_PA, leaks_ul_s=(0, 0, 0)):
    """A loop whose second segment's inlet does not shut."""
    loop = Loop(leaks_ul_s, dead_valves=1 << 2)
    loop.opening_permille[2] = 1000
    loop.drain_ul_s = drain_ul_s
    loop.comp_pa = comp_pa
    return loop


@pytest.mark.req("REQ-LOC-006")
def test_localisation_eliminates_at_once_while_the_loss_goes_on_below_cabin_pressure():
    loop = stuck_open(5000, comp_pa=60000)
    assert loop.run() == [REOPENED, CONVICTED, REOPENED]
    assert (fi.O_CONVICTED, 1, tables.ST_LOCALISATION_REASON_ELIMINATION) in loop.outcomes
    assert tables.ST_LOCALISATION_WEIGHING not in loop.states_seen


@pytest.mark.req("REQ-LOC-006")
def test_localisation_above_cabin_pressure_weighs_before_it_eliminates():
    loop = stuck_open(5000)
    while loop.machine.state != tables.ST_LOCALISATION_WEIGHING:
        loop.step()
    assert list(loop.machine.segment_state) == [REOPENED, SUSPECT, REOPENED]
    loop.run(limit_s=120)
    assert loop.machine.segment_state[1] == SUSPECT  # it may still go into the cabin
    loop.comp_pa = 95000
    assert loop.run() == [REOPENED, CONVICTED, REOPENED]


@pytest.mark.req("REQ-LOC-006", "REQ-LOC-007")
def test_localisation_of_a_loss_that_fades_at_cabin_pressure_convicts_nobody():
    loop = stuck_open(3000)
    while loop.machine.state != tables.ST_LOCALISATION_WEIGHING:
        loop.step()
    for step in range(60):
        loop.comp_pa = 118000 - step * 280
        loop.drain_ul_s = 3000 - step * 50
        for _ in range(10):
            loop.step()
    assert loop.run()[1] == CLEARED or loop.machine.segment_state[1] == REOPENED
    assert (fi.O_CLEARED, 1, tables.ST_LOCALISATION_REASON_INTERNAL) in loop.outcomes
    assert CONVICTED not in list(loop.machine.segment_state)


@pytest.mark.req("REQ-LOC-006")
def test_localisation_clears_a_stuck_segment_when_the_convicted_one_explains_the_loss():
    loop = stuck_open(0, leaks_ul_s=(0, 0, 1500))
    loop.x[tr.IN_RATE_UL_S] = 1500
    assert loop.run() == [REOPENED, REOPENED, CONVICTED]
    assert (fi.O_CLEARED, 1, tables.ST_LOCALISATION_REASON_NO_LOSS) in loop.outcomes


def test_localisation_weighs_a_segment_without_a_pressure_by_the_loss_of_the_rest():
    for drain_ul_s, state in ((1200, REOPENED), (0, UNDECIDED)):
        loop = Loop((0, 0, 0), rate_ul_s=2000, blind=2)
        loop.drain_ul_s = drain_ul_s
        loop.machine.loss_ul_s = lambda x, tick: 0  # what settling would have shown is hidden
        assert loop.run(limit_s=900) == [REOPENED, state, REOPENED], drain_ul_s


def test_localisation_does_not_clear_twice_for_lack_of_take_up():
    loop = Loop((0, 0, 0), rate_ul_s=8000, blind=2)
    assert loop.run() == [REOPENED, REOPENED, REOPENED]
    assert (fi.O_CLEARED, 1, tables.ST_LOCALISATION_REASON_NO_TAKE_UP) in loop.outcomes
    # The loss came back behind it: all are shut again.
    loop.opening_permille = [0] * 6
    loop.drive = [0] * 6
    loop.pressure_pa = [5000] * 3
    loop.machine.begin(8000, loop.tick)
    assert loop.run(limit_s=900) == [REOPENED, UNDECIDED, REOPENED]


@pytest.mark.parametrize(("doubtful", "state"), [(0, UNDECIDED), (7, CONVICTED)])
def test_localisation_shuts_a_segment_that_takes_more_than_its_void(doubtful, state):
    loop = Loop((0, 0, 0))
    while loop.machine.state != tables.ST_LOCALISATION_OPENING:
        loop.step()
    loop.drain_ul_s = 20000
    loop.machine.findings.doubtful = doubtful  # what cleared it was less than a pressure that holds
    first = loop.machine.segment
    for _ in range(100):
        loop.step()
    assert loop.machine.segment_state[first] == state
    assert loop.opening_permille[2 * first] == loop.opening_permille[2 * first + 1] == 0


@pytest.mark.parametrize(("drain_ul_s", "fades_s", "state"), [(2000, 900, CONVICTED), (2000, 60, REOPENED), (1000, 900, REOPENED)])
def test_localisation_looks_again_at_a_doubtful_segment_as_long_as_it_takes_more_than_a_drift(drain_ul_s, fades_s, state):
    loop = Loop((0, 0, 0), watch_excess_ml=1000)  # the volume alone would let it pass
    loop.machine.begin(5000, loop.tick, True)  # a round before found nothing
    while loop.machine.state != tables.ST_LOCALISATION_OPENING:
        loop.step()
    first = loop.machine.segment
    loop.machine.findings.doubtful = 7
    loop.drain_ul_s = drain_ul_s
    for tick in range(2000):
        if tick == fades_s * 10:
            loop.drain_ul_s = 0
        if loop.machine.segment_state[first] != CLEARED:
            break
        loop.step()
    assert loop.machine.segment_state[first] == state


@pytest.mark.parametrize(("is_bent", "state"), [(0, CONVICTED), (1, REOPENED)])
def test_localisation_repeats_a_trial_under_a_supply_that_has_just_jumped(is_bent, state):
    loop = Loop((0, 0, 0))
    observe = loop.observe

    def bent():
        observe()
        if loop.machine.findings.trials[0] == 1:
            loop.x[tr.IN_IS_BENT] = is_bent
            loop.x[tr.IN_COOLING_UL_S] -= 1500
        else:
            loop.x[tr.IN_IS_BENT] = 0

    loop.observe = bent
    assert loop.run(limit_s=900) == [state, REOPENED, REOPENED]


def test_localisation_claims_nothing_without_an_inventory():
    loop = Loop((5800, 0, 0))

    def blind():
        loop.x[tr.IN_INVENTORY_UL] = UNKNOWN
        loop.x[tr.IN_P_COMP_PA] = UNKNOWN

    loop.observe = blind
    assert loop.run() == [SUSPECT] * 3
    assert loop.machine.state == HALTED


@pytest.mark.req("REQ-LOC-004")
def test_localisation_every_state_survives_every_input_and_opens_only_what_is_cleared():
    noise = Noise(7)
    masks = (0, 1, 2, 5, 7)
    for state in range(tables.ST_LOCALISATION_IDLE, tables.ST_LOCALISATION_WEIGHING + 1):
        for _ in range(40):
            machine = Loop().machine
            machine.state = machine.trial.state = machine.reopening.state = state
            if state not in (tables.ST_LOCALISATION_FILLING, tables.ST_LOCALISATION_SHUTTING, tables.ST_LOCALISATION_HOLDING):
                machine.trial.state = tables.ST_LOCALISATION_CHOOSING
            for i in range(3):
                machine.segment_state[i] = noise.below(6)
            x = array("i", [0] * tr.IN_SIZE)
            for tick in range(10, 60):
                for i in range(tr.IN_SIZE):
                    x[i] = (UNKNOWN, 0, -5000, 118000, 49000000, 0x3FFFFFFF)[noise.below(6)]
                for i in (tr.IN_SHUT, tr.IN_OPEN, tr.IN_LEFT, tr.IN_FAILED):
                    x[i] = masks[noise.below(5)]
                for i in range(3):
                    x[tr.IN_EXPANSION_UL_K + i] = 8500
                    x[tr.IN_COOLING_UL_S + i] = noise.below(4000) - 2000
                before = list(machine.segment_state)
                action = machine.step(x, tick)
                if action == tr.A_OPEN:
                    assert before[machine.segment] == CLEARED
                if action == tr.A_CRACK and state == tables.ST_LOCALISATION_CHOOSING:
                    assert before[machine.segment] not in (CONVICTED, UNDECIDED)
                assert tables.ST_LOCALISATION_IDLE <= machine.state <= tables.ST_LOCALISATION_WEIGHING
