"""The whole application on a board that is only data: what it does about a loss, and what it must not do.

Runs under CPython and, by tests/mp/run.py, under MicroPython; there every cycle runs with the heap locked.
"""

import pytest

from fakes.flight_rig import BYPASS, ENABLE_BIT, NOMINAL, P_CABIN, PUMP_BIT, T_GAS, V_REF, VALVE_BITS, Flight, Noise
from tcs import sensing_kernel as sk
from tcs import tables

LEARN_TICKS = 400
LEAK_PA = 40  # a tick: about 10 mL/s
BURST_PA = 4000
RADIATOR_OPEN = 0b01_01_01_01_01_01
RADIATOR_CLOSED = 0b10_10_10_10_10_10


class Watched(Flight):
    """Checks in every tick what holds whatever happens."""

    def check(self, word):
        valve_bits = word & VALVE_BITS
        assert bool(word & ENABLE_BIT) == bool(valve_bits), "outputs enabled without a valve to drive"
        assert not valve_bits & (valve_bits >> 1) & 0b01010101010101, "a valve driven both ways"
        if word & PUMP_BIT and not self.switches_show_bypass_open():
            assert self.has_open_pair(word), "pump on, bypass not confirmed, last pair shutting"

    def switches_show_bypass_open(self):
        return (self.board.switches >> (2 * BYPASS)) & 3 == 1

    def has_open_pair(self, word):
        for segment in range(3):
            both = 0b1111 << (4 * segment)
            if not word & both & RADIATOR_CLOSED and min(self.actuators.permille[2 * segment : 2 * segment + 2]) > 0:
                return True
        return False


def settled(**params):
    flight = Watched(**params)
    flight.fly(LEARN_TICKS)
    assert flight.numbers() == [tables.EV_INVENTORY_KNOWN]
    assert flight.app.drive_word == PUMP_BIT
    return flight


def names(flight):
    """Events as a set."""
    return set(flight.numbers())


def fly_until_shut(flight, fall_pa, limit_ticks=400):
    """Flies on until the radiators are shut and their switches seen; localisation waits for ten seconds more before it opens anything."""
    ticks = 0
    while not flight.actuators.are_radiators_shut():
        flight.fly(1, fall_pa)
        ticks += 1
        assert ticks < limit_ticks, "not shut"
    flight.fly(5)


def is_untouched(flight):
    """No isolation, pump on, valves as they were."""
    return (
        tables.EV_ISOLATION_COMMANDED not in names(flight)
        and flight.actuators.permille == [1000] * 6 + [0]
        and flight.app.drive_word == PUMP_BIT
    )


def test_app_quiet_loop_raises_nothing_and_drives_nothing_but_the_pump() -> None:
    flight = settled()
    flight.fly(1500)
    assert flight.numbers() == [tables.EV_INVENTORY_KNOWN]
    assert is_untouched(flight)
    assert flight.app.alloc_faults == 0
    assert flight.app.late_ticks == 0


@pytest.mark.req("REQ-SAF-001", "REQ-SAF-007", "REQ-SAF-012", "REQ-ISO-002", "REQ-APP-001")
def test_app_loss_on_all_pressures_is_isolated_with_the_bypass_open_before_the_last_pair() -> None:
    flight = settled()
    fly_until_shut(flight, LEAK_PA)
    numbers = flight.numbers()
    expected = [tables.EV_LEAK_ALARM, tables.EV_ISOLATION_COMMANDED, tables.EV_VALVE_CONFIRMED, tables.EV_ISOLATION_COMPLETE]
    places = [numbers.index(number) for number in expected]
    assert places == sorted(places)
    assert flight.actuators.are_radiators_shut()
    assert flight.actuators.permille[BYPASS] == 1000
    assert flight.app.drive_word == PUMP_BIT
    confirmed = [row[2] for row in flight.events() if row[1] == tables.EV_VALVE_CONFIRMED]
    assert sorted(confirmed) == [0, 1, 2, 3, 4, 5, 6]
    assert flight.app.alloc_faults == 0


