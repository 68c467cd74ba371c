"""The fault matrix: every kind of leak against every single fault, flown closed loop, and what counts as unsafe."""

from __future__ import annotations

import csv
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from isoloop.flight import fly
from isoloop.schema import load_scenario
from isoloop.schema.names import SEGMENTS

LEAK_S = 60.0
FAULT_S = 30.0
DESIGN_KPA = 500.0
BOTTOMED_KPA = 50.0
LONG_S = 1200.0
GAS = "gas"
CABIN = "cabin"
OUT_OF_SERVICE = " is healthy and out of service"
VALVES = [f"{segment}_{side}" for segment in SEGMENTS for side in ("in", "out")] + ["bypass"]

HEAD = """schema = "isoloop.scenario/1"
name = "matrix"
title = "matrix"
duration_s = {duration_s}
seed = {seed}
[plant]
preset = "soyuz"
coolant_temp_c = {temp_c}
orbit_swing_k = 5.0
"""


@dataclass(frozen=True)
class Case:
    """One flight.

    Attributes:
        name: leak and fault in words.
        holes: (segment, hole in mm), all at LEAK_S; segment may be `internal`, GAS (mL/s) or CABIN.
        fault: events of the fault in TOML.
        stuck: valves that cannot close or cannot open.
        seed: of the flight, and of the coolant's temperature.
        duration_s: of the flight.
    """

    name: str
    holes: tuple[tuple[str, float], ...]
    fault: str = ""
    stuck: tuple[tuple[str, str], ...] = ()
    seed: int = 1
    temp_c: float = 20.0
    duration_s: float = 300.0

    def toml(self) -> str:
        """The scenario."""
        leaks = "".join(_leak(*hole) for hole in self.holes)
        return HEAD.format(duration_s=self.duration_s, seed=self.seed, temp_c=self.temp_c) + self.fault + leaks


def _leak(kind: str, size: float) -> str:
    if kind == GAS:
        return event(LEAK_S, "gas", rate_ml_s=size)
    if kind == CABIN:
        return event(LEAK_S, "cabin", hole_mm=size)
    return event(LEAK_S, "leak", segment=kind, hole_mm=size)


def event(at_s: float, kind: str, **fields: object) -> str:
    """One event in TOML."""
    rows = "".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items())
    return f'[[event]]\nat_s = {at_s}\nkind = "{kind}"\n{rows}'


Fault = tuple[str, str, tuple[tuple[str, str], ...]]


def faults() -> Iterator[Fault]:
    """Name, events and stuck valves of every single fault."""
    yield "none", "", ()
    for valve, mode in itertools.product(VALVES, ("stuck_open", "stuck_closed", "slow", "switch_open", "switch_short")):
        if (valve, mode) != ("bypass", "stuck_open"):  # it is shut when that begins
            stuck = ((valve, mode),) if mode.startswith("stuck") else ()
            yield f"{valve}-{mode}", event(FAULT_S, "valve", valve=valve, mode=mode), stuck
    for number, mode in itertools.product(range(1, 4), ("open", "short", "stuck")):
        yield f"p_rad{number}-{mode}", event(LEAK_S + 4, "sensor", channel=f"p_rad{number}", mode=mode), ()
    for channel in ("p_comp_a", "p_comp_b", "p_pump", "p_cabin", "t_gas", "t_supply", "t_return", "t_rad1", "t_rad2", "v_ref"):
        yield f"{channel}-open", event(FAULT_S, "sensor", channel=channel, mode="open"), ()
    for number, value in ((1, 100.0), (2, -60.0), (3, 30.0)):
        yield f"p_rad{number}-bias", event(FAULT_S, "sensor", channel=f"p_rad{number}", mode="bias", value=value), ()
    yield "pump-off", event(LEAK_S + 3, "pump", mode="off"), ()
    yield "pump-degrade", event(LEAK_S + 20, "pump", mode="degrade", value=0.5), ()
    for segment, mode in itertools.product(SEGMENTS, ("stuck_closed", "leaking")):
        yield f"relief-{segment}-{mode}", event(FAULT_S, "relief", segment=segment, mode=mode), ()
    yield "relay-frozen", event(LEAK_S + 10, "relay", mode="frozen", duration_s=20.0), ()
    yield "heat", event(LEAK_S + 5, "heat", load_w=2000.0, ramp_s=60.0), ()


HOLES: tuple[tuple[tuple[str, float], ...], ...] = (
    (("rad1", 0.8),),
    (("rad2", 0.4),),
    (("rad3", 2.0),),
    (("rad2", 8.0),),
    (("rad2", 0.8),),
    (("rad1", 1.0), ("rad3", 0.6)),
    (("internal", 1.0),),
    ((GAS, 0.5),),
    ((CABIN, 3.0),),
)
"""Kinds of leak: holes in segments and into the cabin (mm); loss of the compensator's gas (mL/s); a leak of the cabin itself (mm)."""

