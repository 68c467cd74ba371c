"""Not collected by itself: refusals, odd sensors, a boot with everything shut. test_mutants.py runs it."""

from fakes.flight_rig import P_RAD1, PUMP_BIT, Flight
from tcs import tables
from tcs import trial as tr


def test_convicted_segment_is_not_opened_by_command() -> None:
    flight = Flight()
    flight.fly(50)
    recovery = flight.app.recovery
    recovery.localisation.segment_state[1] = tables.ST_SEGMENT_STATE_CONVICTED
    assert [recovery.may_open(valve) for valve in range(7)] == [True, True, False, False, True, True, True]
    assert flight.numbers().count(tables.EV_OPEN_REFUSED) == 2


def test_sensor_that_is_odd_in_service_is_not_believed_when_shut() -> None:
    flight = Flight()
    flight.values[P_RAD1] += 100000
    flight.fly(300)
    app = flight.app
    assert app.recovery.localisation.odd_pressures == 1
    app.recovery._gather(app.sensing, app.inventory, False)
    assert app.recovery.inputs[tr.IN_P_RAD_PA] == -0x40000000
    assert app.recovery.inputs[tr.IN_P_RAD_PA + 1] > 0


def test_boot_with_everything_shut_and_no_record_is_isolated() -> None:
    flight = Flight()
    flight.actuators.permille = [0] * 7
    flight.fly(30)
    assert flight.app.isolation.state == tables.ST_ISOLATION_ISOLATED
    assert not flight.app.drive_word & PUMP_BIT
