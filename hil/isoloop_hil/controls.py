"""What a test holds in its hands: the fixtures `plant`, `clock`, `power` and `link` over one session."""

from __future__ import annotations

from collections.abc import Callable

from isoloop.flight.schedule import ticks_up
from isoloop.link.decoder import EventReport, Report, StructureReport, VerificationReport
from isoloop_hil.session import STAGES, LoopSession, Setting

COMMAND_S = 5.0


class PlantControl:
    """Fixture `plant`: what happens to the loop, and what is true of it."""

    def __init__(self, session: LoopSession) -> None:
        self._session = session

    def event(self, kind: str, at_s: float, **fields: Setting) -> None:
        """Plan an event, before the clock runs: `plant.event("leak", 12, segment="rad2", hole_mm=0.8)`."""
        self._session.plan(kind, at_s, fields)

    def leak(self, segment: str, at_s: float, hole_mm: float, ramp_s: float = 0.0) -> None:
        """Plan a hole."""
        self.event("leak", at_s, segment=segment, hole_mm=hole_mm, ramp_s=ramp_s)

    def truth(self, name: str) -> float:
        """What is really so now; names as in truth.csv."""
        return self._session.truth(name)


class Clock:
    """Fixture `clock`: time passes when a test says so, on every target."""

    def __init__(self, session: LoopSession) -> None:
        self._session = session

    @property
    def now_s(self) -> float:
        """Scenario time."""
        return self._session.time_s

    def run(self, seconds: float) -> None:
        """Let it pass."""
        self._session.fly(ticks_up(seconds, self._session.scenario.tick_ms))

    def run_until(self, holds: Callable[[], object], within_s: float) -> float:
        """Until something holds, looked at every tick; returns the scenario time then.

        Raises:
            AssertionError: it did not within that time.
        """
        until_s = self.now_s + within_s
        while not holds():
            if self.now_s >= until_s - 1e-9:
                raise AssertionError(f"it did not hold within {within_s:g} s: now it is {self.now_s:g} s")
            self._session.fly(1)
        return self.now_s


class Power:
    """Fixture `power`: of the processor that flies; the plant goes on meanwhile."""

    def __init__(self, session: LoopSession) -> None:
        self._session = session

    def cut(self, off_s: float = 1.0) -> None:
        """Off before the next tick, and on again."""
        self._session.cut_power(off_s, "brownout")

    def reset(self) -> None:
        """A reset, as by a button: on a rig it is a short cut of the supply."""
        self._session.cut_power(0.0, "reset")


class Link:
    """Fixture `link`: what the firmware says, and what it is told."""

    def __init__(self, session: LoopSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock

    @property
    def reports(self) -> list[Report]:
        """Everything that came down so far."""
        return self._session.reports

    def events(self, name: str | None = None) -> list[EventReport]:
        """Events, all or of one name."""
        return [report for report in self.reports if isinstance(report, EventReport) and name in (None, report.event.name)]

    def last(self, structure: str = "housekeeping") -> dict[str, int]:
        """Raw values of the newest report of a structure, by field name; empty when none has come."""
        for report in reversed(self.reports):
            if isinstance(report, StructureReport) and report.structure.name == structure:
                return {row.name: value for row, value in zip(report.structure.fields, report.values, strict=True)}
        return {}

    def command(self, name: str, within_s: float = COMMAND_S, **arguments: object) -> str:
        """Send a telecommand and fly until it is over: `completed`, `refused`, `not started`, `failed`, or `no answer`."""
        sequence = self._session.command(name, arguments)
        final: list[str] = []

        def is_over() -> bool:
            for report in self.reports:
                if isinstance(report, VerificationReport) and report.sequence == sequence and (report.is_final or report.is_failure):
                    final.append(STAGES[report.subtype])
                    return True
            return False

        try:
            self._clock.run_until(is_over, within_s)
        except AssertionError:
            return "no answer"
        return final[0]
