"""What the summary says of what the firmware said and of what really happened, and how expectations are judged."""

import struct
from collections.abc import Mapping
from typing import Any

import pytest

from fakes.plant import TRUTH_NAMES
from isoloop.dictionary import load_dictionary
from isoloop.flight.expect import evaluate
from isoloop.flight.firmware_record import FirmwareRecord
from isoloop.flight.schedule import leaks, power_cuts, ticks_up
from isoloop.flight.summary import RunHead, TruthEnd, build_summary
from isoloop.flight.truth_record import Leak, TruthRecord
from isoloop.link.decoder import EventReport, StructureReport
from isoloop.plant import PlantConfig
from isoloop.schema import Event, Scenario
from isoloop.schema.expect import KEYS
from isoloop.targets import Identity

DICTIONARY = load_dictionary()
HEAD = RunHead("test", "unix", 1, 3000, 100, 1.5, Identity("0", "MicroPython", "00"))
OPEN, SHUT = 0b01, 0b10


def event(time_s: float, name: str, *values: int) -> EventReport:
    return EventReport(round(time_s * 1000), DICTIONARY.events_by_name[name], values)


def report(structure: str, **values: int) -> StructureReport:
    row = DICTIONARY.structures_by_name[structure]
    assert not values.keys() - {field.name for field in row.fields}
    unknown = {"u8": 0xFF, "u16": 0xFFFF, "i32": -0x40000000}
    raw = [values.get(field.name, unknown[field.type] if field.nullable else 0) for field in row.fields]
    return StructureReport(0, row, struct.unpack(row.struct_format, struct.pack(row.struct_format, *raw)))


def said(*reports: EventReport | StructureReport) -> FirmwareRecord:
    record = FirmwareRecord()
    for one in reports:
        record.take(one)
    return record


def truth(valves: Mapping[str, float] | None = None, lost_ml: float = 0.0, inventory_ml: float = 49_000.0) -> list[float]:
    values = dict.fromkeys(TRUTH_NAMES, 0.0) | {name: 1.0 for name in TRUTH_NAMES if name.startswith("valve_rad")}
    values |= {"lost_total_ml": lost_ml, "inventory_total_ml": inventory_ml, **(valves or {})}
    return [values[name] for name in TRUTH_NAMES]