@pytest.mark.req("REQ-SAF-008")
def test_app_burst_switches_the_pump_off_in_the_tick_of_the_command() -> None:
    flight = settled()
    ticks = 0
    while flight.app.drive_word & PUMP_BIT:
        flight.fly(1, BURST_PA)
        ticks += 1
        assert ticks <= 10
    rows = flight.events()
    commanded = [row for row in rows if row[1] == tables.EV_ISOLATION_COMMANDED]
    assert [row[3] for row in commanded] == [tables.ST_ISOLATION_REASON_BURST]
    assert commanded[0][0] == flight.board.tick
    assert [row[3] for row in rows if row[1] == tables.EV_PUMP_COMMANDED] == [tables.ST_PUMP_REASON_BURST]
    fly_until_shut(flight, 0)
    assert flight.app.drive_word == 0
    assert flight.app.alloc_faults == 0


@pytest.mark.req("REQ-SAF-007")
def test_app_bypass_that_does_not_open_stops_the_pump_before_the_last_pair_shuts() -> None:
    flight = settled()
    flight.actuators.stuck = 1 << BYPASS
    fly_until_shut(flight, 10)
    rows = flight.events()
    assert [row[3] for row in rows if row[1] == tables.EV_PUMP_COMMANDED] == [tables.ST_PUMP_REASON_LAST_PAIR]
    assert (BYPASS, tables.ST_VALVE_FAULT_TIMEOUT) in [(row[2], row[3]) for row in rows if row[1] == tables.EV_VALVE_FAULT]
    assert flight.app.drive_word == 0
    assert flight.app.alloc_faults == 0


@pytest.mark.req("REQ-SAF-005")
def test_app_alarm_and_isolation_latch_when_the_pressure_comes_back() -> None:
    flight = settled()
    fly_until_shut(flight, LEAK_PA)
    flight.fly(80, -LEAK_PA)  # warming
    assert flight.actuators.are_radiators_shut()
    assert flight.app.detector.verdict == tables.ST_VERDICT_LEAK
    assert flight.app.isolation.state == tables.ST_ISOLATION_ISOLATED
    flight.fly(1500)
    assert flight.app.diagnosis.leak_class == tables.ST_LEAK_CLASS_COOLANT_LEAK
    assert tables.EV_LEAK_CLEARED not in names(flight)


@pytest.mark.req("REQ-SAF-013")
def test_app_passive_mode_reports_what_it_would_do_once_and_moves_nothing() -> None:
    flight = settled(mode=tables.ST_MODE_PASSIVE)
    flight.fly(300, LEAK_PA)
    commanded = [row for row in flight.events() if row[1] == tables.EV_ISOLATION_COMMANDED]
    assert [row[4] for row in commanded] == [1]
    assert flight.actuators.permille == [1000] * 6 + [0]
    assert flight.app.drive_word == PUMP_BIT
    assert flight.app.detector.verdict == tables.ST_VERDICT_LEAK


@pytest.mark.req("REQ-SAF-013")
def test_app_inhibited_mode_alarms_and_would_do_nothing() -> None:
    flight = settled(mode=tables.ST_MODE_INHIBITED)
    flight.fly(300, LEAK_PA)
    assert tables.EV_LEAK_ALARM in names(flight)
    assert is_untouched(flight)


def lose(flight, sensors):
    """Open wires of compensator sensors, given as channels."""
    original = flight.show

    def show():
        original()
        for channel in sensors:
            flight.board.counts[channel] = 0

    flight.show = show


@pytest.mark.req("REQ-SAF-003")
def test_app_one_healthy_sensor_alarms_alone_and_does_not_isolate() -> None:
    flight = settled()
    lose(flight, (0, 2))
    flight.fly(100)
    for _ in range(300):
        flight.values[1] -= LEAK_PA
        flight.fly(1)
    assert tables.EV_LEAK_ALARM in names(flight)
    assert is_untouched(flight)


