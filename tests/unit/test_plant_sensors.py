"""What the sixteen channels show of the truth, and what faults make of them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from isoloop.plant import CHANNEL_NAMES, Plant, PlantConfig, adc_table

sys.path.insert(0, str(Path(__file__).parent))
from plant_rig import PUMP, event, fly, still, truth

QUIET = {"supply_wander_ratio": 0.0, "adc_residual_codes": 0.0, "p_drift_ratio": 0.0, "t_offset_k": 0.0, "t_drift_k": 0.0}
SPAN_KPA = dict(zip(CHANNEL_NAMES, [250.0] * 3 + [400.0] + [600.0] * 3 + [250.0], strict=False))
TRUTH_OF = {"p_comp_a": "p_comp_kpa", "p_comp_b": "p_comp_kpa", "p_comp_c": "p_comp_kpa"}


def readings(plant: Plant, ticks: int, corrected: bool = True) -> np.ndarray:
    """(ticks, 16) counts, the converter's table applied as a board does."""
    rows = []
    for _ in range(ticks):
        plant.step(PUMP)
        rows.append(plant.counts.astype(float))
    counts = np.array(rows)
    measured, ideal = zip(*adc_table(), strict=True)
    return np.interp(counts, measured, ideal) if corrected else counts


def unit(counts: np.ndarray, channel: str) -> np.ndarray:
    """Engineering value of a channel's counts: kPa, or degC."""
    share = (counts[..., CHANNEL_NAMES.index(channel)] - 6552) / 52416
    return share * SPAN_KPA[channel] if channel in SPAN_KPA else share * 180.0 - 90.0


def test_every_channel_reads_its_truth() -> None:
    plant = fly(still(**QUIET), 5.0)
    counts = readings(plant, 400)
    for channel in CHANNEL_NAMES[:8]:
        want = truth(plant, TRUTH_OF.get(channel, f"{channel}_kpa"))
        assert unit(counts, channel).mean() == pytest.approx(want, abs=0.05), channel
    for channel in CHANNEL_NAMES[8:15]:
        assert unit(counts, channel).mean() == pytest.approx(truth(plant, f"{channel}_degc"), abs=0.02), channel
    assert counts[:, 15].mean() == pytest.approx(32760, abs=2)


def test_noise_is_white_0_12_kpa_independent_between_the_three() -> None:
    values = np.stack([unit(readings(still(**QUIET), 3000), c) for c in ("p_comp_a",)])
    a = values[0]
    assert a.std() == pytest.approx(0.12, rel=0.06)
    assert np.corrcoef(a[1:], a[:-1])[0, 1] == pytest.approx(0.0, abs=0.06)
    counts = readings(still(**QUIET), 3000)
    assert np.corrcoef(unit(counts, "p_comp_a"), unit(counts, "p_comp_b"))[0, 1] == pytest.approx(0.0, abs=0.06)


def test_common_mode_noise_is_shared_by_the_loop_pressures_and_slow() -> None:
    counts = readings(still(**QUIET, p_noise_kpa=0.0, common_noise_kpa=0.05), 4000)
    a, pump = unit(counts, "p_comp_a"), unit(counts, "p_pump")
    assert a.std() == pytest.approx(0.05, rel=0.2)
    assert np.corrcoef(a, pump)[0, 1] > 0.95
    assert np.corrcoef(a[10:], a[:-10])[0, 1] == pytest.approx(np.exp(-1.0), abs=0.15)


def test_temperature_sensor_lags_20_s() -> None:
    plant = fly(still(event(1.0, "coolant_temp", delta_k=10.0, ramp_s=0.0), **QUIET), 1.0)
    start = unit(readings(plant, 1), "t_rad1")[0]
    shown = unit(readings(fly(plant, 19.9), 1), "t_rad1")[0]
    assert (shown - start) / (truth(plant, "t_rad1_degc") - start) == pytest.approx(1 - np.exp(-1.0), abs=0.03)


def test_temperature_offsets_stay_within_0_3_k_and_differ_by_seed() -> None:
    offsets = []
    for seed in (1, 2, 3):
        plant = still(seed=seed, supply_wander_ratio=0.0)
        offsets.append(unit(readings(plant, 20), "t_supply").mean() - truth(plant, "t_supply_degc"))
    assert max(np.abs(offsets)) < 0.4  # offset, drift and the converter's residual
    assert np.ptp(offsets) > 0.01


def test_readings_follow_the_sensor_supply_and_v_ref_tells_it() -> None:
    plant = still(**{**QUIET, "supply_wander_ratio": 0.02})
    counts = readings(fly(plant, 3000.0), 50)
    supply = counts[:, 15].mean() / 32760
    assert abs(supply - 1) > 1e-3
    truth_counts = 6552 + truth(plant, "p_comp_kpa") / 250.0 * 52416
    assert counts[:, 0].mean() / supply == pytest.approx(truth_counts, abs=15)


def test_table_takes_the_wide_codes_out_and_without_it_they_show() -> None:
    raw_error, error = [], []
    for charge_kpa in np.arange(80.0, 92.0, 0.5):  # code 1536 is 86 kPa
        plant = still(**QUIET, charge_kpa=float(charge_kpa), p_noise_kpa=0.0)
        for corrected, errors in ((False, raw_error), (True, error)):
            errors.append(unit(readings(plant, 1, corrected), "p_comp_b")[0] - truth(plant, "p_comp_kpa"))
    assert np.ptp(raw_error) > 0.5  # 8 codes of 0.076 kPa
    assert np.max(np.abs(error)) < 0.025  # inside a wide code a count is worth nine


