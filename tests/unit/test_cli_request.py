"""Options become runs, and only run folders are replaced."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from isoloop.cli import outdir
from isoloop.cli.outdir import check_file, check_out, output_error, replace_run_dir
from isoloop.cli.request import RunRequest, parallel, parse_seeds, parse_speed, plan, run_name
from isoloop.errors import OutputError, UsageError


def request(**changes: Any) -> RunRequest:
    options: dict[str, Any] = {
        "scenarios": ["ms22"], "target": "unix", "seed": None, "seeds": None, "repeat": 1, "out": Path("out"),
        "speed": "max", "jobs": None, "junit": None, "json": False,
    }  # fmt: skip
    return RunRequest(**{**options, **changes})


@pytest.mark.req("REQ-CLI-005")
def test_plan_names_one_folder_a_run() -> None:
    assert [str(job.folder) for job in plan(request())] == ["out/ms22-unix-s1"]
    assert [job.name for job in plan(request(seeds="3-4"))] == ["ms22-unix-s3", "ms22-unix-s4"]
    assert [job.name for job in plan(request(seed=0, repeat=2))] == ["ms22-unix-s0-r1", "ms22-unix-s0-r2"]
    assert [job.name for job in plan(request(scenarios=["ms22", "ms21"]))] == ["ms22-unix-s1", "ms21-unix-s1"]
    assert run_name("a/b", "serial:/dev/ttyACM0", 1) == "a_b-serial__dev_ttyACM0-s1"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scenarios": ["ms22", "ms22"]}, "same run folder"),
        ({"repeat": 0}, "--repeat"),
        ({"jobs": 0}, "--jobs"),
        ({"seed": 1, "seeds": "1-2"}, "exclude"),
        ({"seed": -1}, "--seed"),
        ({"seeds": "2-1"}, "--seeds"),
        ({"seeds": "1"}, "--seeds"),
        ({"seeds": "1-99999999999"}, "--seeds"),
        ({"seeds": "0-4294967295"}, "more than"),
        ({"speed": "fast"}, "--speed"),
        ({"speed": "0x"}, "--speed"),
        ({"speed": "-1x"}, "--speed"),
        ({"speed": "nanx"}, "--speed"),
    ],
)
def test_plan_options_that_mean_nothing_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan(request(**changes))


def test_parse_speed_and_seeds_accept_what_is_documented() -> None:
    assert (parse_speed("max"), parse_speed("1x"), parse_speed("0.5x"), parse_speed("20x")) == (None, 1.0, 0.5, 20.0)
    assert parse_seeds(None, None) is None
    assert list(parse_seeds(None, "7-7") or ()) == [7]


def test_parallel_never_more_than_runs_and_one_for_a_cable() -> None:
    assert parallel(request(jobs=8), 3) == 3
    assert parallel(request(jobs=2), 30) == 2
    assert parallel(request(target="serial:/dev/ttyACM0", jobs=8), 30) == 1
    assert parallel(request(), 30) >= 1


@pytest.mark.req("REQ-CLI-005")
def test_replace_run_dir_replaces_a_run_whole_and_nothing_else(tmp_path: Path) -> None:
    run = tmp_path / "ms22-unix-s1"
    run.mkdir()
    (run / "report.html").write_text("old")
    neighbour = tmp_path / "notes.txt"
    neighbour.write_text("mine")
    replace_run_dir(run)
    assert list(run.iterdir()) == []
    assert neighbour.read_text() == "mine"


@pytest.mark.req("REQ-CLI-005")
@pytest.mark.parametrize("name", ["crew.csv", "commands.csv", "blackbox-1.bin", "blackbox-12.csv"])
def test_replace_run_dir_knows_every_file_that_a_run_may_write(name: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / name).touch()
    replace_run_dir(run)
    assert not run.exists() or not any(run.iterdir())


@pytest.mark.req("REQ-CLI-005")
def test_replace_run_dir_somebodys_folder_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "ms22-unix-s1"
    run.mkdir()
    (run / "thesis.tex").write_text("mine")
    for check in (lambda: replace_run_dir(run), lambda: check_out(tmp_path, [run], 1.0)):
        with pytest.raises(OutputError, match=r"thesis\.tex"):
            check()
    assert (run / "thesis.tex").read_text() == "mine"
    link = tmp_path / "link"
    link.symlink_to(run)
    file = tmp_path / "file"
    file.write_text("")
    for path in (link, file):
        with pytest.raises(OutputError, match="in the way"):
            replace_run_dir(path)


@pytest.mark.req("REQ-INP-003")
def test_check_out_a_disk_that_is_too_full_is_said_before_flying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 10_000_000

    monkeypatch.setattr(outdir.shutil, "disk_usage", lambda path: Usage)
    check_out(tmp_path, [tmp_path / "a"], 300.0)
    with pytest.raises(OutputError, match=r"disk is too full.*93 MB.*10 MB are free"):
        check_out(tmp_path, [tmp_path / "a"], 86400.0)
    with pytest.raises(OutputError, match="too full"):
        check_out(tmp_path / "new", [tmp_path / "new" / "a", tmp_path / "new" / "b"], 1.0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.req("REQ-INP-003")
def test_check_out_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/isoloop"), Path("nul\0")):
        with pytest.raises(OutputError, match="cannot be written"):
            check_out(out, [out / "run"], 1.0)
    for junit in (tmp_path, tmp_path / "missing" / "j.xml"):
        with pytest.raises(OutputError, match="cannot be written"):
            check_file(junit)


def test_check_file_leaves_nothing_behind_and_nothing_changed(tmp_path: Path) -> None:
    check_file(tmp_path / "new.xml")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.xml").write_text("old")
    check_file(tmp_path / "old.xml")
    assert (tmp_path / "old.xml").read_text() == "old"


def test_output_error_full_disk_has_its_own_words() -> None:
    assert str(output_error(Path("x"), OSError(errno.ENOSPC, "No space left on device"))) == "x: the disk is full"
