"""An emulated board that flies on: the scenario's telecommands and link faults act beside whoever is connected."""

from __future__ import annotations

from pathlib import Path

import pytest

from isoloop.flight.emulate import emulate
from isoloop.link.decoder import AnswerReport, EventReport, LinkDecoder, Report, VerificationReport
from isoloop.link.keys import next_counter
from isoloop.link.telecommand import Credentials, build_packet, frame, resolve_arguments
from isoloop.schema import load_scenario

TEXT = """schema = "isoloop.scenario/1"
name = "live"
duration_s = 60
[[event]]
at_s = 3
kind = "command"
name = "pump_off"
[[event]]
at_s = 6
kind = "link"
mode = "down"
duration_s = 5
"""


class Port:
    """A port with somebody at its end who speaks at given reads and stops the emulation at the last."""

    url = "none"

    def __init__(self, says: dict[int, bytes], reads: int) -> None:
        self.says = says
        self.reads = 0
        self.last = reads
        self.pieces: list[bytes] = []

    def read(self) -> bytes:
        self.reads += 1
        if self.reads == self.last:
            raise KeyboardInterrupt
        return self.says.get(self.reads, b"")

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def close(self) -> None:
        pass


def fly(tmp_path: Path, text: str, says: dict[int, bytes], reads: int) -> tuple[LinkDecoder, list[Report]]:
    (tmp_path / "live.toml").write_text(text)
    port = Port(says, reads)
    with pytest.raises(KeyboardInterrupt):
        emulate(load_scenario(tmp_path / "live.toml"), "unix", port, speed=100)
    decoder = LinkDecoder()
    return decoder, decoder.feed(b"".join(port.pieces))


def test_scenario_s_telecommands_and_link_faults_act_while_it_is_emulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    row = LinkDecoder().dictionary.telecommands_by_name["ping"]

    def ping() -> bytes:
        return frame(build_packet(row, resolve_arguments(row, {}), 77, next_counter(), Credentials()))

    _, reports = fly(tmp_path, TEXT, {5: ping()}, 30)
    assert [r.subtype for r in reports if isinstance(r, VerificationReport) and r.sequence == 77] == [1, 3, 7]
    decoder, reports = fly(tmp_path, TEXT, {80: ping()}, 150)
    pumps = [r for r in reports if isinstance(r, EventReport) and r.event.name == "PUMP_COMMANDED"]
    assert [(round(r.time_ms, -2), r.value("on")) for r in pumps] == [(3000, 0)]
    assert [r.subtype for r in reports if isinstance(r, VerificationReport)] == [1, 3, 7]  # the pump's; the ping met a line that was down
    assert not [r for r in reports if 6000 <= r.time_ms < 10_900]
    assert decoder.statistics.lost_packets >= 5
    assert [r for r in reports if isinstance(r, AnswerReport)]
