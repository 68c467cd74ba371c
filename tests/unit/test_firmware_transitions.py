"""The transition tables as tests: every (state, verdict, valve outcome) of isolation, every (state, answer) of localisation.

What a cell may lead to stands here as in docs/isolation.md and docs/localisation.md; a cell that leads elsewhere fails.
"""

import itertools
from array import array

import pytest

from fakes.flight_rig import Events, parameters
from tcs import findings as fi
from tcs import isolation as iso
from tcs import reopening as ro
from tcs import tables
from tcs import trial as tr
from tcs import valves as vb
from tcs import weighing as we
from tcs.localisation import Localisation
from tcs.valves import Valves

NORMAL, OPENING, CLOSING = tables.ST_ISOLATION_NORMAL, tables.ST_ISOLATION_OPENING_BYPASS, tables.ST_ISOLATION_CLOSING
ISOLATED, INCOMPLETE = tables.ST_ISOLATION_ISOLATED, tables.ST_ISOLATION_INCOMPLETE
STATES = (NORMAL, OPENING, CLOSING, ISOLATED, INCOMPLETE)
NO_LEAK, LEAK, BURST, UNTRUSTED = "no leak", "leak", "burst", "leak on a path that is not trusted"
VERDICTS = (NO_LEAK, LEAK, BURST, UNTRUSTED)
# What the end switches and the tries say of the radiators' valves and the bypass.
ARRIVED, MOVING, GIVEN_UP, BYPASS_FAILED, BYPASS_OPEN = "all shut", "moving", "one given up, bypass open", "bypass given up", "bypass open"
VALVES = (ARRIVED, MOVING, GIVEN_UP, BYPASS_FAILED, BYPASS_OPEN)


def after(state, verdict, valves):
    """The state that a cell leads to: the table."""
    if state == NORMAL:
        return {LEAK: OPENING, BURST: CLOSING}.get(verdict, NORMAL)
    if state == OPENING:
        return CLOSING if valves in (BYPASS_FAILED, BYPASS_OPEN, GIVEN_UP) else OPENING
    if state == CLOSING:
        return {ARRIVED: ISOLATED, GIVEN_UP: INCOMPLETE}.get(valves, CLOSING)
    if state == INCOMPLETE:
        return ISOLATED if valves == ARRIVED else INCOMPLETE
    return ISOLATED


def isolation_in(state, valves):
    """An isolation that has been commanded and stands in a state, with valves as they say."""
    params = parameters()
    held = Valves(params)
    for valve in range(vb.COUNT):
        held.position[valve] = vb.OPEN if valve < 6 else vb.CLOSED
        held.goal[valve] = vb.CLOSED if valve < 6 else vb.OPEN
    if valves == ARRIVED:
        for valve in range(6):
            held.position[valve] = vb.CLOSED
    elif valves == GIVEN_UP:
        for valve in range(6):
            held.position[valve] = vb.CLOSED if valve else vb.OPEN
        held.failed[0] = 1
        held.position[vb.BYPASS] = vb.OPEN
    elif valves == BYPASS_FAILED:
        held.failed[vb.BYPASS] = 1
    elif valves == BYPASS_OPEN:
        held.position[vb.BYPASS] = vb.OPEN
    if state == NORMAL:
        for valve in range(vb.COUNT):
            held.goal[valve] = vb.HOLD
            held.failed[valve] = 0
    machine = iso.Isolation(params, held, Events())
    machine.words[iso._BOOT_TICKS] = -1
    machine.words[iso.STATE] = state
    machine.commanded = state != NORMAL
    machine.words[iso._STANDING_TICKS] = 100
    return machine, held


@pytest.mark.req("REQ-ISO-003")
@pytest.mark.parametrize(("state", "verdict", "valves"), list(itertools.product(STATES, VERDICTS, VALVES)))
def test_isolation_cell_leads_where_the_table_says(state, verdict, valves):
    machine, held = isolation_in(state, valves)
    goals = list(held.goal)
    rate_ul_s = 60000 if verdict == BURST else 5000
    machine.step(verdict != NO_LEAK, verdict != UNTRUSTED, rate_ul_s, 2, 50)
    assert machine.state == after(state, verdict, valves)
    assert all(held.goal[valve] != vb.OPEN for valve in range(6)), "isolation opens no radiator"
    if machine.state == state:
        assert list(held.goal) == goals, "nothing is commanded in a cell that stays"
    if verdict == BURST and state == NORMAL:
        assert not machine.pump_on
    if state == OPENING and valves == BYPASS_FAILED:
        assert not machine.pump_on, "the last pair shuts only with somewhere for the flow to go, or no flow"
    if machine.state == INCOMPLETE and state == CLOSING:
        assert not machine.pump_on


