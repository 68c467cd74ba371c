"""A firmware that keeps flying in real time against its plant, its UART open to any serial program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from isoloop.flight.ground import GroundSegment
from isoloop.flight.loop import Flight, own_plant
from isoloop.flight.recorder import Recorder
from isoloop.flight.serve import ByteServer
from isoloop.flight.truth_record import TruthRecord
from isoloop.link.decoder import LinkDecoder, Report, VerificationReport
from isoloop.schema import Scenario
from isoloop.schema.names import DURATION_MAX_S
from isoloop.targets import Target, open_target


def emulate(scenario: Scenario, target: str | Target, port: ByteServer, speed: float = 1.0) -> None:
    """Fly until KeyboardInterrupt (or 31 days of scenario time). The scenario's own telecommands and link faults are left out.

    Raises:
        UsageError, TargetError: as isoloop.flight.fly().
    """
    endless = replace(scenario, duration_s=DURATION_MAX_S)
    plant, truth_names = own_plant(scenario, scenario.seed)
    pins = open_target(target) if isinstance(target, str) else target
    try:
        flight = Flight(endless, pins, plant, TruthRecord(truth_names, []), _NoRecorder(), _LiveGround(port, scenario))
        flight.speed = speed
        flight.run()
    finally:
        pins.close()


class _LiveGround(GroundSegment):
    """The ground behind a port, in the place of a scenario's."""

    def __init__(self, port: ByteServer, scenario: Scenario) -> None:
        self.wake_tick = 0
        self.names = {}
        self._port = port
        self._pending = b""
        self._budget_bytes = max(1, scenario.link_baud * scenario.tick_ms // 10_000)

    def uplink(self, tick: int) -> bytes:
        """What has come up, as fast as the line carries it."""
        self._pending += self._port.read()
        data, self._pending = self._pending[: self._budget_bytes], self._pending[self._budget_bytes :]
        return data

    def received(self, tick: int, data: bytes) -> bytes:
        """Hand it to the port; nothing is left to record."""
        self._port.write(data)
        return b""


class _NoRecorder(Recorder):
    """Keeps nothing."""

    def __init__(self) -> None:
        self.decoder = LinkDecoder()

    def downlink(self, data: bytes) -> list[Report]:
        """Nothing to decode."""
        return []

    def truth(self, values: Sequence[float]) -> None:
        """Not kept."""

    def command(self, report: VerificationReport, name: str) -> None:
        """Not kept."""
