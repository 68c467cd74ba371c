"""Fly a scenario closed loop: plant and firmware in lockstep, everything that happens recorded."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from isoloop.flight.box_fetch import BoxFetch
from isoloop.flight.firmware_record import FirmwareRecord
from isoloop.flight.ground import GroundSegment
from isoloop.flight.recorder import Recorder
from isoloop.flight.records import CalibrationRow, build_nor
from isoloop.flight.schedule import LOSS_KINDS, NOTICED_KINDS, RESET_CAUSES, PowerCut, first_onset_s, leaks, plant_events, power_cuts
from isoloop.flight.summary import RunHead, TruthEnd, build_summary, write_summary
from isoloop.flight.truth_record import TruthRecord
from isoloop.link.decoder import EventReport, Report, VerificationReport
from isoloop.schema import Scenario
from isoloop.targets import Target, open_target

WATCHDOG_MS = 8000
"""Longest that the reference board's watchdog waits to be fed."""

OnEvent = Callable[[float, str, str, Mapping[str, int | None]], None]
"""Called with time in s, name, severity and the values by field name, for every event of the firmware."""

OnProgress = Callable[[int], None]
"""Called with the ticks flown, about once a second of scenario time."""


class FlownPlant(Protocol):
    """What the loop needs of isoloop.plant.Plant."""

    counts: npt.NDArray[np.uint16]
    fresh: int
    switches: int
    truth: npt.NDArray[np.float64]

    def step(self, drive_word: int) -> None:
        """One tick."""

    def firmware_params(self) -> Mapping[str, int]:
        """As-built parameters by dictionary name."""

    def calibration(self) -> Sequence[CalibrationRow]:
        """Kind and span of each channel."""