@pytest.mark.req("REQ-ISO-003")
@pytest.mark.parametrize("mode", [tables.ST_MODE_INHIBITED, tables.ST_MODE_PASSIVE])
@pytest.mark.parametrize("verdict", VERDICTS)
def test_isolation_of_a_mode_that_is_not_armed_moves_nothing(verdict, mode):
    machine, held = isolation_in(NORMAL, MOVING)
    machine.mode = mode
    machine.step(verdict != NO_LEAK, verdict != UNTRUSTED, 60000, 2, 50)
    assert machine.state == NORMAL
    assert machine.pump_on
    assert set(held.goal) == {vb.HOLD}


IDLE, SETTLING, FILLING = tables.ST_LOCALISATION_IDLE, tables.ST_LOCALISATION_SETTLING, tables.ST_LOCALISATION_FILLING
SHUTTING, HOLDING, CHOOSING = tables.ST_LOCALISATION_SHUTTING, tables.ST_LOCALISATION_HOLDING, tables.ST_LOCALISATION_CHOOSING
REOPEN, WATCHING, WEIGHING = tables.ST_LOCALISATION_OPENING, tables.ST_LOCALISATION_WATCHING, tables.ST_LOCALISATION_WEIGHING
ENDED, HALTED = tables.ST_LOCALISATION_ENDED, tables.ST_LOCALISATION_HALTED
SUSPECT, CLEARED = tables.ST_SEGMENT_STATE_SUSPECT, tables.ST_SEGMENT_STATE_CLEARED
CONVICTED, UNDECIDED = tables.ST_SEGMENT_STATE_CONVICTED, tables.ST_SEGMENT_STATE_UNDECIDED
REOPENED = tables.ST_SEGMENT_STATE_REOPENED


class Answer:
    """Stands for a sub-machine: answers once what the cell says."""

    def __init__(self, real, state, answer):
        self.__dict__["real"] = real
        self.__dict__["now"] = (state, answer)

    def __getattr__(self, name):
        return getattr(self.real, name)

    def __setattr__(self, name, value):
        setattr(self.real, name, value)

    def step(self, x, tick):
        self.real.words[0] = self.now[0]
        return self.now[1]


def walk_in(state, segments=(SUSPECT, SUSPECT, SUSPECT), shut=7):
    machine = Localisation(parameters(), array("i", [9670] * 3))
    x = array("i", [0] * tr.IN_SIZE)
    x[tr.IN_P_COMP_PA] = 118000
    x[tr.IN_P_CABIN_PA] = 101300
    x[tr.IN_INVENTORY_UL] = 48900000
    x[tr.IN_RATE_UL_S] = 5000
    x[tr.IN_SHUT] = shut
    for i in range(3):
        x[tr.IN_P_RAD_PA + i] = 5000
        x[tr.IN_TEMP_MC + i] = 20000
        x[tr.IN_EXPANSION_UL_K + i] = 8500
        x[tr.IN_COOLING_UL_S + i] = 300
    machine.begin(5000, 0)
    machine.state = state
    for i, known in enumerate(segments):
        machine.segment_state[i] = known
    return machine, x


REOPENING_CELLS = [
    (REOPEN, ro.BUSY, REOPEN, CLEARED, tr.A_NONE),
    (WATCHING, ro.BUSY, WATCHING, CLEARED, tr.A_NONE),
    (WATCHING, ro.DONE, CHOOSING, REOPENED, tr.A_NONE),
    (REOPEN, ro.RELAPSE, CHOOSING, UNDECIDED, tr.A_SHUT),
    (WATCHING, ro.RELAPSE, CHOOSING, UNDECIDED, tr.A_SHUT),
    (REOPEN, ro.NO_VALVE, CHOOSING, UNDECIDED, tr.A_SHUT),
    (REOPEN, ro.BLIND, HALTED, CLEARED, tr.A_NONE),
    (WATCHING, ro.BLIND, HALTED, CLEARED, tr.A_NONE),
]


@pytest.mark.req("REQ-LOC-004")
@pytest.mark.parametrize(("state", "answer", "leads", "known", "action"), REOPENING_CELLS)
def test_localisation_cell_of_the_way_back_leads_where_the_table_says(state, answer, leads, known, action):
    machine, x = walk_in(state, (CLEARED, SUSPECT, SUSPECT))
    machine.reopening = Answer(machine.reopening, state, answer)
    machine.reopening.segment = 0
    assert machine.step(x, 500) == action
    assert (machine.state, machine.segment_state[0]) == (leads, known)
    assert list(machine.segment_state[1:]) == [SUSPECT, SUSPECT]


