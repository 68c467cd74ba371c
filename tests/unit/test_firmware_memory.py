"""Memory: every word that decides a valve lives in an array, where flipped bits are put right (test_fw_memory.py)."""

from array import array

import pytest

from fakes.flight_rig import Actuators, Flight


def arrays(held, path="app", seen=None, found=None):
    """Every array, bytearray and view that can be reached, by its path."""
    seen = set() if seen is None else seen
    found = {} if found is None else found
    if isinstance(held, array | bytearray | memoryview):
        found[path] = held
    elif isinstance(held, list | tuple):
        for i, value in enumerate(held):
            arrays(value, f"{path}[{i}]", seen, found)
    elif hasattr(held, "__dict__") and type(held).__module__.startswith(("tcs", "fakes")) and id(held) not in seen:
        seen.add(id(held))
        for name, value in vars(held).items():
            arrays(value, f"{path}.{name}", seen, found)
    return found


def twin(flight, **params):
    """A fresh application with nothing of this one's but its arrays; the same plant."""
    other = Flight(**params)
    theirs = arrays(other.app)
    for path, held in arrays(flight.app).items():
        for i, value in enumerate(held):
            theirs[path][i] = value
    other.actuators = Actuators()
    other.actuators.permille = list(flight.actuators.permille)
    other.values = list(flight.values)
    other.noise._x = flight.noise._x
    other.board.tick = flight.board.tick
    return other


@pytest.mark.req("REQ-MEM-002")
@pytest.mark.parametrize("at", [780, 812, 850, 925, *(pytest.param(at, marks=pytest.mark.long) for at in (830, 905, 960, 1020, 1130))])
def test_nothing_that_decides_a_valve_lives_outside_the_arrays(at):
    flight = Flight()

    def fly(subject, first, last):
        told = []
        for tick in range(first, last):
            subject.fly(1, 40 if 800 <= tick < 1000 else 0)
            told.append(subject.app.drive_word)
        return told

    fly(flight, 0, at)
    other = twin(flight)
    words = fly(flight, at, 1400)
    again = fly(other, at, 1400)
    assert again == words
    assert any(word & 0x3FFF for word in words)
