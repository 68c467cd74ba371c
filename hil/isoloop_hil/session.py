"""A loop that a test flies piece by piece: plant and firmware in lockstep, whatever the target is, everything recorded as it comes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from isoloop.dictionary import Dictionary, load_dictionary
from isoloop.errors import UsageError
from isoloop.flight.ground import GroundSegment
from isoloop.flight.loop import Flight, ground_for, own_plant
from isoloop.flight.recorder import Recorder
from isoloop.flight.schedule import RESET_CAUSES, leaks, ticks_up
from isoloop.flight.truth_record import TruthRecord
from isoloop.link.decoder import EventReport, Report, VerificationReport
from isoloop.link.telecommand import CommandError, resolve_arguments
from isoloop.schema.names import DURATION_MAX_S
from isoloop.schema.scenario import Scenario, parse_scenario
from isoloop.schema.toml_file import TomlFile
from isoloop.targets import Target

LOG_NAME = "session.log"
Setting = str | int | float
STAGES = {1: "accepted", 2: "refused", 3: "started", 4: "not started", 5: "progress", 6: "failed", 7: "completed", 8: "failed"}


class LoopSession:
    """One flight of one target, begun at the first tick that is asked for.

    Attributes:
        target: what flies.
        reports: everything that came down, in order.
        events: what was planned so far.
    """

    def __init__(self, target: Target, folder: Path, settings: Mapping[str, Setting]) -> None:
        """
        Args:
            target: open; stays open.
            folder: where everything is recorded.
            settings: keys of a scenario's [plant], and `tick_ms`, `seed`.

        Raises:
            InputError: settings that a scenario file would not be let through with.
        """
        self.target = target
        self.reports: list[Report] = []
        self.events: list[dict[str, Setting]] = []
        self._settings = dict(settings)
        self._folder = folder
        self._flight: Flight | None = None
        self._recorder: Recorder | None = None
        self._ground: GroundSegment | None = None
        self._truth_names: list[str] = []
        self._began_s = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        self._log = (folder / LOG_NAME).open("w", encoding="utf-8", buffering=1)
        self.scenario = self._check()

    def __enter__(self) -> LoopSession:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def time_s(self) -> float:
        """Scenario time."""
        return 0.0 if self._flight is None else self._flight.tick * self.scenario.tick_ms / 1000

    def plan(self, kind: str, at_s: float, fields: Mapping[str, Setting]) -> None:
        """An event of the plant, at a scenario time; docs/scenarios.md has the kinds.

        Raises:
            UsageError: the flight has begun.
            InputError: no such kind or field, or out of range.
        """
        if self._flight is not None:
            raise UsageError("events are planned before the clock runs for the first time: the plant is built with them")
        self.events.append({"at_s": at_s, "kind": kind, **fields})
        self.scenario = self._check()
        self.say(f"planned {kind} at {at_s:g} s {dict(fields)}")

    def fly(self, ticks: int) -> None:
        """So many ticks more.

        Raises:
            TargetError: the target died, hung or broke.
        """
        flight = self._flight or self._begin()
        until = flight.tick + ticks
        per_second = 1000 // self.scenario.tick_ms
        while flight.tick < until:
            flight.advance(min(until, (flight.tick // per_second + 1) * per_second))
            self._sign_of_life(flight)

    def cut_power(self, off_s: float, mode: str) -> None:
        """Before the next tick, for so long."""
        flight = self._flight or self._begin()
        flight.cut_power(ticks_up(off_s, self.scenario.tick_ms), RESET_CAUSES[mode])
        self.say(f"power {mode}, off for {off_s:g} s")

    def command(self, name: str, arguments: Mapping[str, object]) -> int:
        """Send a telecommand; returns its sequence count.

        Raises:
            UsageError: no such telecommand, or an argument that is wrong.
        """
        if self._flight is None:
            self._begin()
        assert self._ground is not None
        row = self.dictionary.telecommands_by_name.get(name)
        if row is None:
            raise UsageError(f"there is no telecommand '{name}' (docs/dictionary.md)")
        try:
            values = resolve_arguments(row, arguments)
        except CommandError as error:
            raise UsageError(str(error)) from None
        self.say(f"command {name} {dict(arguments)}")
        return self._ground.command(name, values)

    def truth(self, name: str) -> float:
        """A value of the plant's truth; names as in truth.csv."""
        flight = self._flight or self._begin()
        if name not in self._truth_names:
            raise UsageError(f"the truth has no '{name}'; it has {', '.join(self._truth_names)}")
        return float(flight.truth_now[self._truth_names.index(name)])

    @property
    def dictionary(self) -> Dictionary:
        """Of everything that comes down and goes up."""
        return load_dictionary()

    def say(self, text: str) -> None:
        """A line of the log, written at once: it stands there when the process is killed in the next moment."""
        self._log.write(f"[{time.monotonic() - self._began_s:8.2f} s wall, {self.time_s:8.2f} s flown] {text}\n")

    def close(self) -> None:
        """The target stands still; the files are complete. May be called twice."""
        if self._recorder is not None:
            self._recorder.__exit__(None, None, None)
            self._recorder = None
        if not self._log.closed:
            seen = getattr(self.target, "statistics", None)
            if seen is not None:
                self.say(str(seen))
            self.say("end")
            self._log.close()

    def _check(self) -> Scenario:
        own = {key: self._settings[key] for key in ("tick_ms", "seed") if key in self._settings}
        plant = {key: value for key, value in self._settings.items() if key not in own}
        lines = ['schema = "isoloop.scenario/1"', 'name = "test"', f"duration_s = {DURATION_MAX_S:.0f}"]
        lines += [f"{key} = {_toml(value)}" for key, value in own.items()]
        lines += ["[plant]", *(f"{key} = {_toml(value)}" for key, value in plant.items())]
        for event in self.events:
            lines += ["[[event]]", *(f"{key} = {_toml(value)}" for key, value in event.items())]
        return parse_scenario(TomlFile("the test's loop", "\n".join(lines) + "\n"))

    def _begin(self) -> Flight:
        scenario = self.scenario
        plant, names = own_plant(scenario, scenario.seed)
        self._truth_names = list(names)
        self._recorder = Recorder(self._folder, names)
        self._ground = ground_for(scenario, scenario.seed, self.target)
        flight = Flight(scenario, self.target, plant, TruthRecord(names, leaks(scenario)), self._recorder, self._ground)
        flight.on_report = self._take
        self.say(f"boots on target {self.target.name}")
        flight.begin()
        self._flight = flight
        return flight

    def _take(self, report: Report) -> None:
        self.reports.append(report)
        if isinstance(report, EventReport):
            self.say(f"{report.event.severity} {report.event.name} {report.texts(self.dictionary)}")
        elif isinstance(report, VerificationReport):
            self.say(f"telecommand {report.sequence} {STAGES.get(report.subtype, report.subtype)}")

    def _sign_of_life(self, flight: Flight) -> None:
        if flight.tick % (1000 // self.scenario.tick_ms) == 0:
            assert self._recorder is not None
            self._recorder.flush()
            if flight.tick % (10000 // self.scenario.tick_ms) == 0:
                self.say("flies")


def _toml(value: Setting) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)
