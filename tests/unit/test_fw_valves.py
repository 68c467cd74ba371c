"""Valves: driven to their end switches, retried, given up, contradicted, moved by themselves.

Runs under CPython and, by tests/mp/run.py, under MicroPython.
"""

import pytest

from fakes.flight_rig import ALL_OPEN, BYPASS, BYPASS_CLOSED, ENABLE_BIT, Actuators, parameters
from tcs import tables
from tcs import valves as vb
from tcs.valves import Valves

LIMIT_TICKS = 45
PAUSE_TICKS = 2


class Bench:
    """Valves on actuators; .log keeps (tick, outcome) of everything that is confirmed or faulted."""

    def __init__(self, travel_ticks=30, **params):
        self.valves = Valves(parameters(**params))
        self.actuators = Actuators(travel_ticks)
        self.tick = 0
        self.driven = [0] * vb.COUNT
        self.confirmed = []
        self.faults = []
        self.run(5)

    def run(self, ticks=1, switches=-1):
        for _ in range(ticks):
            self.tick += 1
            word = self.actuators.switches() if switches < 0 else switches
            self.valves.step(word, self.tick)
            for valve in range(vb.COUNT):
                if (self.valves.confirmed >> valve) & 1:
                    self.confirmed.append((self.tick, valve))
                if (self.valves.faulted >> valve) & 1:
                    self.faults.append((self.tick, valve, self.valves.fault_kind(valve)))
                if (self.valves.drives >> (2 * valve)) & 3:
                    self.driven[valve] += 1
            self.actuators.move(self.valves.drives | ENABLE_BIT)
        return self


def test_valves_without_a_goal_are_never_driven() -> None:
    bench = Bench().run(200)
    assert bench.driven == [0] * vb.COUNT
    assert bench.faults == []
    assert bench.valves.connected() == 7


@pytest.mark.req("REQ-ISO-002", "REQ-SAF-012")
def test_valve_is_driven_until_its_end_switch_and_not_a_tick_longer() -> None:
    bench = Bench()
    bench.valves.command(0, vb.CLOSED, bench.tick)
    bench.run(100)
    assert bench.actuators.permille[0] == 0
    assert 29 <= bench.driven[0] <= 32
    assert bench.driven[1:] == [0] * 6
    assert [valve for _, valve in bench.confirmed] == [0]
    assert bench.valves.position[0] == vb.CLOSED
    assert bench.valves.drives == 0
    assert not bench.valves.is_moving()


@pytest.mark.req("REQ-ISO-002")
def test_segment_is_shut_when_both_of_its_valves_are_confirmed() -> None:
    bench = Bench()
    bench.valves.command(2, vb.CLOSED, bench.tick)
    bench.run(60)
    assert not bench.valves.is_segment_closed(1)
    assert bench.valves.connected() == 7
    bench.valves.command(3, vb.CLOSED, bench.tick)
    bench.run(60)
    assert bench.valves.is_segment_closed(1)
    assert bench.valves.connected() == 5


@pytest.mark.req("REQ-ISO-002", "REQ-ISO-004")
def test_valve_that_does_not_move_is_tried_as_often_as_told_and_then_given_up() -> None:
    bench = Bench(valve_retries=2)
    bench.actuators.stuck = 1
    start = bench.tick
    bench.valves.command(0, vb.CLOSED, start)
    bench.run(400)
    assert [row[1:] for row in bench.faults] == [(0, tables.ST_VALVE_FAULT_TIMEOUT)]
    took = bench.faults[0][0] - start
    assert took == 3 * LIMIT_TICKS + 2 * PAUSE_TICKS
    assert bench.valves.failed[0]
    assert bench.valves.has_segment_failed(0)
    assert bench.valves.drives == 0
    assert not bench.valves.is_moving()
    assert bench.confirmed == []


