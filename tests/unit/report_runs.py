"""Run folders for the tests of the report: what `isoloop run ms22` writes, without flying."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from isoloop.dictionary import load_dictionary

ONSET_S, DETECT_S, COMMAND_S, ISOLATED_S, DURATION_S = 60.0, 61.9, 62.0, 65.3, 300.0
RATE_ML_S = 5.8
LEAK = {"onset_s": ONSET_S, "segment": "rad2", "hole_mm": 0.8}


def summary(**changes: Any) -> dict[str, Any]:
    """A summary as `isoloop run ms22` writes it."""
    document: dict[str, Any] = {
        "schema": "isoloop.run/1", "scenario": "ms22", "target": "unix", "seed": 1, "ticks": 3000, "sim_s": DURATION_S, "wall_s": 0.41,
        "firmware": {"version": "0.1.0", "micropython": "1.28.0", "image_sha256": "9f" * 32},
        "truth": {"leaks": [LEAK], "leak": LEAK},
        "verdict": {
            "class": "coolant_leak", "segment": "rad2", "rate_ml_s": 5.9, "hole_mm": 0.81, "rate_ml_s_ci95": [5.1, 6.8], "confidence": 0.97,
        },
        "t_detect_s": DETECT_S, "t_isolate_cmd_s": COMMAND_S, "t_isolated_s": ISOLATED_S,
        "lost_ml": 490.0, "lost_pct": 1.0, "lost_before_isolation_ml": 31.5, "residual_release_ml": 458.5,
        "false_isolations": 0, "false_alarms": 0, "reopened": ["rad1", "rad3"], "latched": True,
        "max_bay_temp_c": 24.2, "max_segment_pressure_kpa": 171.0, "min_loop_pressure_kpa": 112.4, "alloc_faults": 0, "ticks_late": 0,
        "expect": [
            {"name": "detect_within_s", "ok": True, "got": 1.9, "want": 4.0},
            {"name": "segment", "ok": True, "got": "rad2", "want": "rad2"},
        ],
        "ok": True,
    }  # fmt: skip
    document.update(changes)
    return document


def telemetry_times_s(duration_s: float) -> np.ndarray:
    """Report times: once a second, every tick from suspicion until 60 s after."""
    slow = np.arange(0.0, duration_s, 1.0)
    fast = np.arange(61.0, min(122.0, duration_s), 0.1)
    return np.unique(np.round(np.concatenate((slow, fast)), 3))


def telemetry_columns(t_s: np.ndarray, seed: int = 1) -> dict[str, list[Any]]:
    """Every housekeeping field of the dictionary, plausible where it matters for the page, 0 elsewhere; None = unknown."""
    rng = np.random.default_rng(seed)
    leaking = np.clip(t_s - ONSET_S, 0.0, ISOLATED_S - ONSET_S)
    p_pa = 118_000 + 1_500 * np.sin(t_s / 885) - leaking * RATE_ML_S * 39
    shut = t_s >= ISOLATED_S
    columns: dict[str, Any] = {row.name: np.zeros(len(t_s)) for row in load_dictionary().structures_by_name["housekeeping"].fields}
    noisy = lambda base: np.round(base + rng.normal(0, 120, len(t_s)))  # noqa: E731
    for name in "abc":
        columns[f"p_comp_{name}_pa"] = noisy(p_pa)
    columns["p_comp_voted_pa"] = np.round(p_pa)
    columns["p_pump_pa"] = noisy(p_pa + np.where(t_s > 62.1, 0, 30_000))
    for n in (1, 3):
        columns[f"p_rad{n}_pa"] = noisy(p_pa + 9_000)
    columns["p_rad2_pa"] = noisy(np.where(shut, np.maximum(12_700, (p_pa + 9_000) * np.exp(-(t_s - ISOLATED_S))), p_pa + 9_000))
    columns["p_cabin_pa"] = noisy(np.full(len(t_s), 101_300.0))
    for offset, name in enumerate(("gas", "supply", "return", "rad1", "rad2", "rad3", "bay")):
        columns[f"t_{name}_mc"] = np.round(20_000 + 700 * offset + 400 * np.sin(t_s / 885 + offset))
    columns["v_ref_mv"] = np.full(len(t_s), 3300.0)
    columns["inventory_ul"] = np.round(49e6 - leaking * RATE_ML_S * 1e3 + rng.normal(0, 1800, len(t_s)) - 7.35e6 * shut)
    columns["inventory_drop_ul"] = np.round(leaking * RATE_ML_S * 1e3)
    columns["lost_ul"] = columns["inventory_drop_ul"]
    detected = t_s >= DETECT_S
    for name, value in (("rate_ul_s", 5900), ("rate_lo_ul_s", 5100), ("rate_hi_ul_s", 6800), ("hole_um", 810), ("segment", 1)):
        columns[name] = [value if known else None for known in detected]
    columns["confidence_percent"] = np.where(detected, 97, 0)
    for stage in range(8):
        drift = np.clip(t_s - ONSET_S, 0, 60) * 480 / (1 + stage)
        columns[f"stat_{stage}_permille"] = np.round(np.abs(rng.normal(150, 60, len(t_s))) + drift)
    columns["verdict"] = np.where(detected, 2, np.where(t_s > 60.8, 1, 0))
    columns["leak_class"] = columns["diagnosis"] = np.where(detected, 1, 0)
    columns["isolation_state"] = np.where(shut, 3, np.where(t_s >= COMMAND_S, 2, 0))
    columns["mode"] = np.full(len(t_s), 2)
    columns["votes"] = np.full(len(t_s), 3)
    columns["pump_on"] = np.where((t_s > 62.1) & (t_s < 70), 0, 1)
    travelling = (t_s > COMMAND_S) & (t_s < ISOLATED_S)
    for valve in ("rad2_in", "rad2_out"):
        columns[f"valve_{valve}"] = np.where(shut, 1, np.where(travelling, 2, 0))
    columns["valve_bypass"] = np.where(t_s < COMMAND_S, 1, np.where(travelling, 2, 0))
    columns["drive_word"] = np.where(travelling, (1 << 15) | (1 << 5) | (1 << 7) | (1 << 12), 0)
    columns["flow_ul_s"] = [None] * len(t_s)
    columns["status_t_bay"] = np.where((t_s > 150) & (t_s < 180), 1, 0)
    dictionary = load_dictionary()
    groups = {row.name: dictionary.groups[row.enum] for row in dictionary.structures_by_name["housekeeping"].fields if row.enum}
    states = {name: groups.get(name, {}) for name in columns}  # the recorder writes states by name

    def cells(name: str, values: Iterable[Any]) -> list[Any]:
        return [None if value is None else states[name].get(int(value), int(value)) for value in values]

    return {name: cells(name, values) for name, values in columns.items()}


def write_csv(path: Path, columns: dict[str, list[Any]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def write_run(folder: Path, duration_s: float = DURATION_S, **changes: Any) -> Path:
    """A whole run folder with a leak in rad2."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(summary(sim_s=duration_s, ticks=int(duration_s * 10), **changes), indent=2))
    t_s = telemetry_times_s(duration_s)
    write_csv(folder / "telemetry.csv", {"t_s": [f"{t:.3f}" for t in t_s], **telemetry_columns(t_s)})
    slow = np.arange(0.0, duration_s, 1.0)
    lost = np.clip((slow - ONSET_S) * RATE_ML_S, 0, 490)
    write_csv(folder / "truth.csv", {
        "t_s": list(slow), "inventory_total_ml": list(np.round(49_000 - lost, 3)), "lost_total_ml": list(np.round(lost, 3)),
        "leak_rad1_ml_s": [0.0] * len(slow), "leak_rad2_ml_s": [RATE_ML_S if t >= ONSET_S else 0.0 for t in slow],
        "p_comp_kpa": [118.0 - t / 1000 for t in slow], "gas_volume_ml": list(3030.0 + lost), "pump_speed_ratio": [1.0] * len(slow),
    })  # fmt: skip
    events = [
        (0.0, "BOOT", "info", "reset_cause=power_on"), (60.9, "LEAK_SUSPECT", "medium", "stage=2 statistic_permille=540"),
        (DETECT_S, "LEAK_ALARM", "high", "leak_class=coolant_leak stage=2 rate_ul_s=5900 lost_ul=11020"),
        (COMMAND_S, "ISOLATION_COMMANDED", "high", "segments_mask=7 reason=leak passive=0"),
        (65.1, "VALVE_CONFIRMED", "info", "valve=rad2_in position=closed"), (ISOLATED_S, "ISOLATION_COMPLETE", "high", "segments_mask=2"),
    ]  # fmt: skip
    write_csv(folder / "events.csv", dict(zip(("t_s", "name", "severity", "fields"), map(list, zip(*events, strict=True)), strict=True)))
    return folder
