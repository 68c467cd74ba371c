"""The flow watch kernels: what is learned, what is called a loss, and that no intermediate leaves 31-bit integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoloop.dictionary import load_dictionary
from isoloop.replay.flow_study import Watch, load_kernel, logs

KERNEL = load_kernel()
LEVEL_UL_S = 1_000_000
BOUND = 1 << 30


class Small(int):
    """An integer that the board carries without allocation; arithmetic that leaves +/-2^30 fails the test."""

    def __new__(cls, value: int) -> Small:
        assert -BOUND <= value < BOUND, f"{value} leaves 31 bits"
        return super().__new__(cls, value)


def _guarded(name: str) -> Any:
    plain = getattr(int, name)

    def operate(self: int, other: int) -> Small:
        result = plain(self, other)
        return result if result is NotImplemented else Small(result)

    return operate


for _name in ("add", "sub", "mul", "floordiv", "and", "rshift", "lshift", "radd", "rsub", "rmul", "rfloordiv"):
    setattr(Small, f"__{_name}__", _guarded(f"__{_name}__"))


def config(**changes: int) -> list[int]:
    """Kernel configuration at 10 Hz with dictionary defaults; `changes` by CFG_ name."""
    rows = load_dictionary().parameters_by_name
    cfg = [0] * KERNEL["CFG_SIZE"]
    values = {
        "STEP_TICKS": 9, "TICK_MS": 100, "STALE_TICKS": 50, "EVIDENCE_MAX_TICKS": 50, "BLOCK_TICKS": 200, "BLOCK_S": 20,
        "LOSS_PERMILLE": rows["flow_loss_permille"].default, "GROSS_PERMILLE": rows["flow_gross_permille"].default,
        "HOLD_MS": rows["flow_hold_ms"].default, "SPREAD_MAX_PERMILLE": rows["flow_spread_max_permille"].default,
        "NOISE_MIN_PERMILLE": rows["flow_noise_min_permille"].default, "NOISE_MAX_PERMILLE": rows["flow_noise_max_permille"].default,
        "DRIFT_PERMILLE_H": rows["flow_drift_permille_h"].default, "FALL_MAX_PERMILLE": rows["flow_fall_max_permille"].default,
        "FLOW_MIN_UL_S": rows["flow_min_ul_s"].default,
    }  # fmt: skip
    for name, value in {**values, **changes}.items():
        cfg[KERNEL["CFG_" + name]] = value
    return cfg


class Meter:
    """Feeds one sample a second and remembers when the loss was called."""

    def __init__(self, cfg: list[int] | None = None) -> None:
        self.cfg = cfg or config()
        self.state = [0] * KERNEL["ST_SIZE"]
        self.second = 0
        self.loss_s: int | None = None

    def feed(self, flow: Any) -> Meter:
        """Samples in uL/s, one a second; None is a row that is missing."""
        for sample in flow:
            tick = self.second * 10
            if KERNEL["take_sample"](self.state, self.cfg, KERNEL["UNKNOWN"] if sample is None else int(sample), tick):
                KERNEL["close_block"](self.state, self.cfg, tick)
                KERNEL["judge_step"](self.state, self.cfg)
            if self.loss_s is None and self.verdict == KERNEL["LOSS"]:
                self.loss_s = self.second
            self.second += 1
        return self

    def __getattr__(self, name: str) -> int:
        return self.state[KERNEL["ST_" + name.upper()]]


def noisy(level: float, seconds: int, seed: int = 0, noise: float = 0.004) -> Any:
    return np.random.default_rng(seed).normal(level, noise * level, seconds).round()


def settled(seed: int = 0) -> Meter:
    meter = Meter().feed(noisy(LEVEL_UL_S, 420, seed))
    assert meter.blocks == KERNEL["BLOCKS"]
    return meter


def test_settling_learns_level_floor_and_noise() -> None:
    meter = settled()
    assert meter.baseline_ul_s == pytest.approx(LEVEL_UL_S, rel=0.002)
    assert 0.995 * LEVEL_UL_S < meter.floor_ul_s <= meter.baseline_ul_s
    assert meter.noise_ul_s == pytest.approx(0.004 * LEVEL_UL_S, rel=0.3)


def test_meter_without_noise_is_given_the_least() -> None:
    meter = Meter().feed([LEVEL_UL_S] * 420)
    assert meter.noise_ul_s == 0.004 * LEVEL_UL_S
    assert meter.floor_ul_s == LEVEL_UL_S


def test_start_up_transient_lowers_the_floor_by_a_bounded_share() -> None:
    meter = Meter().feed(noisy(0.8 * LEVEL_UL_S, 60)).feed(noisy(LEVEL_UL_S, 360, 1))
    assert meter.floor_ul_s == pytest.approx(0.96 * meter.baseline_ul_s, rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_loss_of_four_percent_is_called_within_25_s(seed: int) -> None:
    meter = settled(seed).feed(noisy(0.96 * LEVEL_UL_S, 60, seed + 100))
    assert meter.loss_s is not None
    assert 15 <= meter.loss_s - 420 <= 25


@pytest.mark.parametrize("seed", range(5))
def test_step_of_one_and_a_half_percent_is_no_loss(seed: int) -> None:
    assert settled(seed).feed(noisy(0.985 * LEVEL_UL_S, 600, seed + 100)).loss_s is None


def test_step_back_to_a_level_seen_while_settling_is_no_loss() -> None:
    meter = Meter().feed(noisy(0.975 * LEVEL_UL_S, 60)).feed(noisy(LEVEL_UL_S, 440, 1))
    assert meter.feed(noisy(0.97 * LEVEL_UL_S, 600, 2)).loss_s is None
    assert meter.feed(noisy(0.93 * LEVEL_UL_S, 60, 3)).loss_s is not None


def test_dip_of_ten_seconds_is_no_loss_whatever_its_depth() -> None:
    meter = settled()
    for seed in range(20):
        meter.feed([0] * 10).feed(noisy(LEVEL_UL_S, 30, seed))
    assert meter.loss_s is None


def test_hold_is_the_shortest_time_to_a_loss() -> None:
    meter = settled().feed([0] * 15)
    assert meter.verdict == KERNEL["SUSPECT"]
    assert meter.feed([0] * 2).verdict == KERNEL["LOSS"]


def test_loss_stays_latched_when_the_flow_returns() -> None:
    meter = settled().feed([0] * 30).feed(noisy(LEVEL_UL_S, 900, 7))
    assert meter.verdict == KERNEL["LOSS"]
    assert meter.statistic_ms == 0


def test_gap_in_the_rows_is_no_evidence() -> None:
    meter = settled().feed([None] * 600)
    assert meter.verdict == KERNEL["STALE"]
    assert meter.feed([0]).verdict == KERNEL["OK"]
    assert meter.statistic_ms <= 5000


def test_thinned_rows_are_weighed_by_the_time_between_them() -> None:
    thinned = [[0, None, None][i % 3] for i in range(60)]
    assert settled().feed(thinned).loss_s is not None


def test_spikes_while_settling_move_neither_level_nor_threshold() -> None:
    flow = noisy(LEVEL_UL_S, 420)
    flow[::25] *= 0.1
    flow[7::40] *= 2
    spiky = Meter().feed(flow)
    clean = settled()
    assert spiky.floor_ul_s == pytest.approx(clean.floor_ul_s, rel=0.006)
    assert spiky.feed(noisy(0.96 * LEVEL_UL_S, 60, 3)).loss_s is not None


def test_slow_leak_is_not_learned_away() -> None:
    meter = settled()
    hours = 6
    falling = LEVEL_UL_S * (1 - 0.01 * np.arange(hours * 3600) / 3600)
    meter.feed(falling + noisy(0, 1)[0])
    assert meter.loss_s is not None
    drop = 0.01 * (meter.loss_s - 420) / 3600
    assert 0.02 < drop < 0.05, "the fall that is followed is bounded: 1 % and then the threshold"


def test_slow_rise_is_followed_and_its_fall_is_bounded() -> None:
    meter = settled()
    meter.feed(noisy(1.03 * LEVEL_UL_S, 8 * 3600, 5))
    assert meter.baseline_ul_s == pytest.approx(1.03 * LEVEL_UL_S, rel=0.005)
    peak = meter.peak_ul_s
    meter.feed(noisy(1.015 * LEVEL_UL_S, 6 * 3600, 6))
    assert 0.9895 * peak <= meter.baseline_ul_s <= 0.992 * peak


def test_suspicion_teaches_nothing() -> None:
    meter = settled()
    before = meter.baseline_ul_s
    for seed in range(10):
        meter.feed(noisy(0.96 * LEVEL_UL_S, 10, seed)).feed(noisy(LEVEL_UL_S, 10, seed + 50))
    assert meter.loss_s is None
    assert meter.baseline_ul_s >= before * 0.9999


def test_gross_loss_is_called_while_settling() -> None:
    assert Meter().feed(noisy(LEVEL_UL_S, 150)).feed(noisy(0.8 * LEVEL_UL_S, 40, 1)).loss_s is not None
    assert Meter().feed(noisy(LEVEL_UL_S, 150)).feed(noisy(0.95 * LEVEL_UL_S, 400, 1)).loss_s is None


def test_pump_that_is_off_is_not_learned() -> None:
    meter = Meter().feed([0] * 1000)
    assert meter.verdict == KERNEL["OK"]
    assert meter.baseline_ul_s == 0
    assert meter.feed(noisy(LEVEL_UL_S, 840)).baseline_ul_s == pytest.approx(LEVEL_UL_S, rel=0.005)


def test_noisy_meter_lowers_its_own_floor() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        assert Meter().feed(rng.normal(LEVEL_UL_S, 0.06 * LEVEL_UL_S, 7200)).loss_s is None


def test_tick_wraps_without_a_verdict() -> None:
    meter = settled()
    start = (1 << 30) - 50
    state = list(meter.state)
    for name in ("SEEN_TICK", "STEP_TICK", "BLOCK_TICK"):
        state[KERNEL["ST_" + name]] = start
    for second, sample in enumerate(noisy(LEVEL_UL_S, 60, 4), start=1):
        tick = (start + second * 10) & (BOUND - 1)
        KERNEL["take_sample"](state, meter.cfg, int(sample), tick)
        assert KERNEL["take_sample"](state, meter.cfg, KERNEL["UNKNOWN"], (tick + 1) & (BOUND - 1)) == 0
        KERNEL["close_block"](state, meter.cfg, tick)
        assert KERNEL["judge_step"](state, meter.cfg) == KERNEL["OK"]
    assert state[KERNEL["ST_BLOCK_COUNT"]] < 25, "blocks close across the wrap"


EXTREMES = st.sampled_from([-BOUND + 1, -10_000_000, -1, 0, 1, 999, 1000, 20_000, 999_999, 10_000_000, BOUND - 1])


@given(
    flow=st.lists(EXTREMES | st.integers(-BOUND + 1, BOUND - 1) | st.integers(900_000, 1_100_000), min_size=1, max_size=40),
    repeat=st.integers(1, 12),
    gap_ticks=st.sampled_from([1, 10, 15, 60]),
    data=st.data(),
)
def test_no_intermediate_leaves_31_bits(flow: list[int], repeat: int, gap_ticks: int, data: st.DataObject) -> None:
    """Extreme samples under extreme parameters, every operation checked. Short blocks, so that everything is reached."""
    rows = load_dictionary().parameters_by_name
    names = {
        "LOSS_PERMILLE": "flow_loss_permille", "GROSS_PERMILLE": "flow_gross_permille", "HOLD_MS": "flow_hold_ms",
        "SPREAD_MAX_PERMILLE": "flow_spread_max_permille", "NOISE_MIN_PERMILLE": "flow_noise_min_permille",
        "NOISE_MAX_PERMILLE": "flow_noise_max_permille", "DRIFT_PERMILLE_H": "flow_drift_permille_h",
        "FALL_MAX_PERMILLE": "flow_fall_max_permille", "FLOW_MIN_UL_S": "flow_min_ul_s",
    }  # fmt: skip
    chosen = {name: data.draw(st.sampled_from([rows[row].min, rows[row].default, rows[row].max])) for name, row in names.items()}
    block_s = rows["flow_settle_s"].max // KERNEL["BLOCKS"]
    cfg = [Small(value) for value in config(**chosen, BLOCK_TICKS=data.draw(st.sampled_from([20, block_s * 10])), BLOCK_S=block_s)]
    state = [Small(0)] * KERNEL["ST_SIZE"]
    tick = 0
    for sample in flow * repeat:
        tick += gap_ticks
        if KERNEL["take_sample"](state, cfg, Small(sample), Small(tick)):
            KERNEL["close_block"](state, cfg, Small(tick))
            KERNEL["judge_step"](state, cfg)
    assert all(-BOUND <= value < BOUND for value in state)
    assert 0 <= state[KERNEL["ST_STATISTIC_MS"]] <= cfg[KERNEL["CFG_HOLD_MS"]]


@pytest.mark.parametrize("sign", [-1, 1])
def test_longest_blocks_of_the_largest_flow_stay_within_31_bits(sign: int) -> None:
    """The sums at their worst: full blocks, and a hundred samples a step, of full flow that alternates."""
    cfg = [Small(value) for value in config(BLOCK_TICKS=6000, BLOCK_S=60, STEP_TICKS=90, TICK_MS=10)]
    state = [Small(0)] * KERNEL["ST_SIZE"]
    for tick in range(60_000):
        sample = sign * (BOUND - 1) * (1 if (tick + 89) // 90 % 2 else -1)
        if KERNEL["take_sample"](state, cfg, Small(sample), Small(tick)):
            KERNEL["close_block"](state, cfg, Small(tick))
            KERNEL["judge_step"](state, cfg)


def test_numba_and_python_agree_on_every_state() -> None:
    import numba

    compiled = {name: numba.njit(KERNEL[name]) for name in ("take_sample", "close_block", "judge_step")}
    rng = np.random.default_rng(11)
    flow = rng.normal(LEVEL_UL_S, 5000, 4000) - np.clip((np.arange(4000) - 2500) * 100, 0, 60_000)
    flow[rng.random(4000) < 0.01] = -5_000_000
    ticks = np.cumsum(rng.integers(1, 25, 4000))
    plain = [0] * KERNEL["ST_SIZE"]
    fast = np.zeros(KERNEL["ST_SIZE"], dtype=np.int32)
    cfg = config()
    fast_cfg = np.array(cfg, dtype=np.int32)
    for tick, sample in zip(ticks.tolist(), flow.round().astype(int).tolist(), strict=True):
        sample = KERNEL["UNKNOWN"] if sample % 7 == 0 else sample
        step = KERNEL["take_sample"](plain, cfg, sample, tick)
        assert compiled["take_sample"](fast, fast_cfg, sample, tick) == step
        if step:
            assert KERNEL["close_block"](plain, cfg, tick) == compiled["close_block"](fast, fast_cfg, tick)
            assert KERNEL["judge_step"](plain, cfg) == compiled["judge_step"](fast, fast_cfg)
    assert plain == fast.tolist()
    assert plain[KERNEL["ST_VERDICT"]] == KERNEL["LOSS"]


def test_real_logs_are_called_within_45_s_and_quiet_before(skab_dir: Any) -> None:
    found = logs(skab_dir)
    watch = Watch()
    assert watch.fly(*found["anomaly-free"])[0] is None
    for name, earliest_s, change_s in (("leak-a", 610, 634), ("leak-b", 840, 870), ("valve-closing", 600, 629)):
        at = watch.fly(*found[name])[0]
        assert at is not None
        assert earliest_s <= at <= change_s + 45, name


def test_real_logs_allow_the_neighbouring_parameters(skab_dir: Any) -> None:
    """The chosen point stands inside the feasible region, not on its edge."""
    found = logs(skab_dir)
    for settings in ({"loss": 20}, {"loss": 26}, {"hold": 13_000}, {"hold": 21_000}, {"settle": 300}):
        watch = Watch(settings)
        assert watch.fly(*found["anomaly-free"])[0] is None, settings
        for name, change_s in (("leak-a", 634), ("leak-b", 870), ("valve-closing", 629)):
            at = watch.fly(*found[name])[0]
            assert at is not None
            assert change_s - 24 <= at <= change_s + 45, (settings, name)