def shut(*segments: int) -> tuple[dict[str, float], int]:
    """Ratios and end switches with these segments shut and all else open."""
    ratios = {f"valve_rad{n}_{side}_ratio": 0.0 for n in segments for side in ("in", "out")}
    switches = 0
    for valve in range(6):
        switches |= (SHUT if valve // 2 + 1 in segments else OPEN) << 2 * valve
    return ratios, switches


def summarise(record: FirmwareRecord, onset_s: float | None = 60.0, end: TruthEnd | None = None, **expect: Any) -> dict[str, Any]:
    if end is None:
        holes = [] if onset_s is None else [Leak(onset_s, "rad2", 0.8)]
        watched = TruthRecord(TRUTH_NAMES, holes)
        watched.begin(truth())
        end = TruthEnd(watched, truth(lost_ml=490.0), onset_s, onset_s)
    return build_summary(HEAD, record, end, expect)


def test_detection_is_the_first_leak_alarm_of_whatever_class() -> None:
    suspect = event(61, "LEAK_SUSPECT", 1, 700)
    assert summarise(said(suspect))["t_detect_s"] is None
    assert summarise(said(suspect, event(62, "LEAK_ALARM", 1, 2, 5800, 9), event(70, "CABIN_LEAK", 1)))["t_detect_s"] == 62.0
    assert summarise(said(event(70, "CABIN_LEAK", 1)))["t_detect_s"] == 70.0
    assert summarise(said(event(71, "FLOW_LOSS", 1, 2)))["t_detect_s"] == 71.0
    sensor_fault = DICTIONARY.state_number("leak_class", "sensor_fault")
    assert summarise(said(event(62, "LEAK_ALARM", sensor_fault, 2, 0, 0)))["t_detect_s"] is None
    assert summarise(said(event(62, "PUMP_FAULT", 0), event(63, "VALVE_FAULT", 1, 0)))["t_detect_s"] is None


def test_alarms_and_isolations_before_the_onset_are_false_and_those_after_it_are_not() -> None:
    record = said(
        event(10, "LEAK_ALARM", 1, 2, 5800, 9),
        event(10, "CABIN_LEAK", 1),  # the same tick: one alarm
        event(59.9, "LEAK_ALARM", 1, 2, 5800, 9),
        event(60.0, "LEAK_ALARM", 1, 2, 5800, 9),
        event(20, "ISOLATION_COMMANDED", 7, 0, 0),
        event(64, "ISOLATION_COMMANDED", 7, 0, 0),
    )
    summary = summarise(record)
    assert (summary["false_alarms"], summary["false_isolations"]) == (2, 1)
    without_leak = summarise(record, onset_s=None)
    assert (without_leak["false_alarms"], without_leak["false_isolations"]) == (3, 2)


def test_cabin_leak_excuses_alarms_and_no_isolation() -> None:
    watched = TruthRecord(TRUTH_NAMES, [])
    watched.begin(truth())
    record = said(event(61, "CABIN_LEAK", 1), event(62, "ISOLATION_COMMANDED", 7, 0, 0))
    summary = build_summary(HEAD, record, TruthEnd(watched, truth(), noticed_s=60.0, loss_s=None), {})
    assert (summary["false_alarms"], summary["false_isolations"]) == (0, 1)


def test_replay_has_no_truth_and_counts_every_would_be_isolation() -> None:
    summary = build_summary(HEAD, said(event(61, "FLOW_LOSS", 1, 2), event(62, "ISOLATION_COMMANDED", 7, 0, 1)), None, {})
    assert summary["truth"] is None
    assert (summary["t_isolate_cmd_s"], summary["false_isolations"]) == (62.0, 1)
    for name in ("t_isolated_s", "lost_ml", "lost_pct", "lost_before_isolation_ml", "residual_release_ml", "max_bay_temp_c"):
        assert summary[name] is None, name
    assert summary["reopened"] == []
    assert summary["ok"]


def test_verdict_is_the_last_housekeeping_report_with_null_for_unknown() -> None:
    leak = DICTIONARY.state_number("leak_class", "coolant_leak")
    early = report("housekeeping", diagnosis=leak, segment=0)
    assert summarise(said(early))["verdict"]["segment"] == "rad1"
    assert summarise(said())["verdict"]["class"] == "none"
    late = report(
        "housekeeping", diagnosis=leak, segment=1, rate_ul_s=5800, rate_lo_ul_s=5000, rate_hi_ul_s=6600, hole_um=795, confidence_percent=98
    )
    assert summarise(said(early, late))["verdict"] == {
        "class": "coolant_leak",
        "segment": "rad2",
        "rate_ml_s": 5.8,
        "hole_mm": 0.795,
        "rate_ml_s_ci95": [5.0, 6.6],
        "confidence": 0.98,
    }
    blank = summarise(said(report("housekeeping")))["verdict"]
    assert blank == {"class": "none", "segment": None, "rate_ml_s": None, "hole_mm": None, "rate_ml_s_ci95": None, "confidence": None}


@pytest.mark.parametrize(
    ("values", "latched"),
    [({}, False), ({"verdict": 1}, False), ({"verdict": 2}, True), ({"alarms": 1 << 1}, True), ({"alarms": 0b1101_0000}, False)],
)
def test_latched_means_a_leak_alarm(values: dict[str, int], latched: bool) -> None:
    assert summarise(said(report("housekeeping", **values)))["latched"] is latched


def test_platform_counters_add_up_over_restarts() -> None:
    record = said(report("platform", alloc_faults=2, late_ticks=3), report("platform", alloc_faults=4, late_ticks=3))
    record.restart()
    record.take(report("platform", alloc_faults=1, late_ticks=10))
    summary = summarise(record)
    assert (summary["alloc_faults"], summary["ticks_late"]) == (5, 13)
    assert summarise(said(event(5, "ALLOCATION", 0)))["alloc_faults"] == 1  # no platform report came after it


@pytest.mark.req("REQ-SAF-014")
def test_isolation_is_when_truth_and_switches_agree_and_the_rest_is_residual() -> None:
    record = TruthRecord(TRUTH_NAMES, [Leak(60.0, "rad2", 0.8)])
    record.begin(truth())
    ratios, switches = shut(2)
    record.watch(59_900, truth(ratios), switches)
    assert record.isolated_ms is None  # before the onset
    record.watch(63_000, truth(ratios, 20.0), shut()[1])
    assert record.isolated_ms is None  # not confirmed
    record.watch(64_000, truth(lost_ml=25.0), switches)
    assert record.isolated_ms is None  # not shut
    record.watch(65_000, truth(shut(1, 3)[0], 28.0), shut(1, 3)[1])
    assert record.isolated_ms is None  # others
    record.watch(66_000, truth(ratios, 30.0), switches)
    record.watch(67_000, truth(ratios, 31.0), switches)
    summary = build_summary(HEAD, said(), TruthEnd(record, truth(ratios, 500.0), 60.0, 60.0), {})
    assert (summary["t_isolated_s"], summary["lost_before_isolation_ml"]) == (66.0, 30.0)
    assert (summary["lost_ml"], summary["residual_release_ml"]) == (500.0, 470.0)
    assert summary["lost_pct"] == pytest.approx(100 * 500 / 49_000, abs=1e-6)
    assert summary["truth"]["leak"] == {"onset_s": 60.0, "segment": "rad2", "hole_mm": 0.8}


def test_every_holed_segment_must_be_shut_and_none_shuts_off_the_cabin() -> None:
    two = TruthRecord(TRUTH_NAMES, [Leak(5.0, "rad1", 1.0), Leak(5.0, "rad3", 1.0)])
    two.watch(6000, truth(shut(1)[0]), shut(1)[1])
    assert two.isolated_ms is None
    two.watch(7000, truth(shut(1, 3)[0]), shut(1, 3)[1])
    assert two.isolated_ms == 7000
    internal = TruthRecord(TRUTH_NAMES, [Leak(5.0, "rad1", 1.0), Leak(5.0, "internal", 1.0)])
    internal.watch(7000, truth(shut(1, 2, 3)[0]), shut(1, 2, 3)[1])
    assert internal.isolated_ms is None


def test_reopened_segments_were_commanded_shut_were_shut_and_are_in_service() -> None:
    record = TruthRecord(TRUTH_NAMES, [Leak(5.0, "rad2", 1.0)])
    record.watch(6000, truth(shut(1, 2)[0]), shut(1, 2)[1])
    end = truth(shut(2)[0])
    assert record.reopened(end, {"rad1", "rad2", "rad3"}) == ["rad1"]  # rad3 never shut, rad2 is still shut
    assert record.reopened(end, {"rad2"}) == []
    half = truth({**shut(2)[0], "valve_rad1_in_ratio": 0.5})
    assert record.reopened(half, {"rad1"}) == []
    passive = said(event(1, "ISOLATION_COMMANDED", 7, 0, 1))
    assert passive.closed_segments == set()
    assert said(event(1, "ISOLATION_COMMANDED", 5, 0, 0)).closed_segments == {"rad1", "rad3"}


SUMMARY: dict[str, Any] = {
    "verdict": {"class": "coolant_leak", "segment": "rad2"},
    "t_detect_s": 63.5,
    "t_isolated_s": 70.1,
    "lost_before_isolation_ml": 80.0,
    "false_isolations": 0,
    "false_alarms": 1,
    "reopened": ["rad1", "rad3"],
    "latched": True,
    "max_bay_temp_c": 40.0,
    "max_segment_pressure_kpa": 500.0,
}


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("class", "coolant_leak", "none"),
        ("segment", "rad2", "rad1"),
        ("detect_within_s", 3.4, 3.39),  # 63.5 - 60.1 is more than 3.4 in binary
        ("isolate_within_s", 10.0, 9.99),
        ("lost_ml_max", 80.0, 79.9),
        ("false_isolations", 0, 1),
        ("false_alarms", 1, 0),
        ("reopened", ["rad3", "rad1"], ["rad1"]),
        ("latched", True, False),
        ("max_bay_temp_c", 40.0, 39.9),
        ("max_segment_pressure_kpa", 500.0, 499.0),
    ],
)
def test_expectation_holds_at_its_limit_and_not_beyond(key: str, good: Any, bad: Any) -> None:
    (row,) = evaluate({key: good}, SUMMARY, 60.1)
    assert row == {"name": key, "ok": True, "got": row["got"], "want": good}
    (row,) = evaluate({key: bad}, SUMMARY, 60.1)
    assert not row["ok"]


