"""Not collected by itself: a second round leaves convicted and undecided segments alone. test_mutants.py runs it."""

from test_fw_localisation import CONVICTED, UNDECIDED, Loop


def test_second_round_leaves_convicted_and_undecided_alone() -> None:
    loop = Loop((0, 5800, 0), dead_valves=3 << 4)
    states = loop.run()
    assert (states[1], states[2]) == (CONVICTED, UNDECIDED)
    loop.machine.begin(5000, loop.tick)
    assert list(loop.machine.segment_state[1:]) == [CONVICTED, UNDECIDED]
