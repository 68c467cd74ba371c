"""Log replay maps: what is accepted, and that every refusal names file, line and key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoloop import paths
from isoloop.errors import InputError
from isoloop.schema import ReplayMap, load_map
from isoloop.schema.map import parse_map
from isoloop.schema.toml_file import TomlFile

TIME = 'time = {column = "t_s", unit = "s"}\n'
CHANNEL = '[channels]\np_pump = {column = "Pressure", unit = "bar_g"}\n'
FLOW = 'flow = {column = "F", unit = "mL/s", span = [0, 1]}\n'


def parse(text: str) -> ReplayMap:
    return parse_map(TomlFile("rig.toml", text), "rig")


def test_map_smallest_file_gets_the_defaults() -> None:
    rig = parse(TIME + CHANNEL)
    assert (rig.time_column, rig.time_unit, rig.time_format, rig.tick_ms, rig.stale_s, rig.params) == ("t_s", "s", None, 100, 5.0, {})
    assert [(row.channel, row.index, row.column, row.unit, row.span, row.line) for row in rig.channels] == [
        ("p_pump", 3, "Pressure", "bar_g", None, 3)
    ]


def test_map_full_file_keeps_every_value_in_channel_order() -> None:
    rig = parse(
        'tick_ms = 50\nstale_s = 2.5\ntime = {column = "when", format = "%d.%m.%Y %H:%M:%S.%f"}\n[channels]\n'
        't_gas = {column = "T", unit = "K", span = [200, 400]}\nflow = {column = "F", unit = "L/min", span = [0, 150]}\n'
        'v_ref = {column = "V", unit = "V"}\n[params]\nstale_ms = 500\n'
    )
    assert (rig.time_format, rig.time_unit, rig.tick_ms, rig.stale_s, rig.params) == (
        "%d.%m.%Y %H:%M:%S.%f",
        None,
        50,
        2.5,
        {"stale_ms": 500},
    )
    assert [(row.channel, row.index, row.span) for row in rig.channels] == [
        ("flow", 7, (0.0, 150.0)),
        ("t_gas", 8, (200.0, 400.0)),
        ("v_ref", 15, None),
    ]


@pytest.mark.req("REQ-INP-001")
@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        (CHANNEL, 1, "time.column", "is missing"),
        (TIME, 1, "channels", "names no channel"),
        ('time = "t_s"\n' + CHANNEL, 1, "time", "must be a table"),
        ('time = {column = "t_s"}\n' + CHANNEL, 1, "time.unit", "is missing"),
        ('time = {column = "t_s", unit = "day"}\n' + CHANNEL, 1, "time.unit", "unknown time unit"),
        ('time = {column = "t_s", unit = "s", format = "%H"}\n' + CHANNEL, 1, "time.format", "not both"),
        ('time = {column = "t_s", format = "%Q"}\n' + CHANNEL, 1, "time.format", "no strptime format"),
        ('time = {column = "t_s", format = "now"}\n' + CHANNEL, 1, "time.format", "reads no time"),
        ('time = {column = "t_s", unit = "s", zone = "UTC"}\n' + CHANNEL, 1, "time.zone", "unknown key"),
        (TIME + "separator = 1\n" + CHANNEL, 2, "separator", "unknown key"),
        (TIME + "tick_ms = 7\n" + CHANNEL, 2, "tick_ms", "one of 10"),
        (TIME + "stale_s = 0\n" + CHANNEL, 2, "stale_s", "above 0"),
        (TIME + "stale_s = nan\n" + CHANNEL, 2, "stale_s", "finite"),
        (TIME + CHANNEL.replace("p_pump", "p_pomp"), 3, "channels.p_pomp", "did you mean 'p_pump'"),
        (TIME + CHANNEL.replace("bar_g", "L/min"), 3, "channels.p_pump.unit", "one of kPa, bar"),
        (TIME + CHANNEL.replace('"Pressure"', "4"), 3, "channels.p_pump.column", "must be a string"),
        (TIME + CHANNEL.replace('unit = "bar_g"', ""), None, None, "not valid TOML"),
        (TIME + CHANNEL.replace("unit", "units"), 3, "channels.p_pump.units", "did you mean 'unit'"),
        (TIME + "[channels]\np_pump = 3\n", 3, "channels.p_pump", "must be a table"),
        (TIME + CHANNEL + FLOW.replace(", span = [0, 1]", "") + 'p_cabin = {column = "P", unit = "psi"}\n', 4, "channels.flow", "slot of"),
        (TIME + CHANNEL + FLOW.replace("[0, 1]", "[1, 1]"), 4, "channels.flow.span", "below high"),
        (TIME + CHANNEL + FLOW.replace("[0, 1]", "[0, nan]"), 4, "channels.flow.span", "finite"),
        (TIME + CHANNEL + FLOW.replace("[0, 1]", "[0, 1, 2]"), 4, "channels.flow.span", "two finite numbers"),
        (TIME + CHANNEL + FLOW.replace("[0, 1]", "5"), 4, "channels.flow.span", "[low, high]"),
        (TIME + CHANNEL + "[params]\nnone = 1\n", 5, "params.none", "unknown parameter"),
    ],
)  # fmt: skip
def test_map_bad_file_is_refused_with_file_line_and_key(text: str, line: int | None, key: str | None, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    error = caught.value
    if line is not None:
        assert (error.line, error.key) == (line, key)
    assert error.file == "rig.toml"
    assert words in error.text
    assert "\n" not in str(error)


def test_builtin_maps_are_valid() -> None:
    assert "skab" in paths.builtin_names(paths.MAPS_DIR)
    for name in paths.builtin_names(paths.MAPS_DIR):
        assert load_map(name).name == name


def test_load_map_unknown_name_lists_the_builtin_ones() -> None:
    with pytest.raises(InputError, match=r"did you mean 'skab'.*built in: .*skab"):
        load_map("skap")


PARTS = st.sampled_from(
    [
        TIME.strip(),
        'time = {column = "t", format = "%"}',
        "tick_ms = 20",
        "stale_s = 1e9",
        "[channels]",
        'p_rad1 = {column = "a", unit = "mmHg"}',
        "p_rad1 = {}",
        'flow = {column = "", unit = "V"}',
        'flow = {column = "f", unit = "mL/s", span = [-1e400, 1]}',
        "[channels.t_bay]",
        'column = "b"',
        'unit = "K"',
        "span = [1, 2]",
        "span = [[1], 2]",
        "[params]",
        "stale_ms = 1",
        "[[channels]]",
        "time = 12:00:00",
    ]
)


@pytest.mark.req("REQ-INP-005")
@given(st.lists(PARTS, max_size=15), st.text(max_size=30))
def test_map_anything_is_a_map_or_a_refusal(parts: list[str], text: str) -> None:
    for document in ("\n".join(parts), "\n".join(parts) + "\n" + text, text):
        try:
            assert isinstance(parse(document), ReplayMap)
        except InputError as error:
            assert str(error).startswith("rig.toml")
