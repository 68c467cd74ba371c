"""What the detector's bench keeps of its flights, and that it is shown for the sources that flew it only."""

from pathlib import Path

import pytest

from isoloop import paths
from isoloop.bench import kept as module
from isoloop.bench import plan
from isoloop.bench.detector import Bench, bench
from isoloop.bench.kept import Kept, default_file, source_digest
from isoloop.bench.nuisance import CAUSES
from isoloop.bench.trials import NuisanceJob, NuisanceResult
from isoloop.bench.workers import Pool
from isoloop.errors import UsageError

JOBS = [NuisanceJob(plan.NUISANCE_SEED + i, plan.BRIEF.nuisance_days) for i in range(plan.BRIEF.nuisance_flights)]


def results(alarms: int = 0) -> list[NuisanceResult]:
    return [NuisanceResult(job, [(1.0, 2, CAUSES[0])] * alarms, 3, 4.0, [[0] * 10 for _ in CAUSES]) for job in JOBS]


def filled(file: Path, alarms: int = 0) -> Kept:
    kept = Kept(file)
    for job, result in zip(JOBS, results(alarms), strict=True):
        kept.put(job, result)
    return kept


def test_results_come_back_from_the_file(tmp_path: Path) -> None:
    filled(tmp_path / "a" / "kept")
    kept = Kept(tmp_path / "a" / "kept")
    assert [kept.get(job) for job in JOBS] == results()
    assert kept.get(NuisanceJob(1, 1.0)) is None


def test_a_record_cut_short_is_dropped_and_the_file_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    filled(file)
    whole = file.read_bytes()
    file.write_bytes(whole[:-7])
    kept = Kept(file)
    assert kept.get(JOBS[0]) is not None
    assert kept.get(JOBS[-1]) is None
    kept.put(JOBS[-1], results()[-1])
    assert Kept(file).get(JOBS[-1]) == results()[-1]
    assert file.read_bytes() == whole


def test_again_looks_at_nothing_and_deletes_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    filled(file)
    again = Kept(file, afresh=True)
    assert all(again.get(job) is None for job in JOBS)
    again.put(JOBS[0], results(1)[0])
    after = Kept(file)
    assert after.get(JOBS[0]) == results(1)[0]
    assert after.get(JOBS[1]) == results()[1]


@pytest.mark.parametrize("alarms", [0, 1])
def test_kept_flights_are_not_flown_again_and_still_decide(tmp_path: Path, capsys: pytest.CaptureFixture[str], alarms: int) -> None:
    kept = filled(tmp_path / "kept", alarms)
    run = Bench(plan.BRIEF, json=False, page=tmp_path / "page.html", kept=kept)
    assert run.run(["nuisance"]) == (1 if alarms else 0)
    out = capsys.readouterr().out
    assert f"0 of {len(JOBS)} flights flown now" in out
    assert str(tmp_path / "kept") in out
    assert "EPA" not in out


def test_a_pool_counts_what_it_need_not_fly(tmp_path: Path) -> None:
    pool = Pool(1, filled(tmp_path / "kept"))
    try:
        assert pool.kept([*JOBS, NuisanceJob(1, 1.0)]) == len(JOBS)
        assert pool.map("kept", JOBS, False) == results()
    finally:
        pool.close()


def test_another_source_has_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = source_digest()
    assert source_digest() == here
    firmware = tmp_path / "firmware"
    (firmware / "tcs").mkdir(parents=True)
    for path in (paths.firmware_dir() / "tcs").glob("*.py"):
        (firmware / "tcs" / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(module.paths, "firmware_dir", lambda: firmware)
    before = default_file()
    kernel = firmware / "tcs" / "detector_kernel.py"
    kernel.write_text(kernel.read_text() + "\n")
    assert default_file() != before


def test_another_micropython_has_another_file(monkeypatch: pytest.MonkeyPatch) -> None:
    before = source_digest()
    monkeypatch.setattr(module, "_micropython", lambda: "another")
    assert source_digest() != before


def test_the_names_of_what_only_shows_results_are_those_of_files() -> None:
    for name in module.BESIDE:
        assert (paths.PACKAGE_DIR / "bench" / name).is_file()
    for name in module.FLOWN:
        assert (paths.PACKAGE_DIR / name).is_dir()


def test_a_part_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="no part 'tea'"):
        bench(False, False, ["tea"])
