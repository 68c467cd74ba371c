"""The release image in the emulated Pico, flown closed loop: what it sampled gives the same telemetry on the 32-bit interpreter."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path

import pytest

from isoloop import images
from isoloop.errors import TargetError
from isoloop.flight import fly
from isoloop.flight.records import build_nor
from isoloop.link import cobs
from isoloop.link.decoder import SERVICE_HOUSEKEEPING
from isoloop.link.packet import TelemetryPacket
from isoloop.plant import Plant
from isoloop.schema import Event, Scenario, load_scenario
from isoloop.targets import Nor, open_target
from isoloop.targets.nor import SECTOR_SIZE
from isoloop.targets.pico import PicoTarget, identity_of

PLATFORM = b"\x00\x02"
LEAK_S = 12.0

pytestmark = pytest.mark.skipif(
    images.find("unix32") is None and os.environ.get("CI") != "true", reason="image unix32 is not built: make images"
)


def short(duration_s: float, leak_s: float | None) -> Scenario:
    """ms22 with its hole so early that little has to be emulated."""
    scenario = load_scenario("ms22")
    events = () if leak_s is None else tuple(replace(event, at_s=leak_s) for event in scenario.events if event.kind == "leak")
    return replace(scenario, duration_s=duration_s, events=events)


def boot_memory(scenario: Scenario) -> Nor:
    plant = Plant(scenario.plant, scenario.seed, scenario.tick_ms, [])
    settings = {**plant.firmware_params(), **scenario.params, "tick_ms": scenario.tick_ms, "link_baud": scenario.link_baud}
    return build_nor(settings, plant.calibration())


def reports(link: bytes) -> list[tuple[int, int, int, int, bytes]]:
    """Every packet but the platform's; without sequence counts, which count those too."""
    packets = [TelemetryPacket.unpack(cobs.decode(block)) for block in link.split(b"\x00")[:-1] if block]
    return [
        (packet.service, packet.subtype, packet.coarse_s, packet.fine, packet.data)
        for packet in packets
        if packet.service != SERVICE_HOUSEKEEPING or packet.data[:2] != PLATFORM
    ]


@pytest.fixture(scope="module")
def pico() -> PicoTarget:
    try:
        path = images.refresh("pico")
        known = images.info("pico")
        if path is None or known is None:
            pytest.skip("image pico is not built: make images")
        return PicoTarget(known.path, identity_of(known), keep_samples=True)
    except TargetError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


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
    unix32 = open_target("unix32")
    try:
        unix32.start(boot_memory(scenario), 0)
        link = b"".join(unix32.tick(row.counts, 0xFFFF, row.switches, row.tick).downlink for row in pico.sampled)
    finally:
        unix32.close()
    flown = reports((tmp_path / "pico" / "link.bin").read_bytes())
    replayed = reports(link)
    # What the line still carried at the end was cut off with it.
    assert len(replayed) - len(flown) in (0, 1, 2)
    assert replayed[: len(flown)] == flown
    assert len(flown) > 90


@pytest.mark.timeout(900)
@pytest.mark.long
def test_brownout_of_the_pico_is_a_real_one_and_the_ground_keeps_the_time(pico: PicoTarget, tmp_path: Path) -> None:
    cut = Event(at_s=1.0, kind="power", fields={"mode": "brownout", "off_s": 1.0}, line=0)
    scenario = replace(short(4.0, None), events=(cut,))
    summary = fly(scenario, pico, tmp_path / "pico")
    assert summary["ticks"] == 40
    with (tmp_path / "pico" / "events.csv").open() as stream:
        boots = [row for row in csv.DictReader(stream) if row["name"] == "BOOT"]
    assert float(boots[0]["t_s"]) == 0.0
    # It was off from 1 s to 2 s and boots in a fraction of a second; a chip takes a brown-out for a power-on.
    assert 2.0 < float(boots[1]["t_s"]) < 3.5
    assert "power_on" in boots[1]["fields"] or "=0" in boots[1]["fields"]
    assert pico.sampled[0].tick == 0  # on its own clock


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
