"""The short built-in scenarios on the release image: verdicts as on target unix, telemetry as on the 32-bit interpreter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fakes.pico_replay import assert_same, needs_unix32, replay, reports
from isoloop.flight import fly
from isoloop.paths import SCENARIOS_DIR, builtin_names
from isoloop.schema import Scenario, load_scenario
from isoloop.targets.pico import PicoTarget

SHORT_S = 300.0
SHORT = sorted(name for name in builtin_names(SCENARIOS_DIR) if load_scenario(name).duration_s <= SHORT_S)
assert {"ms21", "ms22", "cold-leak", "valve-stuck-open"} <= set(SHORT)

pytestmark = [pytest.mark.timeout(600), needs_unix32]


def flies_as_elsewhere(scenario: Scenario, pico: PicoTarget, folder: Path) -> None:
    flown = fly(scenario, pico, folder / "pico")
    assert [row for row in flown["expect"] if not row["ok"]] == []
    assert flown["ok"] is True
    assert (flown["alloc_faults"], pico.resets) == (0, 0)
    there = fly(scenario, "unix", folder / "unix")
    for key in ("class", "segment"):
        assert flown["verdict"][key] == there["verdict"][key]
    assert flown["reopened"] == there["reopened"]
    told, _ = replay(scenario, pico.powered[-1:])
    assert_same(reports((folder / "pico" / "link.bin").read_bytes()), told)
    assert len(told[0]) > scenario.duration_s


def test_ms22_flies_on_the_pico_until_both_healthy_segments_are_back(pico: PicoTarget, tmp_path: Path) -> None:
    flies_as_elsewhere(replace(load_scenario("ms22"), duration_s=120.0), pico, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", SHORT)
def test_short_scenario_flies_on_the_pico_as_on_unix(name: str, pico: PicoTarget, tmp_path: Path) -> None:
    flies_as_elsewhere(load_scenario(name), pico, tmp_path)
