"""Reading run folders for the report: whole, torn, long and wrong ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoloop.errors import InputError
from isoloop.report import build_report
from isoloop.report.decimate import bucket_rows_for, changes, pick
from isoloop.report.runfolder import read_run, read_summary
from isoloop.report.tables import read_table, thin

sys.path.insert(0, str(Path(__file__).parent))
from report_runs import summary, telemetry_columns, write_run

# ---------------------------------------------------------------- decimation

samples = st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=1, max_size=300)


@given(samples, st.integers(1, 40))
def test_pick_any_samples_keeps_ends_extremes_and_gaps(values: list[float], bucket_rows: int) -> None:
    array = np.array(values)
    picked = pick(array, bucket_rows)
    assert list(picked) == sorted(set(picked.tolist()))
    for start in range(0, len(array), bucket_rows):
        bucket = array[start : start + bucket_rows]
        kept = array[picked[(picked >= start) & (picked < start + bucket_rows)]]
        known, kept_known = bucket[~np.isnan(bucket)], kept[~np.isnan(kept)]
        assert np.isnan(kept).any() == np.isnan(bucket).any(), "a gap must stay a gap, and none may appear"
        assert len(known) == 0 or (known.min(), known.max(), known[0], known[-1]) == (
            kept_known.min(), kept_known.max(), kept_known[0], kept_known[-1],
        )  # fmt: skip


@given(st.integers(1, 10**7), st.integers(300, 10_000))
def test_bucket_rows_for_any_length_bounds_the_points(rows: int, points: int) -> None:
    bucket_rows = bucket_rows_for(rows, 0, points)
    assert (rows if bucket_rows == 1 else 5 * -(-rows // bucket_rows)) <= points


def test_pick_kept_rows_are_all_there() -> None:
    keep = np.zeros(1000, dtype=bool)
    keep[400:450] = True
    picked = pick(np.sin(np.arange(1000.0)), 100, keep)
    assert set(range(400, 450)) <= set(picked.tolist())
    assert len(picked) < 100


def test_changes_step_signal_unknown_is_a_value_of_its_own() -> None:
    nan = float("nan")
    assert changes(np.array([1, 1, nan, nan, 1, 2.0])).tolist() == [0, 2, 4, 5]


# ---------------------------------------------------------------- tables


def test_read_table_empty_cells_are_unknown_and_names_are_coded(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.csv"
    path.write_text("t_s,a,verdict,b\n0.0,1,ok,\n1.0,,suspect,\n2.0,3,ok,7\n")
    table = read_table(path, texts={"verdict"})
    assert table.notes == []
    np.testing.assert_array_equal(table.columns["a"].values, [1, np.nan, 3])
    np.testing.assert_array_equal(table.columns["b"].values, [np.nan, np.nan, 7])
    verdict = table.columns["verdict"]
    assert verdict.labels is not None
    assert [verdict.labels[int(code)] for code in verdict.values] == ["ok", "suspect", "ok"]


def test_read_table_unannounced_names_are_found(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.csv"
    path.write_text("t_s,new_state\n0.0,\n1.0,idle\n2.0,busy\n")
    column = read_table(path).columns["new_state"]
    assert column.labels == ("idle", "busy")
    np.testing.assert_array_equal(column.values, [np.nan, 0, 1])


def test_read_table_torn_rows_are_left_out_and_said(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.csv"
    path.write_text("t_s,a,b\n0.0,1,2\n1.0,3\n2.0,x,4\n1.5,9,9\n3.0,5,6\n4.0,7")
    table = read_table(path)
    np.testing.assert_array_equal(table.columns["a"].values, [1, np.nan, 5])
    np.testing.assert_array_equal(table.columns["b"].values, [2, 4, 6])
    said = " ".join(table.notes)
    for words in ("ends in the middle of a row", "1 row of another length", "time goes backwards", "1 cells hold no number"):
        assert words in said


def test_read_table_missing_rows_are_a_gap_not_a_line(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.csv"
    path.write_text("t_s,a\n" + "".join(f"{t},{t}\n" for t in (*range(10), *range(60, 70))))
    column = read_table(path).columns["a"]
    assert len(column.values) == 21
    gap = int(np.flatnonzero(np.isnan(column.values))[0])
    assert column.t_ms[gap - 1] == 9_000
    assert column.t_ms[gap] < 60_000 == column.t_ms[gap + 1]


def test_read_table_in_small_pieces_is_the_same_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "telemetry.csv"
    rows = "".join(f"{t},{t * 7 % 11},{'ok' if t % 3 else 'stale'}\n" for t in (*range(200), *range(300, 400)))
    path.write_text("t_s,a,verdict\n" + rows)
    whole = read_table(path, texts={"verdict"})
    for size in (9, 64, 1000):  # some of them end right at the gap
        monkeypatch.setattr("isoloop.report.tables._CHUNK_BYTES", size)
        pieces = read_table(path, texts={"verdict"})
        for name, column in whole.columns.items():
            np.testing.assert_array_equal(pieces.columns[name].values, column.values)
            np.testing.assert_array_equal(pieces.columns[name].t_ms, column.t_ms)


def test_read_table_long_file_is_thinned_with_its_peaks_and_windows(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.csv"
    rows = 300_000
    path.write_text("t_s,a\n" + "".join(f"{t},{-5 if t == 123_456 else t % 7}\n" for t in range(rows)))
    window = (200_000_000, 200_050_000)
    table = read_table(path, [window])
    column = table.columns["a"]
    assert table.rows == rows
    assert table.thinned
    assert len(column.values) < 70_000
    assert column.t_ms[np.argmin(column.values)] == 123_456_000
    near = (column.t_ms >= window[0]) & (column.t_ms <= window[1])
    assert near.sum() == 51
    drawn = thin(column, 2_000, [window])
    assert len(drawn.values) < 2_200
    assert drawn.values.min() == -5
    assert ((drawn.t_ms >= window[0]) & (drawn.t_ms <= window[1])).sum() == 51


@pytest.mark.parametrize("content", [b"", b"\n", b"a,b\n1,2\n", b"t_s", b"t_s,a\n", b"\0\x01binary\n", b"t_s,a,a\n1,2,3\n"])
def test_read_table_useless_file_is_said_not_raised(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "truth.csv"
    path.write_bytes(content)
    table = read_table(path)
    assert table.columns == {}
    assert len(table.notes) == 1
    assert "truth.csv" in table.notes[0]


@given(st.binary(max_size=200))
def test_read_table_any_bytes_never_raises(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "telemetry.csv"
    path.write_bytes(b"t_s,a\n0.0,1\n" + content)
    read_table(path)


# ---------------------------------------------------------------- run folders


def test_read_run_whole_folder_has_everything_and_no_complaints(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run"))
    assert run.notes == []
    assert run.end_ms == 300_000
    assert [event.name for event in run.events if event.severity == "high"] == ["LEAK_ALARM", "ISOLATION_COMMANDED", "ISOLATION_COMPLETE"]
    assert run.events[0].text == "The firmware has started."
    assert set(telemetry_columns(np.array([0.0]))) <= set(run.telemetry.columns)


def test_read_run_bare_summary_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps(summary()))
    run = read_run(tmp_path)
    assert run.notes == ["telemetry.csv is not there", "truth.csv is not there", "events.csv is not there"]


def test_read_run_replay_without_truth_is_no_defect(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", truth=None)
    (folder / "truth.csv").unlink()
    assert read_run(folder).notes == []


def test_read_run_torn_events_are_counted(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    path = folder / "events.csv"
    path.write_text(path.read_text() + "not a time,LEAK_ALARM,high,\n299.0\n")
    run = read_run(folder)
    assert run.events_total == 6
    assert run.notes == ["events.csv: 2 incomplete rows left out"]


@pytest.mark.parametrize(
    ("content", "line", "key", "words"),
    [
        (None, None, None, "no summary.json"),
        (b"\xff\xfe\x00", None, None, "not text"),
        (b'{\n"schema": "isoloop.run/1",\n', 3, None, "not whole JSON"),
        (b"[]", 1, None, "one JSON object"),
        (b'{\n"schema": "isoloop.run/2"}', 2, "schema", "isoloop.run/1"),
        (b'{\n"schema": "isoloop.run/1",\n"scenario": 5}', 3, "scenario", "text"),
        (b'{\n"schema": "isoloop.run/1",\n"scenario": "a",\n"target": "b",\n"verdict": []}', 5, "verdict", "object"),
        (json.dumps(summary(t_detect_s="soon"), indent=1).encode(), None, "t_detect_s", "number"),
        (json.dumps(summary(sim_s=-1), indent=1).encode(), None, "sim_s", "0 to"),
        (json.dumps(summary(expect=7), indent=1).encode(), None, "expect", "list"),
    ],
)
def test_read_summary_bad_summary_names_file_line_and_key(
    tmp_path: Path, content: bytes | None, line: int | None, key: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "summary.json").write_bytes(content)
    with pytest.raises(InputError) as caught:
        build_report(tmp_path)
    assert caught.value.file == str(tmp_path if content is None else tmp_path / "summary.json")
    assert caught.value.key == key
    assert line is None or caught.value.line == line
    assert words in caught.value.text
    assert not (tmp_path / "report.html").exists()


def test_read_summary_no_folder_or_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such run folder"):
        read_summary(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not a run folder"):
        read_summary(tmp_path / "file")
