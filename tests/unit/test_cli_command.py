"""The `isoloop` command from outside: exit codes, the one JSON document, one sentence and no traceback."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from isoloop.cli import main

SHORT = """schema = "isoloop.scenario/1"
name = "short"
duration_s = {duration_s}
[[event]]
at_s = 1
kind = "leak"
segment = "rad1"
hole_mm = 2.0
[expect]
{expect}
"""


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Call = Callable[..., Ended]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Runs the command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return run


def short(folder: Path, expect: str = "", duration_s: float = 3.0) -> Path:
    path = folder / "short.toml"
    path.write_text(SHORT.format(expect=expect, duration_s=duration_s))
    return path


def one_sentence(ended: Ended) -> str:
    assert ended.out == ""
    assert "Traceback" not in ended.err
    lines = ended.err.splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.req("REQ-INP-001")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SHORT.replace("hole_mm", "hole"), "bad.toml:8: event[1].hole: unknown key"),
        (SHORT.replace("rad1", "rad9"), "bad.toml:7: event[1].segment: unknown segment 'rad9'"),
        (SHORT.replace("2.0", "nan"), "bad.toml:8: event[1].hole_mm: must be a finite number"),
        (SHORT.replace("2.0", "-1"), "bad.toml:8: event[1].hole_mm: must be above 0"),
        (SHORT.replace('"leak"', '"leek"'), "bad.toml:6: event[1].kind: unknown kind 'leek' (did you mean 'leak'?)"),
        (SHORT.replace("[[event]]", "[[event"), "bad.toml:4: is not valid TOML"),
        ("\0", "bad.toml: is a binary file, not text"),
    ],
)  # fmt: skip
def test_run_bad_scenario_one_sentence_exit_2_and_nothing_written(call: Call, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.toml").write_text(text.replace("{duration_s}", "3").replace("{expect}", ""))
    short(tmp_path)
    ended = call("run", "short.toml", "bad.toml")
    assert ended.code == 2
    assert words in one_sentence(ended)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.toml", "short.toml"]


@pytest.mark.req("REQ-CLI-003", "REQ-CLI-004")
@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "ms23"],
        ["run", "missing.toml"],
        ["run", "."],
        ["run", "ms22", "--seed", "x"],
        ["run", "ms22", "--seed", "1", "--seeds", "1-2"],
        ["run", "ms22", "--speed", "warp"],
        ["run", "ms22", "--frobnicate"],
        ["run", "ms22", "--target", "vax"],
        ["run", "ms22", "--out", "/proc/isoloop"],
        ["run", "ms22", "--junit", "missing/junit.xml"],
        ["fly", "ms22"],
        ["replay", "log.csv"],
        ["replay", "log.csv", "--map", "skap"],
        ["replay", "log.csv", "--map", "skab"],
        ["report", "missing"],
        ["report", "."],
        ["bench"],
        ["bench", "tea"],
    ],
)
def test_command_bad_usage_exit_2_one_sentence_and_one_document(call: Call, tmp_path: Path, arguments: list[str]) -> None:
    ended = call(*arguments)
    assert ended.code == 2
    sentence = one_sentence(ended)
    assert sentence.startswith("isoloop: ")
    shown = call(*arguments, "--json")
    assert shown.code == 2
    document = json.loads(shown.out)
    assert document["ok"] is False
    assert set(document["error"]) == {"file", "line", "key", "text"}
    assert document["error"]["text"] in sentence
    assert list(tmp_path.iterdir()) == []


def test_command_help_teaches_and_is_quick_to_import(call: Call) -> None:
    ended = call("--help")
    assert ended.code == 0
    for word in ("run", "scenarios", "replay", "report", "bench", "isoloop run ms22"):
        assert word in ended.out
    assert "--seeds" in call("run", "--help").out
    assert call("--version").out.startswith("isoloop ")
    heavy = "import sys, isoloop.cli.app; sys.exit(any(name in sys.modules for name in ('numpy', 'numba', 'rich', 'plotly')))"
    assert subprocess.run([sys.executable, "-c", heavy], check=False).returncode == 0


@pytest.mark.req("REQ-CLI-007")
def test_scenarios_lists_a_line_each(call: Call) -> None:
    lines = call("scenarios").out.splitlines()
    rows = json.loads(call("scenarios", "--json").out)["scenarios"]
    assert [line.split()[0] for line in lines] == [row["name"] for row in rows]
    assert {"ms22", "nominal-orbit", "relay-2015"} <= {row["name"] for row in rows}


@pytest.mark.req("REQ-CLI-004", "REQ-CLI-005")
def test_run_json_is_one_document_and_the_folder_is_complete(call: Call, tmp_path: Path) -> None:
    short(tmp_path)
    stale = tmp_path / "runs" / "short-unix-s7" / "report.html"
    stale.parent.mkdir(parents=True)
    stale.write_text("stale")
    ended = call("run", "short.toml", "--out", "runs", "--seed", 7, "--json")
    assert (ended.code, ended.err) == (0, "")
    document = json.loads(ended.out)
    assert document["ok"] is True
    summary = document["runs"][0]
    assert (summary["schema"], summary["scenario"], summary["target"], summary["seed"]) == ("isoloop.run/1", "short", "unix", 7)
    folder = tmp_path / "runs" / "short-unix-s7"
    assert sorted(path.name for path in folder.iterdir()) == [
        "crew.csv", "events.csv", "link.bin", "report.html", "summary.json", "telemetry.csv", "truth.csv",
    ]  # fmt: skip
    assert json.loads((folder / "summary.json").read_text()) == summary
    assert stale.read_text() != "stale"


@pytest.mark.req("REQ-CLI-003", "REQ-CLI-006")
def test_run_missed_expectation_exit_1_and_a_junit_failure(call: Call, tmp_path: Path) -> None:
    short(tmp_path, expect="no_alarm = true\nlost_ml_max = 0.001")
    ended = call("run", "short.toml", "--junit", "junit.xml")
    assert ended.code == 1
    assert "FAILED lost_ml_max" in ended.out
    assert "isoloop-runs/short-unix-s1/report.html" in ended.out
    assert 'failures="1" errors="0"' in (tmp_path / "junit.xml").read_text()


@pytest.mark.req("REQ-CLI-003")
def test_run_what_is_no_micropython_is_bad_usage_and_nothing_is_written(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short(tmp_path)
    for wrong in ("/bin/true", "/no/such/program"):
        monkeypatch.setenv("ISOLOOP_MICROPYTHON", wrong)
        ended = call("run", "short.toml")
        assert ended.code == 2
        assert wrong in one_sentence(ended)
    assert [path.name for path in tmp_path.iterdir()] == ["short.toml"]


@pytest.mark.req("REQ-CLI-003", "REQ-TGT-003")
def test_run_target_that_dies_exit_3_with_its_last_words(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "micropython"
    fake.write_text(
        '#!/bin/sh\ncase "$*" in *implementation*) echo "1.28.0; MicroPython fake";; *) echo "Traceback: no coffee" >&2; exit 5;; esac\n'
    )
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("ISOLOOP_MICROPYTHON", str(fake))
    short(tmp_path, expect="no_alarm = true")
    ended = call("run", "short.toml", "--json", "--junit", "junit.xml")
    assert ended.code == 3
    assert "no coffee" in ended.err
    assert "host/isoloop" not in ended.err
    document = json.loads(ended.out)
    assert document["ok"] is False
    assert document["error"]["text"]
    assert 'failures="0" errors="1"' in (tmp_path / "junit.xml").read_text()


@pytest.mark.req("REQ-CLI-003")
def test_run_many_in_parallel_a_line_each_and_the_worst_code(call: Call, tmp_path: Path) -> None:
    short(tmp_path, expect="lost_ml_max = 0.001")
    ended = call("run", "short.toml", "--seeds", "1-3", "--jobs", 2)
    assert ended.code == 1
    assert [f"short-unix-s{seed}" in ended.out for seed in (1, 2, 3)] == [True] * 3
    assert "3 of 3 runs flown, every expectation held in 0" in ended.out
    repeated = json.loads(call("run", "short.toml", "--repeat", 2, "--jobs", 2, "--json").out)
    assert len(repeated["runs"]) == 2
    one, two = (tmp_path / "isoloop-runs" / f"short-unix-s1-r{number}" for number in (1, 2))
    for name in ("link.bin", "telemetry.csv"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def interrupt(command: list[str], folder: Path, ready: Callable[[], bool]) -> tuple[int, str, str]:
    """Start `command`, press Ctrl-C once `ready`, and return how it ended."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline_s = time.monotonic() + 60
    while not ready() and process.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


@pytest.mark.req("REQ-CLI-008")
@pytest.mark.parametrize("many", [False, True])
def test_run_ctrl_c_ends_cleanly_and_keeps_what_was_recorded(tmp_path: Path, many: bool) -> None:
    short(tmp_path, duration_s=86400)
    folder = tmp_path / "isoloop-runs" / "short-unix-s1"
    command = [
        sys.executable,
        "-m",
        "isoloop",
        "run",
        "short.toml",
        "--speed",
        "1000x",
        *(["--seeds", "1-3", "--jobs", "2"] if many else []),
    ]

    def flies() -> bool:
        link = folder / "link.bin"
        return link.exists() and link.stat().st_size > 0

    code, out, err = interrupt(command, tmp_path, flies)
    assert code == 130
    assert "Traceback" not in out + err
    assert "interrupted" in err
    summary = json.loads((folder / "summary.json").read_text())
    assert 0 < summary["ticks"] < 864000
    assert (folder / "telemetry.csv").stat().st_size > 0
    assert not (tmp_path / "isoloop-runs" / "short-unix-s3").exists()


def test_command_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m isoloop scenarios | head -n 1; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
