"""Memory: every bit of the critical words that flips is put right, or the ground is told.

Runs under CPython and, by tests/mp/run.py, under MicroPython.
"""

from array import array

import pytest

from fakes.flight_rig import Flight
from tcs import memory_kernel as mk
from tcs import tables


def signed(value):
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def kept_flight():
    """A settled flight whose memory has just been kept, and that memory."""
    flight = Flight()
    flight.fly(80)
    flight.app.memory.keep()
    return flight, flight.app.memory


@pytest.mark.req("REQ-MEM-001")
@pytest.mark.parametrize(("copy", "bit"), [(copy, bit) for copy in ("_live", "_second", "_third") for bit in (0, 15, 31)])
def test_memory_outvotes_a_flipped_bit_of_any_critical_word(copy, bit):
    flight, memory = kept_flight()
    flight.app.isolation.commanded = 1  # something is under way: all of it is critical
    memory.keep()
    want = list(memory._live)
    for at in range(len(want)):
        getattr(memory, copy)[at] = signed(getattr(memory, copy)[at] ^ 1 << bit)
        memory.settle()
        assert list(memory._live) == want == list(memory._second) == list(memory._third), at
    assert memory.corrected == len(want)


@pytest.mark.req("REQ-MEM-001")
@pytest.mark.parametrize(
    "name", ["_block", "_spare", "_third_block", "_constant", "_constant_spare", "_params", "_params_second", "_checks"]
)
def test_memory_puts_a_flipped_bit_of_a_long_block_right(name):
    _flight, memory = kept_flight()
    want = [list(memory._block), list(memory._constant), list(memory._params)]
    held = getattr(memory, name)
    for at in range(len(held)):
        held[at] = signed(held[at] ^ 1 << (at % 32))
        for _ in range(4):
            memory.settle()
        assert [list(memory._block), list(memory._constant), list(memory._params)] == want, at
        memory.keep()
    assert memory.faults == 0


@pytest.mark.req("REQ-MEM-001")
def test_memory_block_that_is_wrong_in_two_copies_at_two_places_is_put_right():
    _flight, memory = kept_flight()
    want = list(memory._block)
    memory._block[3] ^= 4
    memory._spare[5] ^= 4
    memory._third_block[7] ^= 4
    memory.settle()
    assert list(memory._block) == want == list(memory._spare)
    assert memory.corrected == 3
    assert memory.faults == 0


@pytest.mark.req("REQ-MEM-001")
def test_memory_constants_that_are_wrong_twice_stand_and_the_ground_is_told():
    flight, memory = kept_flight()
    memory._constant[3] ^= 4
    memory._constant_spare[5] ^= 8
    memory.settle()
    assert memory.faults == 1
    assert tables.EV_MEMORY_FAULT in flight.numbers()
    assert list(memory._constant) == list(memory._constant_spare)
    memory.settle()
    assert memory.faults == 1


def test_memory_check_word_sees_every_single_bit():
    words = array("i", [0, -1, 123456, -7])
    want = mk.check(words, 4)
    assert 0 <= want < 1 << 30
    for at in range(4):
        for bit in range(32):
            words[at] = signed(words[at] ^ 1 << bit)
            assert mk.check(words, 4) != want
            words[at] = signed(words[at] ^ 1 << bit)


def test_memory_kept_over_a_command_of_the_ground_is_not_outvoted():
    flight, memory = kept_flight()
    flight.app.valves.command(0, 1, 100)
    memory.keep()
    memory.settle()
    assert flight.app.valves.goal[0] == 1
    assert memory.corrected == 0
