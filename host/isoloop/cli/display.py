"""What a person sees while runs fly: the live timeline of one run, a line a run of many, a progress bar on a terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isoloop.cli.narrate import PLANT_LABEL, firmware_event, plant_event
from isoloop.dictionary import load_dictionary
from isoloop.schema import Scenario

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

BAR_AFTER_S = 2.0
"""Shorter work shows no bar: importing what draws it would be a part of the work."""

_COLOURS = {"high": "31;1", "medium": "33", "low": "36", "info": "2", PLANT_LABEL: "35"}


PATIENCE_S = 3.0
"""Silence before the first event, after which it is explained."""


class Bar:
    """A progress bar that appears only on a terminal and only when the work is long.

    Args:
        label: what is in progress.
        total: steps of the whole work.
        on_stdout: standard output carries text for people; otherwise the bar goes to standard error alone.
    """

    def __init__(self, label: str, total: float, on_stdout: bool) -> None:
        self._label = label
        self._total = total
        self._on_stdout = on_stdout and sys.stdout.isatty()
        self._wanted = self._on_stdout or (sys.stderr.isatty() and not sys.stdout.isatty())
        self._started = time.monotonic()
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def at(self, step: float) -> None:
        """`step` of `total` is done."""
        if not self._wanted:
            return
        if self._progress is None:
            if time.monotonic() - self._started < BAR_AFTER_S:
                return
            self._open()
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=step)

    def close(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=not self._on_stdout)
        # Only a bar on standard output may catch what is printed there; a redirected one must not.
        self._progress = Progress(console=console, transient=True, redirect_stdout=self._on_stdout, redirect_stderr=False)
        self._task = self._progress.add_task(self._label, total=self._total)
        self._progress.start()


class Timeline:
    """The live timeline of one run, fed by the flight.

    Events of the scenario are told when their time has come, between those of the firmware.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._dictionary = load_dictionary()
        self._pending = list(scenario.events)
        self._tick_s = scenario.tick_ms / 1000
        self._bar = Bar(scenario.name, scenario.ticks, on_stdout=True)
        self._patience = threading.Timer(PATIENCE_S, _ask_for_patience)
        self._patience.daemon = True
        self._patience.start()

    def on_event(self, t_s: float, name: str, severity: str, fields: Mapping[str, int | None]) -> None:
        """The firmware reported an event."""
        self._patience.cancel()
        self._tell_plant(t_s)
        _line(t_s, severity, firmware_event(self._dictionary, name, fields))

    def on_progress(self, tick: int) -> None:
        """`tick` control cycles are flown."""
        self._tell_plant(tick * self._tick_s)
        self._bar.at(tick)

    def close(self) -> None:
        """The flight is over."""
        self._patience.cancel()
        self._bar.close()

    def _tell_plant(self, t_s: float) -> None:
        while self._pending and self._pending[0].at_s <= t_s:
            event = self._pending.pop(0)
            _line(event.at_s, PLANT_LABEL, plant_event(event))


class LogTimeline:
    """The live timeline of a replayed log.

    Args:
        label: what is replayed.
        ticks: of the whole log.
        silent: tell no events; the bar alone, and not on standard output.
    """

    def __init__(self, label: str, ticks: int, silent: bool) -> None:
        self._dictionary = load_dictionary()
        self._silent = silent
        self._bar = Bar(label, ticks, on_stdout=not silent)

    def on_event(self, t_s: float, name: str, severity: str, fields: Mapping[str, int | None]) -> None:
        """The firmware reported an event."""
        if not self._silent:
            _line(t_s, severity, firmware_event(self._dictionary, name, fields))

    def on_progress(self, tick: int) -> None:
        """`tick` control cycles are done."""
        self._bar.at(tick)

    def close(self) -> None:
        """The replay is over."""
        self._bar.close()


def _ask_for_patience() -> None:
    print("(the plant is being compiled, which is needed once on a machine and takes about 10 s)", file=sys.stderr, flush=True)


def paint(text: str, colour: str) -> str:
    """`text` in an ANSI colour on a terminal, plain elsewhere."""
    return f"\x1b[{colour}m{text}\x1b[0m" if sys.stdout.isatty() else text


def _line(t_s: float, label: str, text: str) -> None:
    print(f"{t_s:10.1f} s  {paint(f'{label:<7}', _COLOURS.get(label, '0'))} {text}", flush=True)


def show_head(scenario: Scenario, target: str, seed: int) -> None:
    """What is about to fly."""
    print(f"{paint(scenario.name, '1')}: {scenario.title}")
    print(f"target {target}, seed {seed}, {scenario.duration_s:g} s at {1000 / scenario.tick_ms:g} Hz\n", flush=True)


def show_verdict(lines: list[str], expectations: list[str], folder: Any) -> None:
    """How it ended."""
    print(f"\n{paint('Verdict', '1')}")
    for line in lines:
        print(f"  {line}")
    if expectations:
        print(paint("Expectations", "1"))
        for line in expectations:
            print(f"  {paint(line, '32' if line.startswith('ok') else '31;1')}")
    print(f"{paint('Report', '1')}\n  {folder / 'report.html'}")
