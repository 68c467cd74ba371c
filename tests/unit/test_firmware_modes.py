"""Modes and faults as data: the page, the times that the stages take from the table, monitors one by one, and the re-arm."""

import pytest

from fakes.flight_rig import Flight
from isoloop.fdir import modes_page
from tcs import cabin_watch, data_path, modes, pump_watch, safe_state, tables


@pytest.mark.req("REQ-MOD-001")
def test_modes_page_is_what_the_firmwares_table_says(capsys):
    assert modes_page.main(["--check"]) == 0, capsys.readouterr().err


@pytest.mark.req("REQ-MOD-001")
def test_modes_table_names_every_leak_class_and_real_parameters():
    monitors = {row[1] for row in modes.FAULTS}
    assert {getattr(tables, name) for name in dir(tables) if name.startswith("ST_LEAK_CLASS_")} - monitors == {tables.ST_LEAK_CLASS_NONE}
    for row in modes.FAULTS:
        assert all(-1 <= row[at] < tables.P_COUNT for at in (2, 4))
        assert modes.CLEAR_COMMAND <= row[6] <= modes.CLEAR_NEVER
        assert modes.ACT_REPORT <= row[7] <= modes.ACT_CORRECT


@pytest.mark.req("REQ-MOD-001")
def test_stages_take_their_times_from_the_table():
    assert pump_watch.PUMP_CONFIRM_MS is modes.PUMP_CONFIRM_MS
    assert cabin_watch.CABIN_BLOCK_MS is modes.CABIN_BLOCK_MS
    assert data_path.PATH_CLEAR_MS is modes.PATH_CLEAR_MS
    assert safe_state.RESETS is modes.RESETS
    for stage, name in ((pump_watch, "_CONFIRM_MS"), (data_path, "_RETURN_MS"), (safe_state, "_STEADY_MS")):
        assert not hasattr(stage, name)


@pytest.mark.req("REQ-MOD-002")
@pytest.mark.parametrize("leak_class", [row[1] for row in modes.FAULTS if row[1] >= 0])
def test_monitor_that_is_disabled_latches_nothing(leak_class):
    flight = Flight(monitors_mask=1023 & ~(1 << leak_class))
    assert flight.app.diagnosis.latch(leak_class) is False
    other = tables.ST_LEAK_CLASS_CABIN_LEAK if leak_class != tables.ST_LEAK_CLASS_CABIN_LEAK else tables.ST_LEAK_CLASS_PUMP_FAULT
    assert flight.app.diagnosis.latch(other) is True
    assert flight.app.diagnosis.alarms == 1 << other


@pytest.mark.req("REQ-MOD-002")
def test_rearm_clears_every_latch_and_drives_no_valve():
    flight = Flight()
    flight.fly(800)
    flight.fly(200, 40)
    flight.fly(300)
    app = flight.app
    assert app.diagnosis.alarms
    assert app.isolation.commanded
    before = list(flight.actuators.permille)
    modes.rearm(app)
    assert tables.EV_REARMED in flight.numbers()
    assert app.diagnosis.alarms == 0
    assert not app.isolation.commanded
    assert app.recovery.lost_before_ul == 0
    assert set(app.recovery.localisation.segment_state) <= {tables.ST_SEGMENT_STATE_IN_SERVICE, tables.ST_SEGMENT_STATE_SUSPECT}
    flight.fly(20)
    assert list(flight.actuators.permille) == before
