"""The same scenario and seed give the same bytes; what the machine adds stands in the platform reports alone; memory stays flat."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from isoloop import images
from isoloop.flight import fly
from isoloop.link import cobs
from isoloop.link.decoder import SERVICE_HOUSEKEEPING
from isoloop.link.packet import TelemetryPacket
from isoloop.schema import Scenario, load_scenario
from isoloop.targets.unix import UnixTarget

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PLATFORM = b"\x00\x02"


def short(name: str = "ms22") -> Scenario:
    return replace(load_scenario(name), duration_s=150.0)


def packets_less_platform(folder: Path) -> list[tuple[int, int, int, int, bytes]]:
    """Every report but the platform's; sequence counts left out, because they count those too."""
    kept = []
    blocks = (folder / "link.bin").read_bytes().split(b"\x00")
    for block in blocks[:-1]:
        if block:
            packet = TelemetryPacket.unpack(cobs.decode(block))
            if packet.service != SERVICE_HOUSEKEEPING or packet.data[:2] != PLATFORM:
                kept.append((packet.service, packet.subtype, packet.coarse_s, packet.fine, packet.data))
    return kept


@pytest.mark.req("REQ-TGT-002")
def test_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        fly(short(), "unix", tmp_path / name, seed)
    for file in ("link.bin", "telemetry.csv", "events.csv", "truth.csv"):
        first = (tmp_path / "first" / file).read_bytes()
        assert len(first) > 300, file
        assert (tmp_path / "again" / file).read_bytes() == first, file
    assert (tmp_path / "other" / "link.bin").read_bytes() != (tmp_path / "first" / "link.bin").read_bytes()


@pytest.mark.req("REQ-TGT-002", "REQ-TLM-003")
@pytest.mark.skipif(images.find("unix32") is None, reason="image unix32 is not built: python -m isoloop.images build unix32")
@pytest.mark.parametrize("name", ["ms22", "ms21", "sensor-open"])
def test_32_bit_interpreter_says_the_same_and_allocates_nothing(name: str, tmp_path: Path) -> None:
    summaries = {target: fly(short(name), target, tmp_path / target) for target in ("unix", "unix32")}
    assert packets_less_platform(tmp_path / "unix32") == packets_less_platform(tmp_path / "unix")
    assert (tmp_path / "unix32" / "telemetry.csv").read_bytes() == (tmp_path / "unix" / "telemetry.csv").read_bytes()
    assert [summary["alloc_faults"] for summary in summaries.values()] == [0, 0]


@pytest.mark.long
@pytest.mark.req("REQ-TGT-002", "REQ-APP-005")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not tell a process's memory")
def test_day_of_flight_is_byte_identical_and_its_memory_flat(tmp_path: Path) -> None:
    scenario = load_scenario("nominal-orbit")
    assert scenario.duration_s >= 86_400
    resident_bytes: list[int] = []

    def measure(tick: int) -> None:
        if tick % 36_000 == 0 and target._process is not None:
            resident_bytes.append(int(Path(f"/proc/{target._process.pid}/statm").read_text().split()[1]) * PAGE_BYTES)

    for name in ("first", "again"):
        target = UnixTarget()
        fly(scenario, target, tmp_path / name, on_progress=measure)
    for file in ("link.bin", "telemetry.csv"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "again" / file).read_bytes(), file
    assert len(resident_bytes) >= 46
    day = resident_bytes[: len(resident_bytes) // 2]
    assert max(day) - day[0] <= 4 * PAGE_BYTES
