"""What must hold whatever is done to the plant: no coolant appears or vanishes, nothing is left to chance, the tick does not matter."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoloop.plant import Plant, PlantConfig, PlantEvent

sys.path.insert(0, str(Path(__file__).parent))
from plant_rig import PUMP, event, fly, reopen, shut, truth

SEGMENTS = ("rad1", "rad2", "rad3", "internal")

leaks = st.builds(
    lambda at, segment, hole, ramp: event(at, "leak", segment=segment, hole_mm=hole, ramp_s=ramp),
    st.floats(0, 60),
    st.sampled_from(SEGMENTS),
    st.floats(0.05, 30),
    st.sampled_from([0.0, 20.0]),
)
others = st.one_of(
    st.builds(lambda at, mode: event(at, "pump", mode=mode), st.floats(0, 60), st.sampled_from(["off", "on", "cavitate"])),
    st.builds(
        lambda at, d, r: event(at, "coolant_temp", delta_k=d, ramp_s=r), st.floats(0, 60), st.floats(-30, 30), st.sampled_from([0.0, 30.0])
    ),
    st.builds(lambda at, r: event(at, "gas", rate_ml_s=r), st.floats(0, 60), st.floats(0.1, 200)),
    st.builds(lambda at, d: event(at, "cabin", hole_mm=d), st.floats(0, 60), st.floats(1, 30)),
    st.builds(lambda at, s: event(at, "relief", segment=s, mode="leaking"), st.floats(0, 60), st.sampled_from(SEGMENTS[:3])),
    st.builds(lambda at, w: event(at, "heat", load_w=w), st.floats(0, 60), st.floats(0, 20000)),
)
presets = st.sampled_from(
    [
        ("soyuz", {}),
        ("soyuz", {"coolant": "water"}),
        ("soyuz", {"coolant": "ammonia"}),
        ("progress", {"coolant_temp_c": -40.0}),
        ("bench", {}),
    ]
)


@settings(max_examples=40)
@given(presets, st.lists(st.one_of(leaks, others), max_size=5), st.lists(st.integers(0, 0xFFFF), max_size=8), st.sampled_from([10, 100]))
def test_whatever_happens_lost_and_remaining_make_the_charge(
    preset: tuple[str, dict[str, object]], events: list[PlantEvent], words: list[int], tick_ms: int
) -> None:
    config = PlantConfig.from_preset(preset[0], **preset[1])
    plant = Plant(config, 5, tick_ms, events)
    for word in [PUMP, *words, 0, shut(0) | shut(1) | shut(2), PUMP]:
        fly(plant, 10.0, word)
        total_ml = truth(plant, "inventory_total_ml") + truth(plant, "lost_total_ml")
        assert total_ml == pytest.approx(config.volume_ml, rel=1e-9)
        assert truth(plant, "lost_total_ml") == pytest.approx(truth(plant, "lost_outside_ml") + truth(plant, "lost_cabin_ml"), abs=1e-6)
        assert np.isfinite(plant.truth).all()
        assert (plant.truth[1:15] >= -1e-9).all()  # inventories, losses, volumes, pressures
        assert truth(plant, "inventory_connected_ml") <= truth(plant, "inventory_total_ml") + 1e-6


@pytest.mark.req("REQ-PLT-001")
def test_same_seed_same_counts_and_another_seed_others() -> None:
    def record(seed: int) -> list[bytes]:
        plant = Plant(PlantConfig(), seed, 100, [event(5.0, "leak", segment="rad1", hole_mm=1.0), event(8.0, "sensor", mode="dead_mux")])
        rows = []
        for tick in range(700):  # beyond two blocks of noise
            rows.append(plant.counts.tobytes() + bytes([plant.switches & 255]))
            plant.step(PUMP if tick < 200 else shut(0))
        return rows

    first = record(11)
    assert record(11) == first
    assert record(12) != first


@pytest.mark.req("REQ-PLT-001")
def test_two_plants_flown_in_turn_do_not_disturb_each_other() -> None:
    alone, one, two = (Plant(PlantConfig(), seed) for seed in (3, 3, 4))
    for _ in range(600):
        alone.step(PUMP)
    for _ in range(600):
        one.step(PUMP)
        two.step(PUMP)
    assert (alone.counts == one.counts).all()
    assert (one.counts != two.counts).any()


@pytest.mark.parametrize("hole_mm", [0.8, 12.0])
def test_tick_length_changes_a_leak_by_less_than_one_percent(hole_mm: float) -> None:
    results = []
    for tick_ms in (10, 20, 50, 100):
        plant = Plant(PlantConfig(), 1, tick_ms, [event(5.0, "leak", segment="rad2", hole_mm=hole_mm)])
        fly(plant, 10.0)
        fly(plant, 10.0, shut(1))
        results.append([truth(plant, name) for name in ("lost_total_ml", "p_comp_kpa", "gas_volume_ml", "t_mean_degc", "t_gas_degc")])
    for other in results[1:]:
        assert other[:3] == pytest.approx(results[0][:3], rel=0.01)
        assert other[3:] == pytest.approx(results[0][3:], abs=0.2)


def test_tick_length_changes_the_noise_not_at_all() -> None:
    for tick_ms in (10, 100):
        plant = Plant(PlantConfig(load_w=0.0, orbit_swing_k=0.0), 1, tick_ms)
        counts = []
        for _ in range(2000):
            plant.step(PUMP)
            counts.append(plant.counts[:3].astype(float))
        kpa = np.std(counts, axis=0) / 52416 * 250.0
        assert kpa == pytest.approx([0.12] * 3, rel=0.1)


def test_wrong_tick_or_seedless_event_is_refused() -> None:
    with pytest.raises(ValueError, match="tick_ms"):
        Plant(PlantConfig(), 1, 30)
    with pytest.raises(ValueError, match="telecommands"):
        Plant(PlantConfig(), 1, 100, [event(0.0, "command", name="x")])
    with pytest.raises(ValueError, match="hole_mm"):
        Plant(PlantConfig(), 1, 100, [event(0.0, "leak", segment="rad1", hole_mm=math.nan)])


def test_plant_flies_without_a_cache_folder(tmp_path: Path) -> None:
    """A read-only home must cost compile time only."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    code = "from isoloop.jit import entry\nf = entry(lambda x: x + 1)\nassert f(1) == 2\nprint('flew')"
    env = {**os.environ, "HOME": str(blocked), "XDG_CACHE_HOME": str(blocked), "NUMBA_CACHE_DIR": ""}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout == "flew\n", done.stderr


def test_emptied_segment_opened_again_flies_on() -> None:
    """Its last trace of liquid used to underflow in the square of the hole's effective area, and the flows became NaN."""
    plant = fly(Plant(PlantConfig(), 1, 100, [event(5.0, "leak", segment="rad3", hole_mm=30.0)]), 900.0, shut(2))
    assert truth(plant, "lost_rad3_ml") > 7000.0
    fly(plant, 20.0, reopen(2))
    assert np.isfinite(plant.truth).all()
    assert truth(plant, "leak_rad3_ml_s") > 10.0
