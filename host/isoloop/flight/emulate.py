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
from isoloop.link.keys import next_counter
from isoloop.link.telecommand import EMULATED_ID
from isoloop.schema import Scenario
from isoloop.schema.names import DURATION_MAX_S
from isoloop.targets import Target, open_target


def emulate(scenario: Scenario, target: str | Target, port: ByteServer, speed: float = 1.0) -> None:
    """Fly until KeyboardInterrupt (or 31 days of scenario time), with the scenario's own telecommands and link faults.

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
    """The ground behind a port, and the scenario's beside it on the same line."""

    def __init__(self, port: ByteServer, scenario: Scenario) -> None:
        super().__init__(scenario, scenario.seed)
        self._port = port
        self.wake_tick = 0

    def uplink(self, tick: int) -> bytes:
        """What has come up, as fast as the line carries it."""
        self._pending += self._port.read()
        data = super().uplink(tick)
        self.wake_tick = 0
        return data

    def received(self, tick: int, data: bytes) -> bytes:
        """Hand it to the port; nothing is left to record."""
        data = super().received(tick, data)
        if data:
            self._port.write(data)
        return b""

    def next_number(self) -> int:
        """Of the same series as the telecommands of `isoloop command`: whichever comes later has the higher counter."""
        return next_counter(EMULATED_ID)


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