@pytest.mark.req("REQ-SAF-003")
def test_app_one_healthy_sensor_isolates_when_pump_and_radiators_show_the_same_loss() -> None:
    flight = settled()
    lose(flight, (0, 2))
    flight.fly(100)
    fly_until_shut(flight, LEAK_PA)
    assert tables.EV_LEAK_ALARM in names(flight)


@pytest.mark.req("REQ-SAF-003")
def test_app_alarm_of_one_sensor_does_not_isolate_when_a_second_one_comes_back_and_contradicts_it() -> None:
    flight = settled()
    lost = [0, 2, 3, 4, 5, 6]  # no reference either
    lose(flight, lost)
    flight.fly(100)
    for _ in range(200):
        flight.values[1] -= LEAK_PA
        flight.fly(1)
    assert tables.EV_LEAK_ALARM in names(flight)
    lost.remove(0)
    flight.fly(600)
    assert is_untouched(flight)


@pytest.mark.req("REQ-SAF-004")
def test_app_no_healthy_sensor_isolates_nothing_whatever_the_others_show() -> None:
    flight = settled()
    lose(flight, (0, 1, 2))
    flight.fly(50)
    flight.fly(400, LEAK_PA)
    assert tables.EV_LEAK_ALARM not in names(flight)
    assert flight.app.detector.verdict == tables.ST_VERDICT_STALE
    assert is_untouched(flight)


@pytest.mark.req("REQ-SAF-002", "REQ-DET-001")
@pytest.mark.parametrize("channel", list(range(P_CABIN)) + list(range(T_GAS, V_REF)))
def test_app_no_single_channel_isolates_or_alarms_alone(channel) -> None:
    for rate in (-60, -6, 60):
        flight = settled()
        for _ in range(400):
            flight.values[channel] += rate
            flight.fly(1)
        assert tables.EV_LEAK_ALARM not in names(flight), (channel, rate)
        assert is_untouched(flight), (channel, rate)


@pytest.mark.req("REQ-SAF-002")
@pytest.mark.parametrize("offset", [-32760, 32760, -3000, -300])
def test_app_supply_reference_that_jumps_isolates_nothing(offset) -> None:
    flight = settled()
    original = flight.show

    def show():
        original()
        flight.board.counts[V_REF] = min(65535, max(0, flight.board.counts[V_REF] + offset))

    flight.show = show
    flight.fly(600)
    assert is_untouched(flight)
    assert tables.EV_LEAK_ALARM not in names(flight)


@pytest.mark.req("REQ-SAF-002")
@pytest.mark.parametrize("counts_in_ten_ticks", [-100, -30, -10, -5, -2, 10, 30])
def test_app_supply_reference_that_drifts_isolates_nothing(counts_in_ten_ticks) -> None:
    flight = settled()
    original = flight.show
    drift = [0]

    def show():
        original()
        flight.board.counts[V_REF] += drift[0] // 10

    flight.show = show
    for _ in range(500):
        drift[0] += counts_in_ten_ticks
        flight.fly(1)
    assert is_untouched(flight)
    assert tables.EV_LEAK_ALARM not in names(flight)


@pytest.mark.req("REQ-SAF-002")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_app_channels_lost_and_regained_in_turn_isolate_nothing_and_raise_no_alarm(seed) -> None:
    flight = Watched()
    flight.noise = Noise(seed)
    flight.fly(LEARN_TICKS)
    for channel in range(16):
        lost = [channel]
        live = flight.show
        lose(flight, lost)
        flight.fly(150)
        flight.show = live
        flight.fly(80)
        assert tables.EV_LEAK_ALARM not in names(flight), channel
        assert is_untouched(flight), channel


