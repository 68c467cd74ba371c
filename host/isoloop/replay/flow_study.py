"""Margins of the flow watch on the test bed's logs, on the source that is flashed: `python -m isoloop.replay.flow_study [FOLDER]`.

Prints the tables of docs/flow_watch.md. The kernels are compiled with numba and run on one row a step.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from isoloop.dictionary import load_dictionary
from isoloop.kernels import firmware
from isoloop.replay.log import load_log
from isoloop.schema import load_map

Floats = npt.NDArray[np.float64]

CHANGES_S = {"leak-a": 634.0, "leak-b": 870.0, "valve-closing": 629.0}
"""Seconds after the first row at which the flow is seen to leave its level: read off the plots, not the labels."""

EARLIEST_S = {"leak-a": 610.0, "leak-b": 840.0, "valve-closing": 600.0}
"""An alarm before this is before the change; leak-b and valve-closing: their label."""

_SETTINGS = {
    "loss": "flow_loss_permille", "hold": "flow_hold_ms", "gross": "flow_gross_permille", "spread": "flow_spread_max_permille",
    "noise_min": "flow_noise_min_permille", "noise_max": "flow_noise_max_permille", "drift": "flow_drift_permille_h",
    "fall": "flow_fall_max_permille", "minimum": "flow_min_ul_s", "settle": "flow_settle_s",
}  # fmt: skip


@dataclass
class Watch:
    """The flow watch at 10 Hz, 5 s stale, with dictionary defaults but for `settings` (short names)."""

    settings: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._kernel, self._run = _compiled()
        rows = load_dictionary().parameters_by_name
        value = {short: self.settings.get(short, rows[name].default) for short, name in _SETTINGS.items()}
        block_s = value["settle"] // self._kernel["BLOCKS"]
        cfg = {
            "STEP_TICKS": 9, "TICK_MS": 100, "STALE_TICKS": 50, "EVIDENCE_MAX_TICKS": 50, "BLOCK_TICKS": block_s * 10, "BLOCK_S": block_s,
            "LOSS_PERMILLE": value["loss"], "GROSS_PERMILLE": value["gross"], "HOLD_MS": value["hold"],
            "SPREAD_MAX_PERMILLE": value["spread"], "NOISE_MIN_PERMILLE": value["noise_min"], "NOISE_MAX_PERMILLE": value["noise_max"],
            "DRIFT_PERMILLE_H": value["drift"], "FALL_MAX_PERMILLE": value["fall"], "FLOW_MIN_UL_S": value["minimum"],
        }  # fmt: skip
        self._cfg = np.zeros(self._kernel["CFG_SIZE"], dtype=np.int32)
        for name, number in cfg.items():
            self._cfg[self._kernel["CFG_" + name]] = number
        self._hold_ms = value["hold"]

    def fly(self, time_s: Floats, flow_l_min: Floats) -> tuple[float | None, Floats]:
        """Time of the alarm or None, and the statistic after each row, 1 at the alarm."""
        tick = np.rint((time_s - time_s[0]) * 10).astype(np.int64)
        flow = np.rint(flow_l_min * 1e6 / 60).astype(np.int64)
        out = np.zeros(len(tick), dtype=np.int64)
        state = np.zeros(self._kernel["ST_SIZE"], dtype=np.int32)
        at = self._run(state, self._cfg, tick, flow, out)
        return (None if at < 0 else float(time_s[at])), out / self._hold_ms


_cache: list[tuple[dict[str, Any], Callable[..., int]]] = []


def _compiled() -> tuple[dict[str, Any], Callable[..., int]]:
    if _cache:
        return _cache[0]
    import numba

    kernel = load_kernel()
    compiled = [numba.njit(kernel[name]) for name in ("take_sample", "close_block", "judge_step")]
    take_sample, close_block, judge_step = compiled
    statistic = kernel["ST_STATISTIC_MS"]
    loss = kernel["LOSS"]

    @numba.njit
    def run(state: Any, cfg: Any, tick: Any, flow: Any, out: Any) -> int:
        at = -1
        for i in range(len(tick)):
            if take_sample(state, cfg, flow[i], tick[i]):
                close_block(state, cfg, tick[i])
                if judge_step(state, cfg) == loss and at < 0:
                    at = i
            out[i] = state[statistic]
        return at

    _cache.append((kernel, run))
    return _cache[0]


def load_kernel() -> dict[str, Any]:
    """The kernel file as flashed, executed as plain Python: its functions and constants by name."""
    return dict(vars(firmware("tcs.flow_watch_kernel")))


def logs(folder: Path) -> dict[str, tuple[Floats, Floats]]:
    """Time, s, and flow, L/min, of the four logs."""
    skab = load_map("skab")
    column = next(i for i, channel in enumerate(skab.channels) if channel.channel == "flow")
    found = {}
    for name in ("anomaly-free", *CHANGES_S):
        log = load_log(folder / f"{name}.csv", skab)
        found[name] = (log.time_s, log.values[:, column] * 60 / 1e6)
    return found


def perturbed(time_s: Floats, flow: Floats, how: str, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """The same log, made worse. noise: as much again as there is; thin: half or three quarters of the rows lost; cut: up to 160 s off the
    start; wander: 1 min noise on top; spikes: 2 % of the rows anywhere between 0 and twice; scale: another level."""
    noise = float(np.diff(flow).std() / 2**0.5)
    rows = len(flow)
    if how == "noise":
        return time_s, flow + rng.normal(0, noise, rows)
    if how in ("thin 2", "thin 4"):
        keep = rng.random(rows) < 1 / int(how[-1])
        keep[0] = True
        return time_s[keep], flow[keep]
    if how == "cut":
        first = int(rng.integers(0, 160))
        return time_s[first:], flow[first:]
    if how == "wander":
        return time_s, flow + 2 * np.convolve(rng.normal(0, 2 * noise, rows + 59), np.ones(60) / 60, "valid")
    if how == "spikes":
        return time_s, np.where(rng.random(rows) < 0.02, flow * rng.uniform(0, 2, rows), flow)
    if how == "scale":
        return time_s, flow * rng.uniform(0.2, 1.15)
    return time_s, flow


def synthetic(rng: np.random.Generator, level: float, noise: float, drop_percent: float) -> tuple[Floats, Floats]:
    """20 minutes at 1 Hz in whole L/min: 0.3 % wander over 100 s, a ramp down of 25 s from 620 s on."""
    rows = 1200
    time_s = np.cumsum(np.where(rng.random(rows) < 0.06, 2.0, 1.0)) - 1.0
    wander = np.convolve(rng.normal(0, 1, rows + 99), np.ones(100) / 10, "valid") * level * 0.003
    flow = level + wander - np.clip((time_s - 620) / 25, 0, 1) * level * drop_percent / 100
    return time_s, np.floor(flow + rng.normal(0, noise, rows))


def sweep(found: dict[str, tuple[Floats, Floats]]) -> Iterator[str]:
    """Around the chosen point: largest statistic with nothing wrong, delays."""
    yield "loss permille, hold s | anomaly-free, leak-b without its first 80 rows: largest statistic | delay s: " + ", ".join(CHANGES_S)
    for loss, hold in [(loss, hold) for hold in (12, 14, 16, 18) for loss in (18, 20, 22, 23, 24, 26, 28, 30)]:
        watch = Watch({"loss": loss, "hold": hold * 1000})
        quiet = watch.fly(*found["anomaly-free"])[1].max()
        time_s, flow = found["leak-b"]
        benign = watch.fly(time_s[80:], flow[80:])[1][time_s[80:] < EARLIEST_S["leak-b"]].max()
        delays = [watch.fly(*found[name])[0] for name in CHANGES_S]
        text = ", ".join("none" if at is None else f"{at - CHANGES_S[name]:+.0f}" for name, at in zip(CHANGES_S, delays, strict=True))
        yield f"{loss:3d} {hold:3d} | {quiet:.2f} {benign:.2f} | {text}"


def perturbations(found: dict[str, tuple[Floats, Floats]], trials: int = 100) -> Iterator[str]:
    """How often it is wrong when the logs are worse than they are."""
    watch = Watch()
    yield f"perturbed, {trials} trials: anomaly-free false | log: false before the change, later than 45 s, median delay s"
    for how in ("noise", "thin 2", "thin 4", "cut", "wander", "spikes", "scale"):
        rng = np.random.default_rng(5)
        quiet = sum(watch.fly(*perturbed(*found["anomaly-free"], how, rng))[0] is not None for _ in range(trials // 4)) / (trials // 4)
        cells = []
        for name, change_s in CHANGES_S.items():
            at = [watch.fly(*perturbed(*found[name], how, rng))[0] for _ in range(trials)]
            false = sum(when is not None and when < EARLIEST_S[name] for when in at) / trials
            delay = [float("inf") if when is None else when - change_s for when in at if when is None or when >= EARLIEST_S[name]]
            late = sum(one > 45 for one in delay) / max(1, len(delay))
            cells.append(f"{name}: {false:.2f}, {late:.2f}, {np.median(delay) if delay else float('nan'):+.0f}")
        yield f"{how:8} {quiet:.2f} | " + " | ".join(cells)


def steps(trials: int = 200) -> Iterator[str]:
    """What size of loss is called, on synthetic logs read in whole L/min."""
    watch = Watch()
    yield f"synthetic, {trials} trials: level L/min, noise L/min, loss % | called within 45 s, 60 s, 580 s, false"
    for level, noise in ((32.0, 0.3), (76.0, 0.3), (124.0, 0.3)):
        for drop in (0.0, 2.5, 3.0, 3.5, 4.0, 5.0):
            rng = np.random.default_rng(3)
            at = [watch.fly(*synthetic(rng, level + rng.random(), noise, drop))[0] for _ in range(trials)]
            false = sum(when is not None and (when < 620 or drop == 0) for when in at)
            called = [sum(when is not None and 620 <= when <= 620 + within for when in at) for within in (45, 60, 580)]
            text = ", ".join(f"{count / trials:.2f}" for count in (*(called if drop else (0, 0, 0)), false))
            yield f"{level:5.0f} {noise:.1f} {drop:3.1f} | {text}"


def restarts(found: dict[str, tuple[Floats, Floats]], length_s: float = 1200.0, every: int = 25) -> Iterator[str]:
    """False alarms when the anomaly-free log is cut into overlapping logs that each settle anew: its dips are real."""
    time_s, flow = found["anomaly-free"]
    for loss in (18, 20, 22, 24, 26):
        watch = Watch({"loss": loss})
        alarms = []
        for first in range(0, len(flow) - 900, every):
            part = (time_s >= time_s[first]) & (time_s < time_s[first] + length_s)
            alarms.append(watch.fly(time_s[part], flow[part])[0])
        at = sorted({round(when / 100) * 100 for when in alarms if when is not None})
        yield f"restarted, loss {loss}: {sum(when is not None for when in alarms)} of {len(alarms)} alarm, at about {at} s"


def main(arguments: list[str]) -> int:
    """Print every table."""
    folder = Path(arguments[0] if arguments else os.environ.get("ISOLOOP_SKAB_DIR", "../shared/data/skab"))
    found = logs(folder)
    for table in (sweep(found), perturbations(found), steps(), restarts(found)):
        for line in table:
            print(line, flush=True)
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
