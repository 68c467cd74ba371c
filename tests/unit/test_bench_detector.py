"""The detector's bench: its loop is the flight's, its bounds are exact, its plans are what the seed says."""

import json
import math
from array import array
from pathlib import Path

import numpy as np
import pytest

from isoloop.bench import speed, stats
from isoloop.bench.clairvoyant import delays_s
from isoloop.bench.flight import Flight, Order, shared
from isoloop.bench.nuisance import CAUSES, nuisance
from isoloop.bench.page import write_page
from isoloop.bench.peers import FAST, delays, excursions, label
from isoloop.bench.rows import Row, delay_row
from isoloop.bench.trials import LeakJob, NuisanceJob, hole_of_ml_h, run
from isoloop.kernels import firmware
from isoloop.plant import PlantConfig, PlantEvent


def _arrays(history):
    return [
        shared(one)
        for value in vars(history).values()
        for one in (value if isinstance(value, tuple) else (value,))
        if isinstance(one, array)
    ]


def _by_hand(flight: Flight, ticks: int, flowing: int = 1):
    """The flight classes called as tcs/app.py calls them, on the counts of a bench flight; yields (detector, bench flight) a tick."""
    board, tables = firmware("boards.reference"), firmware("tcs.tables")
    rows = flight._plant.calibration()
    kinds, lows, highs = ([row[i] for row in rows] for i in range(3))
    sensing = firmware("tcs.sensing").Sensing(kinds, lows, highs, board.ADC, flight.params)
    inventory = firmware("tcs.inventory").Inventory(flight.params)
    detector = firmware("tcs.detector").Detector(flight.params)
    was_suspect = False
    for tick in range(ticks):
        sensing.update(flight._plant.counts.tolist(), 0xFFFF, tick, 0 if was_suspect else 1, 7)
        inventory.update(sensing, 7, flowing, True)
        verdict = detector.update(sensing, inventory, True, tick)
        was_suspect = verdict in (tables.ST_VERDICT_SUSPECT, tables.ST_VERDICT_LEAK)
        yield detector, inventory


def test_bench_loop_and_flight_classes_agree_to_the_bit_until_the_verdict() -> None:
    leak = PlantEvent(60.0, "leak", {"segment": "rad2", "hole_mm": 0.8, "ramp_s": 0.0})
    flight = Flight(PlantConfig.from_preset("soyuz"), 3, [leak])
    by_hand = _by_hand(flight, 700)
    called = None
    for tick in range(700):
        detector, inventory = next(by_hand)
        if flight.fly(0.1, lambda: True):
            called = tick
        assert np.array_equal(shared(detector.state), shared(flight.detector.state)), tick
        assert np.array_equal(shared(inventory.state), shared(flight.inventory.state)), tick
        for ours, theirs in zip(_arrays(flight.detector.history), _arrays(detector.history), strict=True):
            assert np.array_equal(ours, theirs), tick
        assert detector.verdict == flight.detector.verdict or called is None
        if called is not None:
            break
    assert called is not None, "the leak was not called"
    assert 600 <= called <= 640
    assert detector.verdict == flight.detector.verdict == firmware("tcs.tables").ST_VERDICT_LEAK
    assert detector.stage == flight.detector.stage


def test_leak_trial_finds_a_burst_at_once_and_is_a_function_of_its_seed() -> None:
    results = [run(LeakJob(30_000, 12.0, 5.0)) for _ in range(2)]
    assert results[0].delay_s == results[1].delay_s
    assert 0.0 < results[0].delay_s <= 0.3


def test_rate_trial_reports_the_truth_beside_the_estimate() -> None:
    result = run(LeakJob(30_001, 0.8, 60.0, rate=True))
    assert result.rate is not None
    assert result.rate["true"] == pytest.approx(5900.0, rel=0.1)
    assert result.rate["low"] < result.rate["high"]


def test_nuisance_is_a_function_of_its_seed_and_blames_every_cause() -> None:
    one, two, other = nuisance(5, 20.0), nuisance(5, 20.0), nuisance(6, 20.0)
    assert one == two
    assert one != other
    blamed = {CAUSES[blame.row] for blame in one.blames} | {CAUSES[blame.row] for blame in other.blames}
    assert blamed >= {"quiet", "attitude", "heat", "pump stop", "bypass", "vibration"}
    assert all(event.kind != "leak" for event in one.events)


