"""The tables of a run: expectations, what flew, what else is on record, and where the figures come from."""

from __future__ import annotations

from isoloop.report.formats import amount, plain, seconds
from isoloop.report.runfolder import Summary, mapping, number
from isoloop.report.wording import CHARGE_L, SEGMENT_L, flew_default_loop, hole_interval_mm, is_replay


def provenance(summary: Summary) -> list[tuple[str, str]]:
    """Where the figures on the page come from: (what, source)."""
    rows = [
        ("Measured channels, estimates, statistics, states", "the firmware's own telemetry, as received over the link"),
    ]
    if hole_interval_mm(mapping(summary.get("verdict"))) is not None:
        rows.append(("Interval of the hole size", "derived here: the rate's 95 % interval through the orifice law, at one pressure"))
    if is_replay(summary):
        rows.append(("Truth", "none: a recorded log says what the sensors read, not what happened"))
        return rows
    rows.append(("Truth (plant), losses, isolation time", "the simulated plant: exact for the simulation, no measurement of a spacecraft"))
    rows.append(("Sensor spans and noise, valve travel, bay and cabin", "ours: chosen for the plant, not known of any vehicle"))
    if flew_default_loop(summary):
        rows.append((f"Charge of {CHARGE_L:g} L", "derived from 34 kg at 20 °C, which rests on one weak source; another says 44 L"))
        rows.append((f"{SEGMENT_L:g} L a radiator segment, 15 % of the charge", "ours: chosen, not known"))
    else:
        rows.append(("Volumes of lines and segments", "ours or the scenario's: chosen, not known of any vehicle"))
    return rows


def identity(summary: Summary) -> list[tuple[str, str]]:
    """What flew: rows of the identity table."""
    firmware = mapping(summary.get("firmware"))
    ticks, simulated, wall = (number(summary.get(key)) for key in ("ticks", "sim_s", "wall_s"))
    return [
        ("Scenario", str(summary["scenario"])),
        ("Target", str(summary["target"])),
        ("Seed", plain(summary.get("seed"))),
        ("Firmware", plain(firmware.get("version"))),
        ("MicroPython", plain(firmware.get("micropython"))),
        ("Image SHA-256", plain(firmware.get("image_sha256"))),
        ("Simulated", f"{seconds(simulated)}, {plain(summary.get('ticks'))} ticks" if ticks is not None else seconds(simulated)),
        ("Wall time", seconds(wall)),
        ("Summary schema", plain(summary.get("schema"))),
    ]


def health(summary: Summary) -> list[tuple[str, str]]:
    """The other figures of the summary, those that are there."""
    rows = []
    for key, label, unit in (
        ("false_alarms", "False alarms", ""),
        ("false_isolations", "False isolations", ""),
        ("latched", "Alarm latched", ""),
        ("reopened", "Segments back in service", ""),
        ("max_bay_temp_c", "Highest bay temperature", "°C"),
        ("max_segment_pressure_kpa", "Highest segment pressure", "kPa"),
        ("min_loop_pressure_kpa", "Lowest loop pressure", "kPa"),
        ("alloc_faults", "Cycles that tried to allocate", ""),
        ("ticks_late", "Late ticks", ""),
    ):
        if key in summary:
            if is_replay(summary):  # without a truth all of them count
                label = {"false_alarms": "Alarms", "false_isolations": "Would-be isolations"}.get(key, label)
            value = number(summary[key])
            rows.append((label, plain(summary[key]) if value is None or not unit else amount(value, unit, 4)))
    return rows


def expectations(summary: Summary) -> list[tuple[str, str, str, bool]]:
    """Rows of the table of expectations: name, got, want, held."""
    return [
        (plain(row.get("name")), plain(row.get("got")), plain(row.get("want")), row.get("ok") is True)
        for row in (mapping(item) for item in summary.get("expect") or [])
    ]
