"""Recorded logs as text: what is read, and the one sentence for each way that a file is no log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoloop.errors import InputError
from isoloop.replay.log import RecordedLog, load_log
from isoloop.schema.map import ChannelMap, ReplayMap

FLOW = ChannelMap("flow", 7, "flow", "L/min", (0.0, 150.0), 3)
PUMP = ChannelMap("p_pump", 3, "pump", "bar_g", None, 4)
SECONDS = ReplayMap("test", "test.toml", "t", "s", None, 100, 5.0, (PUMP, FLOW))
STAMPS = replace(SECONDS, time_unit=None, time_format="%Y-%m-%d %H:%M:%S")

GOOD = "t,pump,flow\n0,1.0,60\n1,1.1,61\n2.5,1.2,62\n"

Read = Callable[..., RecordedLog]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def load(content: str | bytes, replay_map: ReplayMap = SECONDS) -> RecordedLog:
        path = tmp_path / "log.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return load_log(path, replay_map)

    return load


def test_log_values_come_in_calibration_units(read: Read) -> None:
    log = read(GOOD)
    assert log.time_s.tolist() == [0.0, 1.0, 2.5]
    assert log.duration_s == 2.5
    assert log.values[:, 0].tolist() == pytest.approx([201_325, 211_325, 221_325])
    assert log.values[:, 1].tolist() == pytest.approx([1e6, 61e6 / 60, 62e6 / 60])


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        "\n"
        + GOOD.replace("t,pump", "other,t,pump").replace("\n0", "\nx,0").replace("\n1,", "\ny,1,").replace("\n2.5", "\nz,2.5")
        + "\n\n",
        GOOD.replace("t,pump,flow", " t , pump ,flow "),
        GOOD.replace("1.1", " 1.1 ").replace("61", '"61"').replace("62", "6.2e1"),
    ],
    ids=["semicolon", "tab", "crlf", "bom", "blank lines and another column", "padded header", "padded and quoted cells"],
)
def test_log_is_read_whatever_its_dress(read: Read, text: str) -> None:
    log = read(text)
    assert log.time_s.tolist() == [0.0, 1.0, 2.5]
    assert log.values[:, 1].tolist() == pytest.approx([1e6, 61e6 / 60, 62e6 / 60])


def test_log_timestamps_count_from_the_first_row(read: Read) -> None:
    log = read("t;pump;flow\n2020-03-01 23:59:58;1;60\n2020-03-02 00:00:01;1;61\n", STAMPS)
    assert log.time_s.tolist() == [0.0, 3.0]


def test_log_minutes_are_converted(read: Read) -> None:
    assert read(GOOD, replace(SECONDS, time_unit="min")).duration_s == 150.0


def test_log_empty_cell_is_no_sample(read: Read) -> None:
    log = read(GOOD.replace("61", " "))
    assert np.isnan(log.values[1, 1])
    assert not np.isnan(log.values[1, 0])


def test_log_repeated_time_is_kept(read: Read) -> None:
    assert read(GOOD.replace("2.5", "1")).time_s.tolist() == [0.0, 1.0, 1.0]


REFUSED: list[tuple[str | bytes, int | None, str | None, str]] = [
    (b"", None, None, "is empty"),
    (b" \r\n \n", None, None, "is empty"),
    (b"\xef\xbb\xbf", None, None, "is empty"),
    (b"t,pump,flow\n0,1,\x0060\n", 2, None, "binary"),
    (b"\x89PNG\r\n\x1a\n\x00\x00", 3, None, "binary"),
    (b"t,pump,flow\n0,1,60\n1,\xff,60\n", 3, None, "0xff is not UTF-8"),
    (GOOD.encode("utf-16"), 1, None, "UTF-8"),
    ("t,pump,flow\n", 1, None, "no rows"),
    (GOOD.replace("flow", "Flow"), 1, "flow", "no such column; the header has: t, pump, Flow"),
    (GOOD.replace("t,pump", "time,pump"), 1, "t", "no such column"),
    (GOOD.replace("pump", "flow"), 1, "pump", "no such column"),
    (
        GOOD.replace("t,pump,flow", "t,pump,flow,flow").replace("60", "60,1").replace("61", "61,1").replace("62", "62,1"),
        1,
        "flow",
        "2 times",
    ),
    (GOOD.replace("1,1.1,61", "1,1.1"), 3, None, "has 2 cells where the header has 3"),
    (GOOD.replace("1,1.1,61", "1,1.1,61,62"), 3, None, "has 4 cells"),
    (GOOD.replace("61", "NaN"), 3, "flow", "NaN is no measurement"),
    (GOOD.replace("61", "nan"), 3, "flow", "no measurement"),
    (GOOD.replace("61", "-inf"), 3, "flow", "no measurement"),
    (GOOD.replace("61", "1e999"), 3, "flow", "not a number"),
    (GOOD.replace("61", "6l"), 3, "flow", "'6l' is not a number"),
    (GOOD.replace("61", "6_1"), 3, "flow", "not a number"),
    (GOOD.replace("1.1", "0x10"), 3, "pump", "not a number"),
    (GOOD.replace("2.5", "0.5"), 4, "t", "time goes backwards by 0.5 s"),
    (GOOD.replace("2.5", ""), 4, "t", "'' is not a time in s"),
    (GOOD.replace("2.5", "nan"), 4, "t", "is not a time"),
    (GOOD.replace("2.5", "1e999"), 4, "t", "is not a time"),
    (GOOD.replace("2.5", "3e6"), 4, "t", "31 at most"),
    (GOOD.replace("60", "").replace("61", "").replace("62", ""), 2, "flow", "no value in any row"),
    (GOOD.replace("61", '"61'), 4, None, "is not CSV"),
]


@pytest.mark.parametrize(("content", "line", "key", "text"), REFUSED)
def test_log_is_refused_in_one_sentence(read: Read, content: str | bytes, line: int | None, key: str | None, text: str) -> None:
    with pytest.raises(InputError) as caught:
        read(content)
    error = caught.value
    assert (error.line, error.key) == (line, key)
    assert text in str(error)
    assert "log.csv" in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("cell", ["2020-03-01", "2020-03-01 12:00", "2020-13-01 12:00:00", "", "now"])
def test_log_unparsable_timestamp_is_refused(read: Read, cell: str) -> None:
    with pytest.raises(InputError, match="does not match the map's time format") as caught:
        read(f"t,pump,flow\n2020-03-01 12:00:00,1,60\n{cell},1,60\n", STAMPS)
    assert (caught.value.line, caught.value.key) == (3, "t")


@pytest.mark.parametrize("form", ["%Q", "%Y-%"])
def test_log_time_format_that_is_none_is_the_maps_fault(read: Read, form: str) -> None:
    with pytest.raises(InputError) as caught:
        read(GOOD, replace(STAMPS, time_format=form))
    assert (caught.value.file, caught.value.key) == ("test.toml", "time.format")


@pytest.mark.parametrize("span", [(0.0, 1e6), (-1e6, 100.0), (5.0, 5.0)])
def test_map_span_that_no_board_carries_is_refused(read: Read, span: tuple[float, float]) -> None:
    with pytest.raises(InputError) as caught:
        read(GOOD, replace(SECONDS, channels=(replace(FLOW, span=span),)))
    assert (caught.value.file, caught.value.line, caught.value.key) == ("test.toml", 3, "channels.flow.span")


def test_map_stale_time_beyond_the_parameter_is_refused(read: Read) -> None:
    with pytest.raises(InputError, match="at most 1000 s") as caught:
        read(GOOD, replace(SECONDS, stale_s=1001))
    assert (caught.value.file, caught.value.key) == ("test.toml", "stale_s")


def test_missing_log_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_log(tmp_path / "none.csv", SECONDS)
    with pytest.raises(InputError, match="is a folder"):
        load_log(tmp_path, SECONDS)


@given(content=st.binary(max_size=200) | st.text(alphabet='t,;pumflow0123.5"\n\r naNe-', max_size=200).map(str.encode))
def test_log_of_any_bytes_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    for head in (b"", b"t,pump,flow\n"):
        path.write_bytes(head + content)
        try:
            log = load_log(path, SECONDS)
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert np.isfinite(log.time_s).all()
