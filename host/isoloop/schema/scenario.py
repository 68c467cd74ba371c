"""Scenario files (`isoloop.scenario/1`): what loop, what happens to it, what is expected of the firmware."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from isoloop import paths
from isoloop.errors import InputError
from isoloop.plant.config import PlantConfig
from isoloop.schema.event import Event, read_event
from isoloop.schema.expect import Expectation, read_expect
from isoloop.schema.names import DURATION_MAX_S, TICK_DEFAULT_MS, TICKS_MS
from isoloop.schema.params import read_params
from isoloop.schema.plant import read_plant
from isoloop.schema.toml_file import TomlFile, did_you_mean

SCHEMA = "isoloop.scenario/1"
SEED_MAX = 2**32 - 1
BAUD_DEFAULT = 115_200
BAUD_MIN = 1_200
BAUD_MAX = 3_000_000

_KEYS = ("schema", "name", "title", "duration_s", "tick_ms", "seed", "plant", "link", "params", "event", "expect")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+:/-]{0,99}")


@dataclass(frozen=True)
class Scenario:
    """A checked scenario.

    Attributes:
        name: names the run folder.
        title: one line for people.
        duration_s: length, seconds; `ticks` is the same in whole ticks.
        tick_ms: control cycle, milliseconds.
        seed: of all noise; the command line may replace it.
        plant: the loop as built and filled.
        link_baud: of the UART, bits a second.
        params: flight parameters to put in the parameter slot before boot, by dictionary name.
        events: in order of time.
        expect: expectations by key, in the file's order.
        file: where it came from, as the user named it.
    """

    name: str
    title: str
    duration_s: float
    tick_ms: int
    seed: int
    plant: PlantConfig
    link_baud: int = BAUD_DEFAULT
    params: Mapping[str, int] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    expect: Mapping[str, Expectation] = field(default_factory=dict)
    file: str = ""

    @property
    def ticks(self) -> int:
        """Control cycles of the whole run; a started cycle counts."""
        return -int(-self.duration_s * 1000 // self.tick_ms)


def load_scenario(source: str | Path) -> Scenario:
    """The scenario of a TOML file or of a built-in name.

    A bare name (no folder, no `.toml`) that is built in means the built-in one.

    Raises:
        InputError: no such scenario, or anything in the file that is not exactly right.
    """
    return parse_scenario(TomlFile.read(scenario_path(source), label=str(source)))


def scenario_path(source: str | Path) -> Path:
    """The file that `source` means.

    Raises:
        InputError: neither a file nor a built-in name.
    """
    names = paths.builtin_names(paths.SCENARIOS_DIR)
    if str(source) in names:
        return paths.SCENARIOS_DIR / f"{source}.toml"
    path = Path(source)
    try:
        is_there = path.exists()
    except (OSError, ValueError):
        is_there = True  # a name too long or with a NUL: opening it gives the reason
    if not is_there:
        if path.suffix == ".toml" or path.name != str(source):
            raise InputError(str(source), None, None, "no such file")
        hint = did_you_mean(str(source), names)
        raise InputError(str(source), None, None, f"no such file and no built-in scenario{hint}; built in: {', '.join(names)}")
    return path


def parse_scenario(file: TomlFile) -> Scenario:
    """Check every key of a parsed scenario file.

    Raises:
        InputError: the first thing that is not right.
    """
    root = file.root()
    if root.text("schema") != SCHEMA:  # before its keys are judged by ours
        root.fail("schema", f"must be '{SCHEMA}'")
    root.only(_KEYS)
    name = root.text("name")
    if not _NAME.fullmatch(name):
        root.fail("name", "must begin with a letter or digit and hold only letters, digits, blanks and ._+-:/ (at most 100)")
    duration_s = root.number("duration_s", 0, DURATION_MAX_S, above_low=True)
    link = root.table("link")
    link.only(("baud",))
    events = [read_event(table, duration_s) for table in root.tables("event")]
    return Scenario(
        name=name,
        title=root.text("title") if "title" in root else name,
        duration_s=duration_s,
        tick_ms=root.integer_choice("tick_ms", TICKS_MS) if "tick_ms" in root else TICK_DEFAULT_MS,
        seed=root.integer("seed", 0, SEED_MAX) if "seed" in root else 1,
        plant=read_plant(root.table("plant")),
        link_baud=link.integer("baud", BAUD_MIN, BAUD_MAX) if "baud" in link else BAUD_DEFAULT,
        params=read_params(root.table("params")),
        events=tuple(sorted(events, key=lambda event: event.at_s)),
        expect=read_expect(root.table("expect")),
        file=file.label,
    )