UNTOLD: dict[str, str] = {
    f"gas-0.5/{segment}_{side}-stuck_open": "a loss of gas goes on below cabin pressure as a hole in what would not shut does"
    for segment in SEGMENTS[:3]
    for side in ("in", "out")
} | {"cabin-3.0/p_cabin-open": "a leak of the cabin shows in the cabin's pressure alone; that its sensor has failed is said"}
"""Cases that are flown and known not to be safe: nothing that is measured within minutes tells them (docs/fault_matrix.md)."""

PAIRS = 180


def matrix() -> list[Case]:
    """Every leak against every fault, and leaks against pairs of faults, in an order that any first part represents."""
    cases = [_case(number, holes, (fault,)) for number, (holes, fault) in enumerate(itertools.product(HOLES, faults()))]
    dice = random.Random(2)
    single = [fault for fault in faults() if fault[0] != "none"]
    names = {case.name for case in cases}
    total = len(cases) + PAIRS
    while len(cases) < total:
        first, second = dice.sample(single, 2)
        case = _case(len(names), dice.choice(HOLES[:7]), (first, second))
        # One thing is broken in one way.
        if case.name not in names and first[0].split("-")[0] != second[0].split("-")[0]:
            names.add(case.name)
            cases.append(case)
    random.Random(1).shuffle(cases)
    return cases


def _case(number: int, holes: tuple[tuple[str, float], ...], broken: tuple[Fault, ...]) -> Case:
    temp_c = random.Random(number).choice((-20.0, 0.0, 10.0, 20.0))
    if holes[0][0] == "internal":
        temp_c = 20.0  # below about 11 C it runs backwards
    leak = "+".join(f"{segment}-{hole_mm}" for segment, hole_mm in holes)
    name = leak + "/" + "+".join(fault[0] for fault in broken)
    events = "".join(fault[1] for fault in broken)
    return Case(name, holes, events, tuple(row for fault in broken for row in fault[2]), seed=100 + number, temp_c=temp_c)


def unsafe(case: Case, folder: Path) -> tuple[list[str], dict[str, Any]]:
    """Fly a case; the properties that it broke, and its summary.

    Where nothing but time is missing - a healthy segment not back yet - it flies once more, to ten minutes after the last trial.
    """
    broken, summary = _judged(case, folder / "first")
    if broken and all(row.endswith(OUT_OF_SERVICE) for row in broken) and case.duration_s < LONG_S:
        broken, summary = _judged(replace(case, duration_s=LONG_S), folder / "longer")
    return broken, summary


def _judged(case: Case, folder: Path) -> tuple[list[str], dict[str, Any]]:
    folder.mkdir(parents=True)
    path = folder / "scenario.toml"
    path.write_text(case.toml(), encoding="utf-8")
    run = folder / "run"
    summary = fly(load_scenario(str(path)), "unix", run, case.seed)
    return judge(case, summary, run), summary


def judge(case: Case, summary: dict[str, Any], run: Path) -> list[str]:
    """The properties that a flown case broke."""
    with (run / "truth.csv").open(newline="", encoding="utf-8") as stream:
        *_, last = csv.DictReader(stream)
    broken = []
    holed = {segment for segment, _ in case.holes if segment in SEGMENTS}
    stuck = dict(case.stuck)
    if case.holes and summary["t_detect_s"] is None:
        broken.append("silent")
    if summary["false_isolations"]:
        broken.append("false isolation")
    if set(summary["reopened"]) & holed:
        broken.append("re-opened onto a hole")
    for segment in SEGMENTS:
        sides = [f"{segment}_in", f"{segment}_out"]
        if segment in holed:
            if any(float(last[f"valve_{side}_ratio"]) > 1e-3 for side in sides if stuck.get(side) != "stuck_open"):
                broken.append(f"{segment} leaks and is open")
        # A loop that has bottomed out is isolated, its pump off, and nothing is claimed: no segment is brought back into it.
        elif summary["min_loop_pressure_kpa"] > BOTTOMED_KPA and any(
            float(last[f"valve_{side}_ratio"]) < 0.99 for side in sides if stuck.get(side) != "stuck_closed"
        ):
            broken.append(segment + OUT_OF_SERVICE)
    if summary["max_segment_pressure_kpa"] > DESIGN_KPA:
        broken.append("over-pressure")
    if summary["verdict"]["segment"] in set(SEGMENTS) - holed:
        broken.append(f"wrong: {summary['verdict']['segment']}")
    if summary["alloc_faults"]:
        broken.append("allocation")
    return broken
