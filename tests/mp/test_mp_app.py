"""What only MicroPython can show: a stage that allocates is caught, and hours of garbage neither raise nor allocate nor move a valve."""

import pytest

from fakes.flight_rig import ALL, CHANNELS, PUMP_BIT, UNKNOWN, Flight, Noise
from tcs import sensing_kernel as sk
from tcs import tables

HOUR_TICKS = 36000
STAGES = [
    ("sensing", "update"),
    ("data_path", "step"),
    ("inventory", "update"),
    ("detector", "update"),
    ("isolation", "step"),
    ("valves", "step"),
    ("diagnosis", "judge"),
    ("telemetry", "is_due"),
]


def allocating(*arguments):
    """A stage that makes a list."""
    return list(arguments)


@pytest.mark.req("REQ-APP-001", "REQ-SAF-011")
@pytest.mark.parametrize(("stage", "method"), STAGES)
def test_app_allocation_in_a_stage_is_counted_and_the_cycle_discarded(stage, method):
    flight = Flight()
    flight.fly(50)
    owner = getattr(flight.app, stage)
    original = getattr(owner, method)
    setattr(owner, method, allocating)
    flight.show()
    flight.app.wake()  # a stage that rests is not called
    flight.app.telemetry.wake_tick = 0
    assert flight.cycle() is False  # the watchdog is not fed
    assert flight.cycle() is False
    assert flight.app.alloc_faults == 2
    assert flight.app.drive_word == PUMP_BIT
    setattr(owner, method, original)
    assert flight.cycle() is True
    assert flight.app.alloc_faults == 2
    assert flight.numbers().count(tables.EV_ALLOCATION) == 2


def test_app_drives_stay_as_they_were_in_a_cycle_that_is_discarded():
    flight = Flight()
    flight.fly(300)
    while not flight.app.drive_word & ~PUMP_BIT:
        flight.fly(1, 40)
    word = flight.app.drive_word
    original = flight.app.sensing.update
    flight.app.sensing.update = allocating
    for _ in range(20):
        assert flight.cycle() is False
        assert flight.app.drive_word == word
    flight.app.sensing.update = original
    assert flight.cycle() is True


@pytest.mark.req("REQ-SAF-011")
def test_app_run_does_not_feed_the_watchdog_in_a_cycle_that_is_discarded():
    flight = Flight()
    flight.show()
    flight.board.ticks_left = 10
    flight.app.detector.update = allocating
    try:
        flight.app.run()
    except SystemExit:
        pass
    assert flight.board.fed == [False] * 10
    assert flight.app.alloc_faults == 10


def expected_range_status(raw):
    if raw < sk.LOW_COUNTS:
        return sk.OPEN
    return sk.SHORT if raw > sk.HIGH_COUNTS else -1


def fly_garbage(flight, fill, ticks):
    """Returns nothing; fails at the first tick that raises, allocates, drives a valve, or gives a channel a status that is not its own."""
    app = flight.app
    board = flight.board
    sensing = app.sensing
    for _ in range(ticks):
        fill(board)
        assert flight.cycle(), board.tick
        assert app.drive_word == PUMP_BIT, board.tick
        for channel in range(CHANNELS):
            status = sensing.status(channel)
            # One that the vote leaves out is ok for itself: it keeps its value and is not used.
            assert (sensing.value(channel) == UNKNOWN) == (status not in (sk.OK, sk.DISAGREES)), (board.tick, channel, status)
            if (board.fresh >> channel) & 1:
                wanted = expected_range_status(board.counts[channel])
                if wanted >= 0:
                    assert status == wanted, (board.tick, channel, status)
                else:
                    assert status not in (sk.OPEN, sk.SHORT) or board.tick < 400 or sensing.value(channel) == UNKNOWN
    numbers = flight.numbers()
    assert tables.EV_ISOLATION_COMMANDED not in numbers
    assert app.alloc_faults == 0


def constant(value):
    def fill(board):
        for channel in range(CHANNELS):
            board.counts[channel] = value

    return fill


def random(seed, with_gaps=False):
    noise = Noise(seed)

    def fill(board):
        for channel in range(CHANNELS):
            board.counts[channel] = noise.below(65536)
        board.fresh = noise.below(65536) if with_gaps else ALL

    return fill


@pytest.mark.req("REQ-SAF-010")
@pytest.mark.parametrize(("value", "settle_ticks"), [(0, 0), (0, 300), (65535, 0), (65535, 300), (32760, 0), (32760, 300)])
def test_app_hour_of_one_count_in_every_channel_isolates_nothing(value, settle_ticks):
    flight = Flight()
    flight.fly(settle_ticks)
    fly_garbage(flight, constant(value), HOUR_TICKS)
    statuses = {flight.app.sensing.status(channel) for channel in range(CHANNELS)}
    assert statuses == {{0: sk.OPEN, 65535: sk.SHORT, 32760: sk.STUCK}[value]}
    assert flight.app.sensing.p_comp_pa == UNKNOWN
    assert flight.app.detector.verdict != tables.ST_VERDICT_OK


@pytest.mark.req("REQ-SAF-010")
@pytest.mark.parametrize(("seed", "with_gaps"), [(1, False), (2, True)])
def test_app_hour_of_random_counts_isolates_nothing(seed, with_gaps):
    flight = Flight()
    flight.fly(300)
    fly_garbage(flight, random(seed, with_gaps), HOUR_TICKS // 2)


def test_app_random_switch_words_and_counts_raise_nothing():
    flight = Flight()
    flight.fly(300)
    noise = Noise(9)
    for _ in range(3000):
        flight.board.switches = noise.below(16384)
        for channel in range(CHANNELS):
            flight.board.counts[channel] = noise.below(65536)
        assert flight.cycle()
    assert tables.EV_ISOLATION_COMMANDED not in flight.numbers()
