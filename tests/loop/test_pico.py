"""The release image in the emulated Pico, flown closed loop: what it sampled gives the same telemetry on the 32-bit interpreter."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.pico_replay import assert_same, boot_memory, needs_unix32, replay, reports
from isoloop.errors import TargetError
from isoloop.flight import fly
from isoloop.plant import Plant
from isoloop.schema import Event, Scenario, load_scenario
from isoloop.targets.nor import SECTOR_SIZE
from isoloop.targets.pico import PicoTarget

LEAK_S = 12.0

pytestmark = needs_unix32


def short(duration_s: float, leak_s: float | None) -> Scenario:
    """ms22 with its hole so early that little has to be emulated."""
    scenario = load_scenario("ms22")
    events = () if leak_s is None else tuple(replace(event, at_s=leak_s) for event in scenario.events if event.kind == "leak")
    return replace(scenario, duration_s=duration_s, events=events)


@pytest.mark.timeout(900)
@pytest.mark.long
def test_counts_that_pico_sampled_give_the_same_telemetry_on_unix32(pico: PicoTarget, tmp_path: Path) -> None:
    scenario = short(22.0, LEAK_S)
    summary = fly(scenario, pico, tmp_path / "pico")
    assert summary["verdict"]["class"] == "coolant_leak"
    assert LEAK_S < summary["t_detect_s"] < LEAK_S + 8
    assert (summary["alloc_faults"], summary["ticks_late"], pico.resets) == (0, 0, 0)
    # A sector erase stops the processor for 45 ms: a tick may be left out then, and never twice the same.
    ticks = [row.tick for row in pico.sampled]
    assert ticks == sorted(set(ticks))
    assert len(ticks) >= 210
    flown = reports((tmp_path / "pico" / "link.bin").read_bytes())
    assert_same(flown, replay(scenario, pico.powered[-1:])[0])
    assert len(flown) > 90


@pytest.mark.timeout(900)
@pytest.mark.long
def test_brownout_of_the_pico_is_a_real_one_and_the_ground_keeps_the_time(pico: PicoTarget, tmp_path: Path) -> None:
    cut = Event(at_s=1.5, kind="power", fields={"mode": "brownout", "off_s": 1.0}, line=0)  # its channels have told that they are valid
    scenario = replace(short(4.0, None), events=(cut,))
    summary = fly(scenario, pico, tmp_path / "pico")
    assert summary["ticks"] == 40
    with (tmp_path / "pico" / "events.csv").open() as stream:
        boots = [row for row in csv.DictReader(stream) if row["name"] == "BOOT"]
    assert float(boots[0]["t_s"]) == 0.0
    # It was off from 1.5 s to 2.5 s and boots in a fraction of a second; a chip takes a brown-out for a power-on.
    assert 2.5 < float(boots[1]["t_s"]) < 3.5
    assert "power_on" in boots[1]["fields"] or "=0" in boots[1]["fields"]
    assert pico.sampled[0].tick == 0  # on its own clock
    # What flash held when the supply went is what the second boot found: both say the same on the 32-bit interpreter.
    told, _ = replay(scenario, pico.powered[-2:])
    assert_same(reports((tmp_path / "pico" / "link.bin").read_bytes()), told)
    assert all(len(part) > 5 for part in told)


@pytest.mark.timeout(900)
@pytest.mark.long
def test_pico_obeys_the_scenario_s_telecommands_and_its_captures_come_down(pico: PicoTarget, tmp_path: Path) -> None:
    freeze = Event(at_s=1.0, kind="command", fields={"name": "box_freeze", "args": ""}, line=0)
    fly(replace(short(7.0, None), events=(freeze,)), pico, tmp_path / "pico")
    told = (tmp_path / "pico" / "commands.csv").read_text()
    assert "box_freeze,completed," in told
    assert len((tmp_path / "pico" / "blackbox-1.csv").read_text().splitlines()) > 35


@pytest.mark.timeout(300)
def test_pico_boots_samples_the_plant_and_keeps_its_flash_over_a_power_cut(pico: PicoTarget) -> None:
    scenario = short(1.0, None)
    plant = Plant(scenario.plant, 1, scenario.tick_ms, [])
    nor = boot_memory(scenario)
    pico.start(nor, 0)
    assert pico.boot_s < 1.5
    assert pico.stall_ms == 0
    for tick in range(3):
        answer = pico.tick(plant.counts, 0xFFFF, plant.switches, tick)
        assert answer.drive_word == 0x4000
        assert list(pico.sampled[tick].counts) == plant.counts.tolist()
        assert pico.sampled[tick].switches == plant.switches
    before = bytes(nor.data)
    pico.stop()
    provisioned = 4 * SECTOR_SIZE
    assert bytes(nor.data[:provisioned]) == before[:provisioned]
    written = bytes(nor.data)
    with pytest.raises(TargetError, match="not running"):
        pico.tick(plant.counts, 0xFFFF, plant.switches, 3)
    pico.start(nor, 3)
    assert 50 < pico.stall_ms < 1500
    # Read back from the chip at power-off alone.
    assert bytes(nor.data) == written
    assert pico.tick(plant.counts, 0xFFFF, plant.switches, 4).drive_word == 0x4000
    pico.close()