TRIAL_CELLS = [
    (tr.R_HELD, 1, 6000, CHOOSING, CONVICTED),
    (tr.R_HELD, 0, 0, CHOOSING, CLEARED),
    (tr.R_HELD, 1, 100, CHOOSING, CLEARED),
    (tr.R_HELD, 1, 200, CHOOSING, SUSPECT),
    (tr.R_PARTIAL, 0, 0, CHOOSING, SUSPECT),
    (tr.R_NO_DATA, 0, 0, CHOOSING, SUSPECT),
    (tr.R_NOT_SHUT, 0, 0, CHOOSING, UNDECIDED),
    (tr.R_NO_VALVE, 0, 0, FILLING, SUSPECT),  # the outlet instead
]


@pytest.mark.req("REQ-LOC-004")
@pytest.mark.parametrize("state", [FILLING, SHUTTING, HOLDING])
@pytest.mark.parametrize(("result", "fell", "excess_ul_s", "leads", "known"), TRIAL_CELLS)
def test_localisation_cell_of_a_trial_leads_where_the_table_says(state, result, fell, excess_ul_s, leads, known):
    machine, x = walk_in(state)
    real = machine.trial
    real.begin(0, 0, 0, x, 1)
    real.result, real.fell, real.excess_ul_s = result, fell, excess_ul_s
    machine.findings.trials[0] = 1
    machine.trial = Answer(real, CHOOSING, tr.A_NONE)
    machine.findings._trial = machine.trial
    machine.step(x, 50)
    assert (machine.state, machine.segment_state[0]) == (leads, known)
    assert list(machine.segment_state[1:]) == [SUSPECT, SUSPECT]


@pytest.mark.req("REQ-LOC-006")
@pytest.mark.parametrize(
    ("answer", "p_comp_pa", "convicted", "known"),
    [
        (we.BUSY, 118000, False, SUSPECT),
        (we.CALM, 118000, True, CLEARED),
        (we.CALM, 102000, False, CLEARED),
        (we.GOES_ON, 95000, False, CONVICTED),
        (we.NOT_TOLD, 110000, False, UNDECIDED),
    ],
)
def test_localisation_cell_of_weighing_leads_where_the_table_says(answer, p_comp_pa, convicted, known):
    machine, x = walk_in(WEIGHING, (SUSPECT, CONVICTED if convicted else REOPENED, REOPENED), shut=0)
    x[tr.IN_P_COMP_PA] = p_comp_pa
    machine.weighing = Answer(machine.weighing, 0, answer)
    machine.step(x, 500)
    assert machine.state == (WEIGHING if answer == we.BUSY else CHOOSING)
    machine.step(x, 501)
    assert machine.segment_state[0] == known


@pytest.mark.req("REQ-LOC-004")
@pytest.mark.parametrize("state", [IDLE, ENDED, HALTED])
def test_localisation_at_rest_asks_for_nothing(state):
    machine, x = walk_in(state, (CLEARED, CLEARED, CLEARED))
    assert machine.step(x, 500) == tr.A_NONE
    assert (machine.state, machine.findings.outcome) == (state, fi.O_NONE)


@pytest.mark.req("REQ-LOC-004")
@pytest.mark.parametrize(
    ("segments", "shut", "leads", "action"),
    [
        ((SUSPECT, CLEARED, CONVICTED), 7, FILLING, tr.A_CRACK),
        ((CONVICTED, CLEARED, UNDECIDED), 7, REOPEN, tr.A_OPEN),
        ((CONVICTED, UNDECIDED, REOPENED), 3, ENDED, tr.A_NONE),
        ((SUSPECT, REOPENED, REOPENED), 0, WEIGHING, tr.A_NONE),
        ((SUSPECT, CLEARED, REOPENED), 2, REOPEN, tr.A_OPEN),
    ],
)
def test_localisation_chooses_what_the_table_says(segments, shut, leads, action):
    machine, x = walk_in(CHOOSING, segments, shut)
    x[tr.IN_LEFT] = sum(3 << 2 * i for i in range(3) if not shut >> i & 1)
    assert machine.step(x, 500) == action
    assert machine.state == leads
    if action in (tr.A_CRACK, tr.A_OPEN):
        assert segments[machine.segment] in (SUSPECT, CLEARED)