def test_residual_of_the_wide_codes_stays_within_2_codes_of_the_table() -> None:
    errors = []
    for seed in range(6):
        for charge_kpa in (70.0, 84.0, 88.0, 100.0, 150.0):
            plant = still(seed=seed, charge_kpa=charge_kpa, p_noise_kpa=0.0, **{**QUIET, "adc_residual_codes": 2.0})
            errors.append((unit(readings(plant, 1), "p_comp_b")[0] - truth(plant, "p_comp_kpa")) / (250.0 / 3276))
    assert 0.3 < np.max(np.abs(errors)) < 2.5


@pytest.mark.parametrize(("mode", "low", "high"), [("open", 62245, 65520), ("short", 0, 3275)])
def test_open_and_short_leave_the_live_range_and_come_back(mode: str, low: int, high: int) -> None:
    plant = fly(still(event(1.0, "sensor", channel="p_comp_b", mode=mode, duration_s=5.0)), 2.0)
    assert low <= plant.counts[1] <= high
    fly(plant, 6.0)
    assert 20000 < plant.counts[1] < 45000


def test_stuck_repeats_the_last_reading_or_the_given_one() -> None:
    plant = still(event(1.0, "sensor", channel="p_comp_a", mode="stuck"), event(1.0, "sensor", channel="t_rad1", mode="stuck", value=-10.0))
    fly(plant, 0.9)
    last = int(plant.counts[0])
    counts = readings(plant, 100, corrected=False)[1:]
    assert (counts[:, 0] == last).all()
    assert np.ptp(counts[:, 11]) <= 40  # only the supply wanders
    plant.step(PUMP)
    measured, ideal = zip(*adc_table(), strict=True)
    assert unit(np.interp(plant.counts.astype(float), measured, ideal), "t_rad1") == pytest.approx(-10.0, abs=0.2)


def test_bias_ends_and_drift_keeps_its_value() -> None:
    events = [
        event(10.0, "sensor", channel="p_comp_a", mode="bias", value=5.0, duration_s=10.0),
        event(10.0, "sensor", channel="p_comp_b", mode="drift", value=0.5, duration_s=10.0),
    ]
    plant = fly(still(*events, **QUIET), 15.0)
    counts = readings(plant, 1)
    assert unit(counts, "p_comp_a") - unit(counts, "p_comp_c") == pytest.approx(5.0, abs=0.8)
    counts = readings(fly(plant, 10.0), 100)
    difference = {c: (unit(counts, c) - unit(counts, "p_comp_c")).mean() for c in ("p_comp_a", "p_comp_b")}
    assert difference["p_comp_a"] == pytest.approx(0.0, abs=0.05)
    assert difference["p_comp_b"] == pytest.approx(5.0, abs=0.1)


def test_noise_and_spikes_add_what_they_say() -> None:
    events = [
        event(0.0, "sensor", channel="p_comp_a", mode="noise", value=1.0),
        event(0.0, "sensor", channel="p_comp_b", mode="spike", value=10.0),
    ]
    counts = readings(still(*events, **QUIET), 1000)
    assert unit(counts, "p_comp_a").std() == pytest.approx(1.0, rel=0.1)
    b = unit(counts, "p_comp_b")
    assert (b > np.median(b) + 5.0).sum() == 20  # one tick in 50


def test_dead_multiplexer_leaves_two_of_three() -> None:
    plant = fly(still(event(1.0, "sensor", mode="dead_mux")), 2.0)
    others = [int(plant.counts[i]) for i in range(16) if i not in (1, 2)]
    assert max(others) - min(others) < 60
    assert unit(plant.counts.astype(float), "p_comp_b") == pytest.approx(truth(plant, "p_comp_kpa"), abs=1.0)


def test_relay_freezes_everything_or_flips_one_bit_everywhere() -> None:
    frozen = fly(still(event(1.0, "relay", mode="frozen", duration_s=2.0)), 1.0)
    counts = readings(frozen, 15, corrected=False)
    assert np.ptp(counts[1:], axis=0).max() == 0
    assert np.ptp(readings(fly(frozen, 1.0), 15, corrected=False), axis=0).min() > 0
    flipped, clean = (fly(still(*events), 3.0) for events in ([event(1.0, "relay", mode="bitflip")], []))
    pattern = {int(a) ^ int(b) for a, b in zip(flipped.counts, clean.counts, strict=True)}
    assert len(pattern) == 1
    assert pattern.pop().bit_count() == 1


def test_calibration_and_parameters_describe_the_plant() -> None:
    plant = Plant(PlantConfig.from_preset("soyuz", coolant="ammonia"), 1, 50)
    rows = plant.calibration()
    assert len(rows) == 16
    assert rows[0] == (1, 0, 3_000_000)
    assert rows[8] == (2, -90_000, 90_000)
    assert rows[15][0] == 3
    params = plant.firmware_params()
    assert params["coolant"] == 2
    assert params["tick_ms"] == 50
    assert params["gas_pv_mj"] == 7_500_000
    assert all(isinstance(value, int) and abs(value) < 1 << 30 for value in params.values())
