"""What a flight on the emulated Pico has sampled, fed to the 32-bit interpreter: its telemetry must be the same to the bit."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from isoloop import images
from isoloop.flight.records import build_nor
from isoloop.link import cobs
from isoloop.link.crc import crc16_ccitt_false
from isoloop.link.decoder import SERVICE_HOUSEKEEPING
from isoloop.link.packet import TelemetryPacket
from isoloop.plant import Plant
from isoloop.schema import Scenario
from isoloop.targets import Nor, open_target
from isoloop.targets.pico import Sampled

PLATFORM = b"\x00\x02"
UPLINK = b"\x00\x03"
ANSWERS = (1, 13)
"""Services in which the ground is answered: verification, and captures that it fetches."""
ON_ITS_WAY = 2
"""Packets at most that the line still carries when the power is cut."""

needs_unix32 = pytest.mark.skipif(
    images.find("unix32") is None and os.environ.get("CI") != "true", reason="image unix32 is not built: make images"
)
Report = tuple[int, int, int, int, bytes]


def boot_memory(scenario: Scenario) -> Nor:
    """Flash as the flight begins with it."""
    plant = Plant(scenario.plant, scenario.seed, scenario.tick_ms, [])
    settings = {**plant.firmware_params(), **scenario.params, "tick_ms": scenario.tick_ms, "link_baud": scenario.link_baud}
    return build_nor(settings, plant.calibration())


def reports(link: bytes) -> list[Report]:
    """Every packet but the platform's, what answers the ground (a replay has none) and what a power cut has torn.

    Without sequence counts, which count those too.
    """
    found = []
    for block in link.split(b"\x00")[:-1]:
        try:
            data = cobs.decode(block)
        except ValueError:
            continue
        if len(data) > 2 and crc16_ccitt_false(data[:-2]) == int.from_bytes(data[-2:], "big"):
            packet = TelemetryPacket.unpack(data)
            is_other = packet.service == SERVICE_HOUSEKEEPING and packet.data[:2] in (PLATFORM, UPLINK)
            if packet.service not in ANSWERS and not is_other:
                found.append((packet.service, packet.subtype, packet.coarse_s, packet.fine, packet.data))
    return found


def replay(scenario: Scenario, powered: Sequence[Sequence[Sampled]]) -> tuple[list[list[Report]], Nor]:
    """Telemetry of `unix32` over the same samples, for each power-on; and its flash at the end."""
    nor = boot_memory(scenario)
    told = []
    target = open_target("unix32")
    try:
        for rows in powered:
            target.start(nor, 0)
            told.append(reports(b"".join(target.tick(row.counts, 0xFFFF, row.switches, row.tick).downlink for row in rows)))
            target.stop()
    finally:
        target.close()
    return told, nor


def assert_same(flown: Sequence[Report], replayed: Sequence[Sequence[Report]]) -> None:
    """What was flown is what was replayed, power-on after power-on, but for what the line lost with each."""
    at = 0
    for part in replayed:
        left = len(flown) - at
        same = 0
        while same < min(left, len(part)) and flown[at + same] == part[same]:
            same += 1
        assert len(part) - same <= ON_ITS_WAY, f"packet {same} of {len(part)}: {part[same]}, flown {flown[at + same : at + same + 1]}"
        at += same
    assert at == len(flown), f"{len(flown) - at} packets more than were replayed"