def fly(
    scenario: Scenario,
    target: str | Target,
    out_dir: Path,
    seed: int | None = None,
    *,
    speed: float | None = None,
    on_event: OnEvent | None = None,
    on_progress: OnProgress | None = None,
    plant: FlownPlant | None = None,
    truth_names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Fly `scenario` to its end and write everything but the report into `out_dir`.

    Args:
        scenario: what to fly.
        target: name of a target, or an open one, which is closed afterwards.
        out_dir: the run folder; made when it is not there.
        seed: of all noise; None: the scenario's own.
        speed: times real time; None: as fast as it goes.
        on_event: told of every event of the firmware as it comes down.
        on_progress: told how far it is.
        plant: flown instead of the scenario's own, with the names of its truth in `truth_names`.
        truth_names: see `plant`.

    Returns:
        The summary, as written to summary.json.

    Raises:
        UsageError: no such target.
        OutputError: the folder cannot be written, or the disk is full.
        TargetError: the firmware died, hung or broke the protocol. What was recorded is kept, with a summary that is not ok.
        KeyboardInterrupt: the same.
    """
    seed = scenario.seed if seed is None else seed
    if plant is None:
        plant, truth_names = own_plant(scenario, seed)
    pins = open_target(target) if isinstance(target, str) else target
    try:
        identity = pins.identity()
        ground = ground_for(scenario, seed, pins)
        with Recorder(out_dir, truth_names or ()) as recorder:
            flight = Flight(scenario, pins, plant, TruthRecord(truth_names or (), leaks(scenario)), recorder, ground)
            flight.on_event = on_event
            flight.on_progress = on_progress
            flight.speed = speed
            started_s = time.perf_counter()
            is_complete = False
            try:
                flight.run()
                is_complete = True
            finally:
                # Also of a run that is broken off: what was recorded is kept.
                wall_s = time.perf_counter() - started_s
                head = RunHead(scenario.name, pins.name, seed, flight.tick, scenario.tick_ms, wall_s, identity)
                summary = flight.summary(head, is_complete)
                write_summary(out_dir, summary)
    finally:
        pins.close()
    return summary


def ground_for(scenario: Scenario, seed: int, target: Target) -> GroundSegment:
    """The ground of a flight on this target: a chip has an id of its own, a real board a key and a memory of counters as well."""
    return GroundSegment(scenario, seed, getattr(target, "credentials", None), is_lasting=getattr(target, "keeps_counters", False))


def own_plant(scenario: Scenario, seed: int) -> tuple[FlownPlant, Sequence[str]]:
    """The plant of a scenario, and the names of its truth."""
    from isoloop.plant import TRUTH_NAMES, Plant, PlantEvent

    events = [PlantEvent(event.at_s, event.kind, dict(event.fields)) for event in plant_events(scenario)]
    return Plant(scenario.plant, seed, scenario.tick_ms, events), TRUTH_NAMES


class Flight:
    """One flight in progress."""

    def __init__(
        self,
        scenario: Scenario,
        target: Target,
        plant: FlownPlant,
        truth: TruthRecord,
        recorder: Recorder,
        ground: GroundSegment,
    ) -> None:
        self.tick = 0
        self.on_event: OnEvent | None = None
        self.on_progress: OnProgress | None = None
        self.on_report: Callable[[Report], None] | None = None
        self.speed: float | None = None
        self._pace: _Pace | None = None
        self._scenario = scenario
        self._target = target
        self._plant = plant
        self._truth = truth
        self._recorder = recorder
        self._said = FirmwareRecord()
        self._tick_ms = scenario.tick_ms
        self._drive_word = 0
        self._unfed_ticks = 0
        self._watchdog_ticks = WATCHDOG_MS // scenario.tick_ms
        self._cuts = power_cuts(scenario)
        self._ground = ground
        self._boxes = BoxFetch(ground.request, recorder.capture, scenario.link_baud)
        self._watch_from_tick = min((math.floor(leak.onset_s * 1000 / scenario.tick_ms) for leak in truth.leaks), default=scenario.ticks)
        self._nor = build_nor(
            {**plant.firmware_params(), **scenario.params, "tick_ms": scenario.tick_ms, "link_baud": scenario.link_baud},
            plant.calibration(),
        )

    def run(self) -> None:
        """Fly to the end of the scenario."""
        self.begin()
        self.advance(self._scenario.ticks)

    def begin(self) -> None:
        """Boot; nothing has flown yet."""
        self._truth.begin(self._plant.truth.tolist())
        self._recorder.truth(self._plant.truth.tolist())
        self._target.start(self._nor, RESET_CAUSES["power_on"])
        self._pace = None if self.speed is None else _Pace(self.speed, self._tick_ms)

    def advance(self, ticks: int) -> None:
        """Fly until so many ticks are flown."""
        ticks_per_s = 1000 // self._tick_ms
        while self.tick < ticks:
            second_end = min(ticks, (self.tick // ticks_per_s + 1) * ticks_per_s)
            cut = self._cuts[0].off_tick if self._cuts else ticks
            if self.tick >= cut:
                self._power_cut()
                continue
            self._fly_until(min(second_end, cut), self._pace)
            if self.tick % ticks_per_s == 0 or self.tick == self._scenario.ticks:
                self._second()

    @property
    def truth_now(self) -> npt.NDArray[np.float64]:
        """The plant's truth after the last tick."""
        return self._plant.truth

    def cut_power(self, off_ticks: int, reset_cause: int) -> None:
        """Cut it before the next tick, for so long."""
        self._cuts.insert(0, PowerCut(self.tick, self.tick + off_ticks, reset_cause))

    def summary(self, head: RunHead, is_complete: bool) -> dict[str, Any]:
        """Of the flight so far."""
        scenario = self._scenario
        end = TruthEnd(self._truth, self._plant.truth.tolist(), first_onset_s(scenario, NOTICED_KINDS), first_onset_s(scenario, LOSS_KINDS))
        return build_summary(head, self._said, end, scenario.expect, is_complete)

    def _fly_until(self, end: int, pace: _Pace | None) -> None:
        """Ticks from here to `end`: the loop that must be fast."""
        target = self._target
        exchange = target.tick
        plant = self._plant
        step = plant.step
        ground = self._ground
        while self.tick < end:
            tick = self.tick
            if tick < ground.wake_tick:
                drive_word, fed, downlink = exchange(plant.counts, plant.fresh, plant.switches, tick)
            else:
                drive_word, fed, downlink = exchange(plant.counts, plant.fresh, plant.switches, tick, ground.uplink(tick))
            if downlink:
                self._downlink(downlink)
            if target.stall_ms:
                self._stall()
            self._drive_word = drive_word
            step(drive_word)
            self.tick += 1
            if tick >= self._watch_from_tick:
                self._truth.watch(self.tick * self._tick_ms, plant.truth, plant.switches)
            if fed:
                self._unfed_ticks = 0
            else:
                self._unfed_ticks += 1
                if self._unfed_ticks >= self._watchdog_ticks:
                    self._boot(RESET_CAUSES["watchdog"])
            if pace is not None:
                pace.wait(self.tick)

    def _downlink(self, data: bytes) -> None:
        for report in self._recorder.downlink(self._ground.received(self.tick, data)):
            self._said.take(report)
            if self.on_report is not None:
                self.on_report(report)
            self._boxes.take(report, self.tick * self._tick_ms)
            if isinstance(report, VerificationReport):
                self._recorder.command(report, self._ground.names.get(report.sequence, ""))
            if not isinstance(report, EventReport):
                continue
            if report.event.name == "ISOLATION_COMMANDED":
                self._watch_from_tick = min(self._watch_from_tick, self.tick)
            if self.on_event is not None:
                fields: dict[str, int | None] = {row.name: value for row, value in zip(report.event.fields, report.values, strict=True)}
                self.on_event(report.time_ms / 1000, report.event.name, report.event.severity, fields)

    def _stall(self) -> None:
        """An erase stopped the processor within this cycle: the plant flies on with the old drives."""
        for _ in range(-(-self._target.stall_ms // self._tick_ms)):
            if self.tick + 1 < self._scenario.ticks:  # the last one is the cycle's own
                self._step_alone(self._drive_word)
        self._target.stall_ms = 0

    def _power_cut(self) -> None:
        """The processor goes off now; the plant flies on without drives until it boots again."""
        cut = self._cuts.pop(0)
        self._target.stop()
        while self.tick < min(cut.on_tick, self._scenario.ticks):
            self._step_alone(0)
        if self.tick < self._scenario.ticks:
            self._boot(cut.reset_cause)

    def _boot(self, reset_cause: int) -> None:
        self._drive_word = 0
        self._unfed_ticks = 0
        self._recorder.decoder.restart()
        self._said.restart()
        self._target.start(self._nor, reset_cause)
        if getattr(self._target, "clock_starts_anew", False):
            # A board without a battery counts from 0 after a power cut; the ground knows when that was. Its boot took stall_ms.
            boot_ticks = -(-self._target.stall_ms // self._tick_ms)
            self._recorder.decoder.time_offset_ms = (self.tick + boot_ticks) * self._tick_ms

    def _step_alone(self, drive_word: int) -> None:
        """One tick that the firmware does not see."""
        plant = self._plant
        plant.step(drive_word)
        self.tick += 1
        if self.tick > self._watch_from_tick:
            self._truth.watch(self.tick * self._tick_ms, plant.truth, plant.switches)
        if self.tick % (1000 // self._tick_ms) == 0:
            self._second()

    def _second(self) -> None:
        """A row of the truth, and a sign of life."""
        self._recorder.truth(self._plant.truth.tolist())
        self._boxes.second(self.tick * self._tick_ms)
        if self.on_progress is not None:
            self.on_progress(self.tick)


class _Pace:
    """Holds the flight back to a multiple of real time."""

    def __init__(self, speed: float, tick_ms: int) -> None:
        self._tick_s = tick_ms / 1000 / speed
        self._start_s = time.monotonic()

    def wait(self, ticks: int) -> None:
        """Sleep until `ticks` are due."""
        ahead_s = self._start_s + ticks * self._tick_s - time.monotonic()
        if ahead_s > 0:
            time.sleep(ahead_s)
