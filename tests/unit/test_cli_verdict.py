"""Runs in plain words, and as JUnit."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from isoloop.cli.junit import write_junit
from isoloop.cli.narrate import firmware_event, plant_event
from isoloop.cli.outcome import Outcome, exit_code
from isoloop.cli.request import Job
from isoloop.cli.verdict import expectation_lines, one_line, verdict_lines
from isoloop.dictionary import load_dictionary
from isoloop.errors import InputError, OutputError, TargetError
from isoloop.schema import load_scenario
from isoloop.schema.event import KINDS, Choice, Event


def summary(**changes: Any) -> dict[str, Any]:
    leak = {"onset_s": 60.0, "segment": "rad2", "hole_mm": 0.8}
    document: dict[str, Any] = {
        "truth": {"leaks": [leak], "leak": leak},
        "verdict": {"class": "coolant_leak", "segment": None, "rate_ml_s": 5.9, "hole_mm": 0.79, "rate_ml_s_ci95": None, "confidence": 0.9},
        "t_detect_s": 62.0, "t_isolate_cmd_s": 62.3, "t_isolated_s": 65.3,
        "lost_ml": 270.0, "lost_pct": 0.55, "lost_before_isolation_ml": 31.6, "residual_release_ml": 238.0,
        "false_isolations": 0, "false_alarms": 0, "alloc_faults": 0, "ticks_late": 0,
        "expect": [{"name": "detect_within_s", "ok": True, "got": 2.0, "want": 4.0}], "ok": True,
    }  # fmt: skip
    return {**document, **changes}


def job(name: str = "ms22") -> Job:
    return Job(load_scenario(name), "unix", 1, Path(f"runs/{name}-unix-s1"), None)


@pytest.mark.req("REQ-SAF-014")
def test_verdict_isolated_leak_says_what_isolation_does_not_save() -> None:
    text = " ".join(verdict_lines(summary(), load_scenario("ms22").plant))
    assert "a hole of 0.8 mm in rad2 from 60.0 s on" in text
    assert "Noticed 2.0 s after it began" in text
    assert "confirmed shut, 5.3 s after it began" in text
    assert "31.6 mL, 0.06% of the coolant" in text
    assert "does not save rad2: what is trapped in it, 7.35 L or 15% of the coolant, still goes out" in text
    assert "0.24 L of it by the end" in text


def test_verdict_missed_leak_is_said_in_capitals() -> None:
    text = " ".join(verdict_lines(summary(t_detect_s=None, t_isolated_s=None)))
    assert "NOT noticed" in text
    assert "NOT closed off" in text
    assert "does not save" not in text
    assert "Lost in all: 31.6 mL" in text


def test_verdict_false_alarms_are_counted_and_of_a_log_are_none() -> None:
    nothing = {"leaks": [], "leak": None}
    assert "1 FALSE alarm, no FALSE isolations." in verdict_lines(summary(truth=nothing, false_alarms=1))
    assert "No false alarm, no false isolation." in verdict_lines(summary(truth=nothing))
    log = verdict_lines(summary(truth=None, false_alarms=1, false_isolations=2))
    assert "It would have commanded 2 isolations." in log
    assert not any("FALSE" in line for line in log)


def test_expectation_lines_mark_the_missed() -> None:
    rows = [
        {"name": "lost_ml_max", "ok": False, "got": 120.0, "want": 80.0},
        {"name": "isolate_within_s", "ok": False, "got": None, "want": 12.0},
        {"name": "reopened", "ok": True, "got": [], "want": []},
    ]
    assert expectation_lines(summary(expect=rows)) == [
        "FAILED lost_ml_max: 120 (wanted at most 80)",
        "FAILED isolate_within_s: never (wanted at most 12)",
        "ok     reopened: none (wanted none)",
    ]
    assert "lost_ml_max FAILED: 120" in one_line(summary(expect=rows))


def test_one_line_counts_from_the_onset() -> None:
    assert one_line(summary()) == "coolant leak, detected 2.0 s after onset, isolated 5.3 s after onset, 31.6 mL lost"


def test_firmware_event_every_event_of_the_dictionary_becomes_one_sentence() -> None:
    dictionary = load_dictionary()
    for row in dictionary.events:
        for number in (0, 1, 1_234_567):
            text = firmware_event(dictionary, row.name, {field.name: number for field in row.fields})
            assert text
            assert "\n" not in text
    masked = firmware_event(dictionary, "ISOLATION_COMPLETE", {"segments_mask": 5, "duration_ms": 6200})
    assert masked.endswith("rad1 rad3, duration 6.2 s")
    assert firmware_event(dictionary, "LEAK_ALARM", {"leak_class": None, "stage": None, "rate_ul_s": None, "lost_ul": None})


@pytest.mark.parametrize("kind", KINDS)
def test_plant_event_every_kind_has_words(kind: str) -> None:
    for full in (False, True):
        fields = {
            name: row.choices[0] if isinstance(row, Choice) else row.high if full or row.default == "required" else row.default
            for name, row in KINDS[kind].items()
        }
        text = plant_event(Event(1.0, kind, fields, 1))
        assert text != kind
        assert "None" not in text


@pytest.mark.req("REQ-CLI-003")
def test_exit_code_bad_input_before_target_trouble_before_missed_expectation() -> None:
    assert exit_code([0, 0]) == 0
    assert exit_code([0, 1]) == 1
    assert exit_code([1, 3, 0]) == 3
    assert exit_code([1, 3, 2]) == 2
    assert Outcome(job(), summary(), None, 1.0).code == 0
    assert Outcome(job(), summary(ok=False), None, 1.0).code == 1
    assert Outcome(job(), summary(ok=False), TargetError("it died"), 1.0).code == 3
    assert Outcome(job(), None, OutputError("full"), 1.0).code == 2
    assert Outcome(job(), None, InputError("a", 1, "b", "c"), 1.0).code == 2


@pytest.mark.req("REQ-CLI-006")
def test_junit_expectation_is_a_failure_and_target_trouble_an_error(tmp_path: Path) -> None:
    missed = summary(ok=False, expect=[{"name": "lost_ml_max", "ok": False, "got": 120.0, "want": 80.0}])
    path = tmp_path / "junit.xml"
    write_junit(
        path,
        [
            Outcome(job("ms22"), summary(), None, 0.5),
            Outcome(job("ms21"), missed, None, 0.25),
            Outcome(job("pinhole"), missed, TargetError("died at tick 7", "Traceback \x1b[31m<x>"), 0.25),
        ],
    )
    root = ElementTree.parse(path).getroot()
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "time")} == {
        "tests": "3", "failures": "1", "errors": "1", "time": "1.000",
    }  # fmt: skip
    passed, failed, died = root.iter("testcase")
    assert (passed.get("classname"), passed.get("name"), len(passed)) == ("ms22", "ms22-unix-s1", 0)
    assert "lost_ml_max: 120" in str(failed[0].get("message"))
    assert (failed[0].tag, died[0].tag, died[0].get("message")) == ("failure", "error", "died at tick 7")
    assert died[0].text == "Traceback ?[31m<x>"


def test_junit_unwritable_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_junit(tmp_path / "missing" / "junit.xml", [])
