"""The short built-in scenarios on the release image: verdicts as on target unix, telemetry as on the 32-bit interpreter."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.pico_replay import assert_same, needs_unix32, replay, reports
from isoloop.flight import fly
from isoloop.paths import SCENARIOS_DIR, builtin_names
from isoloop.schema import load_scenario
from isoloop.targets.pico import PicoTarget

SHORT_S = 300.0
SHORT = sorted(name for name in builtin_names(SCENARIOS_DIR) if load_scenario(name).duration_s <= SHORT_S)
assert {"ms21", "ms22", "cold-leak", "valve-stuck-open"} <= set(SHORT)

pytestmark = [pytest.mark.timeout(600), needs_unix32]


@pytest.mark.parametrize("name", [name if name == "ms22" else pytest.param(name, marks=pytest.mark.long) for name in SHORT])
def test_short_scenario_flies_on_the_pico_as_on_unix(name: str, pico: PicoTarget, tmp_path: Path) -> None:
    scenario = load_scenario(name)
    flown = fly(scenario, pico, tmp_path / "pico")
    assert [row for row in flown["expect"] if not row["ok"]] == []
    assert flown["ok"] is True
    assert (flown["alloc_faults"], pico.resets) == (0, 0)
    there = fly(scenario, "unix", tmp_path / "unix")
    for key in ("class", "segment"):
        assert flown["verdict"][key] == there["verdict"][key]
    assert flown["reopened"] == there["reopened"]
    told, _ = replay(scenario, pico.powered[-1:])
    assert_same(reports((tmp_path / "pico" / "link.bin").read_bytes()), told)
    assert len(told[0]) > scenario.duration_s