def test_nuisance_of_one_cause_holds_no_other() -> None:
    plan = nuisance(7, 10.0, "bypass")
    assert not plan.events
    assert {order.what for order in plan.orders} == {"bypass_open", "bypass_shut"}


def test_orders_reach_the_plant() -> None:
    flight = Flight(PlantConfig.from_preset("soyuz"), 1, orders=[Order(1.0, "pump_off"), Order(2.0, "bypass_open")])
    flight.fly(10.0)
    names = firmware_truth()
    assert flight.truth[names["pump_speed_ratio"]] < 0.01
    assert flight.truth[names["valve_bypass_ratio"]] == 1.0


def firmware_truth() -> dict[str, int]:
    from isoloop.plant import TRUTH_NAMES

    return {name: i for i, name in enumerate(TRUTH_NAMES)}


def test_peers_with_thresholds_from_a_trace_are_silent_on_it() -> None:
    result = run(NuisanceJob(20_000, 0.05, peers=True))
    trace = np.zeros((20_000, 2))
    trace[:, 0] = 118.0 + 0.07 * np.random.Generator(np.random.PCG64(1)).standard_normal(20_000)
    trace[:, 1] = 49_000.0
    peaks = excursions(trace)
    assert set(peaks) == set(result.excursions) == {label(*key) for key in FAST}
    assert all(delay is None for delay in delays(trace, 1200, peaks).values())
    trace[15_000:, 0] -= 5.0
    found = delays(trace, 15_000, peaks)
    assert found[label("low-pressure limit", "1 of 1")] == 0.0
    assert found[label("EWMA", "1 against 60 s")] is None, "the inventory has not changed"


def test_clairvoyant_bound_stands_where_the_facts_put_it() -> None:
    # About 1 s for 0.8 mm and 4 s for 0.3 mm, a little less since the gas is stiffer than isothermal at first.
    assert stats.quantile(delays_s(0.8, 10.0, 50), 0.5) == pytest.approx(0.9, abs=0.2)
    assert stats.quantile(delays_s(0.3, 20.0, 50), 0.5) == pytest.approx(3.4, abs=0.7)


def test_hole_of_a_rate_passes_that_rate() -> None:
    assert hole_of_ml_h(20_900.0) == pytest.approx(0.8, rel=0.02)


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(0, 200, 0.0, 1.0 - 0.025 ** (1 / 200)), (200, 200, 0.025 ** (1 / 200), 1.0), (5, 10, 0.18709, 0.81291), (1, 20, 0.00127, 0.24873)],
)
def test_binomial_bounds_are_those_of_clopper_and_pearson(hits: int, trials: int, low: float, high: float) -> None:
    assert stats.binomial_bounds(hits, trials) == pytest.approx((low, high), abs=1e-5)


def test_poisson_upper_bound_is_exact() -> None:
    assert stats.poisson_upper(0, 10.0) == pytest.approx(-math.log(0.05) / 10.0)
    assert stats.poisson_upper(1, 1.0) == pytest.approx(4.74386, abs=1e-4)
    assert stats.poisson_upper(10, 1.0) == pytest.approx(16.9622, abs=1e-3)


def test_a_leak_that_is_not_found_is_infinitely_late() -> None:
    assert stats.quantile([1.0, 2.0, None], 0.5) == 2.0
    assert stats.quantile([1.0, None, None], 0.5) is None
    row = delay_row("leak", "isoloop", [1.0] * 90 + [None] * 10, (1.5, 2.0), None, 0.0, bound=True)
    assert row.median == 1.0
    assert not row.ok


def test_row_document_and_page(tmp_path: Path) -> None:
    row = Row("leak 0.8 mm, side by side", "isoloop", 3, 1.0, None, "s", "ahead", True, None, 86400.0)
    assert set(json.loads(json.dumps(row.document()))) == {
        "case", "method", "n", "median", "p95", "unit", "want", "ok", "false_per_year", "seconds_of_nuisance",
    }  # fmt: skip
    write_page(tmp_path / "page.html", [row], ["a <note>"])
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "polyline" in text
    assert "a &lt;note&gt;" in text


def test_speeds_are_those_of_their_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kernel gets its own arrays: the wrong ones crash it, or leave it nothing to do."""
    monkeypatch.setattr(speed, "TICKS", 5000)
    found = speed.ticks_a_second()
    assert set(found) == {"plant, noise and all kernels", *speed.PARTS, "all kernels", "detector bank"}
    assert all(rate > 0 for rate in found.values())
