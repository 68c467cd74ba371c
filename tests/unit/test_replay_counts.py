"""From a log's values to counts: spans, saturation, the supply, and the tick in which each row arrives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from isoloop.dictionary import load_dictionary
from isoloop.replay.board import board_params, is_coarse
from isoloop.replay.calibration import KIND_ABSENT, KIND_FLOW, KIND_PRESSURE, KIND_V_REF
from isoloop.replay.counts import SampleStream, sample_stream
from isoloop.replay.log import RecordedLog
from isoloop.schema.map import ChannelMap, ReplayMap

FLOW = ChannelMap("flow", 7, "flow", "L/min", (0.0, 150.0), 3)
COMP = ChannelMap("p_comp_a", 0, "p", "kPa", None, 4)
SUPPLY = ChannelMap("v_ref", 15, "v", "V", None, 5)


def stream(time_s: list[float], columns: dict[ChannelMap, list[float]], **changes: Any) -> SampleStream:
    return sample_stream(*made(time_s, columns, **changes))


def made(time_s: list[float], columns: dict[ChannelMap, list[float]], **changes: Any) -> tuple[RecordedLog, ReplayMap]:
    fields = {"tick_ms": 100, "stale_s": 5.0, "params": {}, **changes}
    replay_map = ReplayMap("m", "m.toml", "t", "s", None, channels=tuple(sorted(columns, key=lambda row: row.index)), **fields)
    values = np.array([columns[channel] for channel in replay_map.channels]).T
    return RecordedLog("log.csv", np.array(time_s), values), replay_map


def test_span_lies_on_ten_to_ninety_percent_of_the_counts() -> None:
    found = stream([0, 1, 2], {COMP: [0, 125_000, 250_000]})
    assert found.counts[:, 0].tolist() == [6552, 32760, 58968]
    assert found.calibration[0] == type(found.calibration[0])(KIND_PRESSURE, 0, 250_000)


def test_map_span_is_converted_to_calibration_units() -> None:
    found = stream([0], {FLOW: [75e6 / 60]})
    assert (found.calibration[7].kind, found.calibration[7].lo, found.calibration[7].hi) == (KIND_FLOW, 0, 2_500_000)
    assert found.counts[0, 7] == 32760


def test_channels_that_the_map_does_not_name_are_absent() -> None:
    found = stream([0], {FLOW: [1e6]})
    kinds = [row.kind for row in found.calibration]
    assert kinds == [KIND_ABSENT] * 7 + [KIND_FLOW] + [KIND_ABSENT] * 7 + [KIND_V_REF]
    assert found.fresh[0] == 1 << 7 | 1 << 15


@pytest.mark.parametrize(("pressure_pa", "low", "high"), [(-30_000, 0, 3275), (1e9, 62_245, 65_520), (-1e9, 0, 0), (-5_000, 3276, 6551)])
def test_value_beyond_the_span_reads_as_a_broken_sensor_does(pressure_pa: float, low: int, high: int) -> None:
    """A little below the span is still a reading; far out is open or short."""
    assert low <= int(stream([0], {COMP: [pressure_pa]}).counts[0, 0]) <= high


def test_row_arrives_in_the_first_tick_that_is_not_before_it() -> None:
    found = stream([0, 0.1, 0.25, 1.0], {COMP: [1e5] * 4})
    assert found.tick.tolist() == [0, 1, 3, 10]
    assert found.ticks == 11


def test_rows_of_one_tick_keep_the_last_of_each_channel() -> None:
    found = stream([0, 1.0, 1.0], {COMP: [1e5, 1.1e5, math.nan], FLOW: [1e6, math.nan, 1.2e6]})
    assert found.tick.tolist() == [0, 10]
    assert found.fresh[1] == 1 << 0 | 1 << 7 | 1 << 15
    assert found.counts[1, 0] == round(6552 + 0.44 * 52416)
    assert found.counts[1, 7] == round(6552 + 0.48 * 52416)


def test_empty_cell_is_no_new_sample() -> None:
    found = stream([0, 1, 2], {COMP: [1e5, math.nan, 1.2e5], FLOW: [1e6, 1e6, 1e6]})
    assert [bool(mask & 1) for mask in found.fresh.tolist()] == [True, False, True]
    assert found.counts[1, 0] == found.counts[0, 0]


def test_supply_that_nobody_logged_is_nominal_and_not_frozen() -> None:
    found = stream([0, 1, 2], {COMP: [1e5] * 3})
    assert set(found.counts[:, 15].tolist()) == {32760, 32761}


def test_logged_supply_scales_every_sensor_with_it() -> None:
    found = stream([0, 1], {COMP: [125_000, 125_000], SUPPLY: [3.3, 3.135]})
    assert found.counts[:, 15].tolist() == [32760, 31122]
    assert found.counts[:, 0].tolist() == [32760, 31122]


def test_replay_is_passive_and_takes_times_from_the_map() -> None:
    log, replay_map = made([0, 1], {COMP: [1e5, 1.1e5]}, tick_ms=50, stale_s=2.5, params={"flow_hold_ms": 9000})
    params = board_params(log, sample_stream(log, replay_map), replay_map)
    assert params["mode"] == load_dictionary().state_number("mode", "passive")
    assert (params["tick_ms"], params["stale_ms"], params["flow_hold_ms"]) == (50, 2500, 9000)
    assert params["coherent_counts"] == 0, "rows a second apart"


def test_maps_own_parameters_win() -> None:
    log, replay_map = made([0, 1], {COMP: [1e5, 1.1e5]}, params={"coherent_counts": 7, "stuck_ms": 3000})
    params = board_params(log, sample_stream(log, replay_map), replay_map)
    assert (params["coherent_counts"], params["stuck_ms"]) == (7, 3000)


def test_coarse_log_switches_the_stuck_test_off_and_one_frozen_sensor_does_not() -> None:
    rng = np.random.default_rng(1)
    fine = rng.normal(1.25e5, 120, 2000)
    coarse = np.floor(fine / 2000) * 2000
    frozen = fine.copy()
    frozen[1200:] = frozen[1200]
    time_s = (np.arange(2000) / 10).tolist()
    verdicts = []
    for values in (fine, coarse, frozen):
        log, replay_map = made(time_s, {COMP: values.tolist()})
        found = sample_stream(log, replay_map)
        verdicts.append(is_coarse(found))
        assert ("stuck_ms" in board_params(log, found, replay_map)) == verdicts[-1]
    assert verdicts == [False, True, False]