def test_every_expectation_of_the_schema_can_be_judged() -> None:
    nothing = {**SUMMARY, "t_detect_s": None, "t_isolated_s": None}
    wants = dict.fromkeys(KEYS, 1) | {"reopened": ["rad1"], "no_alarm": True}
    rows = {row["name"]: row for row in evaluate(wants, nothing, None)}
    assert rows.keys() == set(KEYS)
    assert rows["no_alarm"]["ok"]
    assert not evaluate({"no_alarm": True}, SUMMARY, 60.0)[0]["ok"]
    assert not rows["detect_within_s"]["ok"]
    assert rows["detect_within_s"]["got"] is None


def test_detection_before_the_onset_is_no_detection_in_time() -> None:
    assert not evaluate({"detect_within_s": 1000.0}, SUMMARY, 63.6)[0]["ok"]
    assert not evaluate({"detect_within_s": 1000.0}, SUMMARY, None)[0]["ok"]


def test_run_is_ok_when_every_expectation_holds_and_it_came_to_its_end() -> None:
    record = said(event(62, "LEAK_ALARM", 1, 2, 5800, 9))
    assert summarise(record, detect_within_s=2.0)["ok"]
    assert not summarise(record, detect_within_s=1.9)["ok"]
    assert not build_summary(HEAD, record, None, {}, is_complete=False)["ok"]


def test_schedule_of_a_scenario() -> None:
    events = (
        Event(0.3, "power", {"mode": "reset", "off_s": 0.25}, 1),
        Event(5.0, "leak", {"segment": "rad1", "hole_mm": 1.0, "ramp_s": 0.0}, 2),
        Event(4.0, "leak", {"segment": "internal", "hole_mm": 2.0, "ramp_s": 9.0}, 3),
        Event(0.1, "power", {"mode": "brownout", "off_s": 0.0}, 4),
    )
    flown = Scenario("test", "t", 10, 100, 1, PlantConfig.from_preset("soyuz"), events=events)
    assert [(cut.off_tick, cut.on_tick, cut.reset_cause) for cut in power_cuts(flown)] == [(1, 1, 3), (3, 6, 2)]
    assert [leak.onset_s for leak in leaks(flown)] == [4.0, 5.0]
    assert [ticks_up(0.3, 100), ticks_up(0.30001, 100), ticks_up(0.0, 10), ticks_up(2_678_400.0, 10)] == [3, 4, 0, 267_840_000]