@pytest.mark.req("REQ-ISO-002")
@pytest.mark.parametrize(("travel_ticks", "tries"), [(44, 1), (60, 2), (85, 2)])
def test_slow_valve_arrives_within_its_limit_or_with_another_try(travel_ticks, tries) -> None:
    bench = Bench(travel_ticks=travel_ticks)
    bench.valves.command(0, vb.CLOSED, bench.tick)
    pauses = 0
    was_driven = False
    for _ in range(200):
        bench.run()
        if was_driven and not bench.valves.drives and bench.valves.is_moving():
            pauses += 1
        was_driven = bool(bench.valves.drives)
    assert bench.valves.position[0] == vb.CLOSED
    assert pauses == tries - 1
    assert bench.faults == []


def test_repeated_command_does_not_start_the_time_again() -> None:
    bench = Bench(valve_retries=0)
    bench.actuators.stuck = 1
    start = bench.tick
    for _ in range(LIMIT_TICKS + 5):
        bench.valves.command(0, vb.CLOSED, bench.tick)
        bench.run()
    assert [row[0] - start for row in bench.faults] == [LIMIT_TICKS]


@pytest.mark.req("REQ-ISO-002")
def test_valve_with_both_switches_made_is_a_contradiction_and_confirms_nothing() -> None:
    bench = Bench()
    both = ALL_OPEN | BYPASS_CLOSED | 0b11
    bench.run(1, switches=both)
    assert bench.faults == []  # one tick is a bounce
    bench.run(1, switches=both)
    assert [row[1:] for row in bench.faults] == [(0, tables.ST_VALVE_FAULT_CONTRADICTION)]
    assert bench.valves.position[0] == tables.ST_VALVE_POSITION_FAULT
    assert not bench.valves.is_segment_closed(0)
    bench.run(50, switches=both)
    assert len(bench.faults) == 1


@pytest.mark.req("REQ-ISO-002")
def test_valve_that_leaves_its_end_is_driven_back_and_reported() -> None:
    bench = Bench()
    bench.valves.command(0, vb.CLOSED, bench.tick)
    bench.run(60)
    bench.actuators.permille[0] = 200
    bench.run(60)
    assert [row[1:] for row in bench.faults] == [(0, tables.ST_VALVE_FAULT_MOVED)]
    assert bench.actuators.permille[0] == 0
    assert len(bench.confirmed) == 2


def test_dead_end_switch_never_confirms() -> None:
    bench = Bench(valve_retries=0)
    bench.actuators.dead_switch = 1
    bench.valves.command(0, vb.CLOSED, bench.tick)
    bench.run(100)
    assert bench.actuators.permille[0] == 0
    assert bench.confirmed == []
    assert [row[1:] for row in bench.faults] == [(0, tables.ST_VALVE_FAULT_TIMEOUT)]


def test_all_valves_move_at_once_and_each_for_itself() -> None:
    bench = Bench()
    bench.actuators.stuck = 1 << 4
    for valve in range(6):
        bench.valves.command(valve, vb.CLOSED, bench.tick)
    bench.valves.command(BYPASS, vb.OPEN, bench.tick)
    bench.run(60)
    assert sorted(valve for _, valve in bench.confirmed) == [0, 1, 2, 3, 5, 6]
    assert bench.valves.connected() == 4
    assert bench.valves.is_moving()


@pytest.mark.req("REQ-ISO-002")
def test_valves_a_mask_of_them_is_driven_as_each_of_them_would_be():
    one = Bench()
    several = Bench()
    for bench in (one, several):
        bench.valves.failed[3] = 1
        bench.valves.assumed[2] = 1
    for valve in (0, 3, 4):
        one.valves.command(valve, vb.CLOSED, one.tick)
    several.valves.command_all(0b11001, vb.CLOSED, several.tick)
    for name in ("goal", "failed", "assumed", "words", "_travel"):
        assert list(getattr(one.valves, name)) == list(getattr(several.valves, name)), name
    several.valves.command_all(1 << 2, vb.OPEN, several.tick)
    assert several.valves.assumed[2] == 0  # it is driven open: what was taken for shut is no more
    several.run(60)
    several.valves.command_all(0b11001, vb.CLOSED, several.tick)
    assert several.valves.rest_switches == several.actuators.switches()  # the goals in force: nothing is under way again