@pytest.mark.req("REQ-SAF-009")
@pytest.mark.parametrize("bit", list(range(4, 15)))
def test_app_bit_flipped_in_every_channel_isolates_nothing_and_raises_no_alarm(bit) -> None:
    flight = settled()
    original = flight.show
    flip = [0]

    def show():
        original()
        for channel in range(16):
            flight.board.counts[channel] ^= flip[0]

    flight.show = show
    flip[0] = 1 << bit
    flight.fly(600)
    flip[0] = 0
    flight.fly(600)
    assert tables.EV_LEAK_ALARM not in names(flight)
    assert is_untouched(flight)


@pytest.mark.req("REQ-SAF-009", "REQ-DET-007")
def test_app_frozen_data_path_is_an_error_and_never_an_alarm() -> None:
    flight = settled()
    shown = list(flight.board.counts)
    flight.fly(30, LEAK_PA // 8)

    def show():
        for channel in range(16):
            flight.board.counts[channel] = shown[channel]

    live = flight.show
    flight.show = show
    flight.fly(10)
    assert flight.app.detector.verdict == tables.ST_VERDICT_ERROR
    assert [row[2] for row in flight.events() if row[1] == tables.EV_DATA_PATH_FAULT] == [tables.ST_DATA_PATH_FROZEN]
    flight.fly(600)
    assert tables.EV_LEAK_ALARM not in names(flight)
    assert is_untouched(flight)
    flight.show = live
    flight.values = list(NOMINAL)
    flight.fly(90)
    assert flight.app.detector.verdict == tables.ST_VERDICT_ERROR  # the dwell: its channels come back one after another
    flight.fly(20)
    assert flight.app.detector.verdict == tables.ST_VERDICT_OK


@pytest.mark.req("REQ-DET-007")
def test_app_data_that_went_stale_make_the_verdict_stale() -> None:
    flight = settled()
    flight.board.fresh = 0
    flight.fly(10)
    assert flight.app.detector.verdict != tables.ST_VERDICT_STALE
    flight.fly(2)
    assert flight.app.detector.verdict == tables.ST_VERDICT_STALE
    assert tables.EV_INVENTORY_UNKNOWN in names(flight)


@pytest.mark.req("REQ-SAF-006", "REQ-INV-004")
def test_app_loss_goes_on_being_counted_after_the_compensator_has_bottomed_out() -> None:
    flight = settled(mode=tables.ST_MODE_PASSIVE)
    flight.fly(1600, LEAK_PA)  # 118 kPa less 64 kPa: 46 kPa is the end of the compensator's travel
    flight.fly(400, 50)
    assert flight.app.inventory.status != 0
    before = flight.app.leak_rate.lost_ul
    flight.fly(600)
    assert flight.app.detector.verdict == tables.ST_VERDICT_LEAK
    rate = flight.app.leak_rate.rate_ul_s
    gained = flight.app.leak_rate.lost_ul - before
    assert 60 * rate // 3 < gained < 60 * rate, (gained, rate)  # a lower pressure drives less


@pytest.mark.req("REQ-APP-002")
def test_app_late_ticks_are_counted_and_reported_and_none_where_there_is_none() -> None:
    flight = Flight()
    flight.board.tick = 1000
    flight.fly(50)
    assert flight.app.late_ticks == 0
    flight.board.tick += 3
    flight.fly(1)
    assert flight.app.late_ticks == 3
    flight.fly(10)
    assert flight.app.late_ticks == 3
    assert [row[2] for row in flight.events() if row[1] == tables.EV_OVERRUN] == [3]
    flight.board.tick += 0x20000
    flight.fly(1)
    assert flight.app.late_ticks == 0xFFFF


@pytest.mark.req("REQ-SAF-011")
def test_app_run_feeds_the_watchdog_in_every_whole_cycle_and_reports_the_boot() -> None:
    flight = Flight()
    flight.show()
    flight.board.ticks_left = 50
    try:
        flight.app.run()
        ended = False
    except SystemExit:
        ended = True
    assert ended
    assert flight.board.fed == [True] * 50
    assert flight.board.words == [PUMP_BIT] * 50
    assert flight.numbers()[:2] == [tables.EV_BOOT, tables.EV_PARAMETERS_LOADED]


@pytest.mark.req("REQ-ISO-004", "REQ-ISO-002")
@pytest.mark.parametrize("valve", [0, 1, 2, 3, 4, 5])
def test_app_valve_stuck_open_is_reported_and_the_alarm_stays(valve) -> None:
    flight = settled()
    flight.actuators.stuck = 1 << valve
    while tables.EV_ISOLATION_INCOMPLETE not in names(flight):
        flight.fly(20, 20)
        assert flight.board.tick < LEARN_TICKS + 600
    rows = flight.events()
    assert (valve, tables.ST_VALVE_FAULT_TIMEOUT) in [(row[2], row[3]) for row in rows if row[1] == tables.EV_VALVE_FAULT]
    incomplete = [row[2] for row in rows if row[1] == tables.EV_ISOLATION_INCOMPLETE]
    assert incomplete == [1 << (valve // 2)]
    assert flight.app.diagnosis.leak_class == tables.ST_LEAK_CLASS_COOLANT_LEAK
    assert flight.app.diagnosis.alarms & (1 << tables.ST_LEAK_CLASS_VALVE_FAULT)
    assert flight.app.alloc_faults == 0


def test_app_sensor_fault_is_reported_once_and_diagnosed() -> None:
    flight = settled()
    lose(flight, (T_GAS + 2,))
    flight.fly(200)
    rows = [row for row in flight.events() if row[1] == tables.EV_CHANNEL_STATUS]
    assert [row[2:4] for row in rows] == [(T_GAS + 2, sk.OPEN)]
    assert flight.app.diagnosis.leak_class == tables.ST_LEAK_CLASS_SENSOR_FAULT
    assert is_untouched(flight)


@pytest.mark.req("REQ-FDI-006")
@pytest.mark.parametrize("first", [0, 1, 8, 9, 10, 60])
def test_crew_is_told_of_whole_seconds_alone_wherever_in_one_a_boot_begins(first) -> None:
    flight = Flight()
    flight.board.tick = first - 1
    telemetry = flight.app.telemetry
    told = [0, 0, 0, 0]  # reports; those that said 0 of what is never 0. No list grows under the heap's lock

    def report_crew(_tick):
        crew = telemetry.crew
        told[0] += 1
        if crew[tables.CREW_CREW_COUNT] == 0:
            told[1] += 1
        if crew[tables.CREW_LFL_10_S] == 0:
            told[2] += 1
        if crew[tables.CREW_LOOP_STOP_S] == 0:
            told[3] += 1
        return True

    telemetry.report_crew = report_crew
    telemetry.once[3] = 1  # asked for as soon as there is one
    for _ in range(70):
        flight.show()
        assert flight.cycle()
    assert told[0] >= 1
    assert told[1:] == [0, 0, 0]  # the others are unknown or far off: nothing has leaked


@pytest.mark.req("REQ-FDI-006")
def test_venting_of_a_second_that_was_never_added_up_is_forgotten() -> None:
    flight = Flight()
    venting = flight.app.crew.venting
    thrusts = []
    for rounds in (1, 2):
        for _ in range(rounds):
            venting.begin()
            venting.step_segment(0, True, True, 800, 20000)
        venting.accumulate()
        thrusts.append((venting.is_venting, venting.low_un, venting.high_un))
    assert thrusts[0] == thrusts[1]
    assert thrusts[0][0]
    assert thrusts[0][2] >= thrusts[0][1] > 0
    venting.begin()
    venting.accumulate()
    assert (venting.is_venting, venting.low_un, venting.high_un) == (False, 0, 0)
