"""One file for every target: `pytest`, `pytest --isoloop-target pico`, `pytest --isoloop-target rig:bench.toml`."""

import pytest


def test_loop_at_rest_raises_no_alarm(clock, link):
    clock.run(10)
    assert link.last()
    assert link.events("LEAK_ALARM") == []


@pytest.mark.isoloop(seed=3)
def test_hole_in_a_segment_is_called_and_isolated(plant, clock, link):
    plant.leak("rad2", at_s=12, hole_mm=0.8)
    clock.run(12)
    assert link.events("LEAK_ALARM") == []
    alarm_s = clock.run_until(lambda: link.events("LEAK_ALARM"), within_s=8)
    clock.run_until(lambda: link.events("ISOLATION_COMMANDED"), within_s=3)
    assert alarm_s > 12


def test_firmware_comes_back_after_a_power_cut(clock, link, power):
    clock.run(2)
    power.cut(off_s=1.0)
    clock.run(5)
    assert len(link.events("BOOT")) == 2


def test_firmware_answers_a_ping(clock, link):
    clock.run(1)
    assert link.command("ping") == "completed"


def test_rig_finds_nothing_wrong_with_itself(rig):
    assert [check for check in rig.self_test() if not check.is_good] == []
