"""Scenario files: what is accepted, and that every refusal names file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoloop import paths
from isoloop.errors import InputError
from isoloop.schema import Scenario, load_scenario
from isoloop.schema.event import KINDS, Choice
from isoloop.schema.scenario import parse_scenario
from isoloop.schema.toml_file import TomlFile

HEAD = """schema = "isoloop.scenario/1"
name = "trial"
duration_s = 300
"""
EVENT = '[[event]]\nat_s = 60.0\nkind = "leak"\nsegment = "rad2"\nhole_mm = 0.8\n'


def parse(text: str) -> Scenario:
    return parse_scenario(TomlFile("trial.toml", text))


def refusal(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        parse(text)
    return caught.value


def test_scenario_smallest_file_gets_the_defaults() -> None:
    scenario = parse(HEAD)
    assert (scenario.name, scenario.title, scenario.tick_ms, scenario.seed, scenario.link_baud) == ("trial", "trial", 100, 1, 115200)
    assert scenario.plant.preset == "soyuz"
    assert (scenario.ticks, scenario.events, scenario.expect, scenario.params) == (3000, (), {}, {})


def test_scenario_full_file_keeps_every_value() -> None:
    scenario = parse(
        HEAD
        + 'title = "a title"\ntick_ms = 50\nseed = 4294967295\n'
        + '[plant]\npreset = "progress"\ncoolant_temp_c = 10\norbit_swing_k = 2.5\n[link]\nbaud = 9600\n[params]\nstale_ms = 2000\n'
        + EVENT
        + '[[event]]\nat_s = 5\nkind = "pump"\nmode = "degrade"\nvalue = 0.5\n'
        + '[expect]\nclass = "coolant_leak"\nreopened = ["rad1", "rad3"]\nlatched = false\ndetect_within_s = 4\n'
    )
    assert (scenario.title, scenario.tick_ms, scenario.seed, scenario.link_baud) == ("a title", 50, 4294967295, 9600)
    assert (scenario.plant.preset, scenario.plant.coolant_temp_c, scenario.plant.orbit_swing_k) == ("progress", 10.0, 2.5)
    assert scenario.params == {"stale_ms": 2000}
    assert [(event.at_s, event.kind) for event in scenario.events] == [(5.0, "pump"), (60.0, "leak")]
    assert scenario.events[1].fields == {"segment": "rad2", "hole_mm": 0.8, "ramp_s": 0.0}
    assert scenario.expect == {"class": "coolant_leak", "reopened": ["rad1", "rad3"], "latched": False, "detect_within_s": 4.0}


def test_scenario_ticks_a_started_cycle_counts() -> None:
    assert parse(HEAD.replace("300", "0.25")).ticks == 3
    assert parse(HEAD.replace("300", "0.3")).ticks == 3


@pytest.mark.req("REQ-INP-001", "REQ-INP-004", "REQ-PLT-005")
@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("name = 1\n", 1, "schema", "is missing"),
        (HEAD.replace("scenario/1", "scenario/2"), 1, "schema", "must be 'isoloop.scenario/1'"),
        (HEAD.replace('"isoloop.scenario/1"', "1"), 1, "schema", "must be a string"),
        (HEAD + "speed = 1\n", 4, "speed", "unknown key"),
        (HEAD + "tik_ms = 10\n", 4, "tik_ms", "did you mean 'tick_ms'"),
        (HEAD + "tick_ms = 30\n", 4, "tick_ms", "one of 10, 20, 50, 100"),
        (HEAD + "tick_ms = 100.0\n", 4, "tick_ms", "whole number"),
        (HEAD + "seed = -1\n", 4, "seed", "from 0 to 4294967295"),
        (HEAD + "seed = true\n", 4, "seed", "whole number"),
        (HEAD + "seed = 0x" + "f" * 5000 + "\n", 4, "seed", "huge"),
        (HEAD.replace('"trial"', '"../up"'), 2, "name", "begin with a letter"),
        (HEAD.replace('"trial"', '""'), 2, "name", "empty"),
        (HEAD.replace("name", "nam"), 2, "nam", "did you mean 'name'"),
        (HEAD.replace("300", "0"), 3, "duration_s", "above 0 and at most 2678400"),
        (HEAD.replace("300", "2678401"), 3, "duration_s", "at most 2678400"),
        (HEAD.replace("300", "nan"), 3, "duration_s", "finite"),
        (HEAD.replace("300", "inf"), 3, "duration_s", "finite"),
        (HEAD.replace("300", '"300"'), 3, "duration_s", "must be a number, not a string"),
        (HEAD.replace("300", "1979-05-27"), 3, "duration_s", "not a date"),
        (HEAD + "duration_s = 1\n", 4, None, "not valid TOML"),
        (HEAD + "[plant\n", 4, None, "not valid TOML"),
        (HEAD + "seed = 9" + "9" * 5000 + "\n", None, None, "not valid TOML"),
        (HEAD + "title = " + "[" * 5000, None, None, "nested too deeply"),
        (HEAD + "plant = 3\n", 4, "plant", "must be a table"),
        (HEAD + '[plant]\npreset = "shuttle"\n', 5, "plant.preset", "unknown preset 'shuttle'"),
        (HEAD + '[plant]\ncoolant = "glycol"\n', 5, "plant.coolant", "one of isooctane"),
        (HEAD + "[plant]\norbit_swing = 5\n", 5, "plant.orbit_swing", "did you mean 'orbit_swing_k'"),
        (HEAD + "[plant]\norbit_swing_k = -5\n", 5, "plant.orbit_swing_k", "from 0"),
        (HEAD + "[plant]\npump_rated_ml_s = nan\n", 5, "plant.pump_rated_ml_s", "finite"),
        (HEAD + '[plant]\ncoolant = "water"\ncoolant_temp_c = -20\n', 6, "plant.coolant_temp_c", "freezes"),
        (HEAD + "[link]\nbaud = 10\n", 5, "link.baud", "from 1200"),
        (HEAD + "[link]\nber = 0\n", 5, "link.ber", "unknown key"),
        (HEAD + "[params]\nfoo = 1\n", 5, "params.foo", "unknown parameter"),
        (HEAD + "[params]\nstale_ms = 1.5\n", 5, "params.stale_ms", "whole number"),
        (HEAD + "[params]\nstale_ms = -1\n", 5, "params.stale_ms", "from "),
        (HEAD + "[params]\ntick_ms = 10\n", 5, "params.tick_ms", "is set by"),
        (HEAD + '[params]\ncoolant = "glycol"\n', 5, "params.coolant", "unknown coolant"),
        (HEAD + "[event]\nat_s = 1\n", 4, "event", "double brackets"),
        (HEAD + "event = [1]\n", 4, "event[1]", "must be a table"),
        (HEAD + "[[event]]\nat_s = 1\n", 4, "event[1].kind", "is missing"),
        (HEAD + EVENT.replace('"leak"', '"leek"'), 6, "event[1].kind", "did you mean 'leak'"),
        (HEAD + EVENT.replace("60.0", "-1"), 5, "event[1].at_s", "from 0 to 300"),
        (HEAD + EVENT.replace("60.0", "301"), 5, "event[1].at_s", "from 0 to 300"),
        (HEAD + EVENT.replace("rad2", "rad4"), 7, "event[1].segment", "unknown segment 'rad4'"),
        (HEAD + EVENT.replace("0.8", "0"), 8, "event[1].hole_mm", "above 0"),
        (HEAD + EVENT.replace("0.8", "1e400"), 8, "event[1].hole_mm", "finite"),
        (HEAD + EVENT.replace("hole_mm = 0.8\n", ""), 4, "event[1].hole_mm", "is missing"),
        (HEAD + EVENT + EVENT + "channel = 1\n", 14, "event[2].channel", "unknown key for kind 'leak'"),
        (HEAD + '[[event]]\nat_s = 1\nkind = "sensor"\nchannel = "p_comp_d"\nmode = "open"\n', 7, "event[1].channel", "unknown channel"),
        (HEAD + '[[event]]\nat_s = 1\nkind = "sensor"\nchannel = "t_gas"\nmode = "broken"\n', 8, "event[1].mode", "unknown mode"),
        (HEAD + '[[event]]\nat_s = 1\nkind = "sensor"\nchannel = "t_gas"\nmode = "bias"\n', 4, "event[1].value", "needs it"),
        (HEAD + '[[event]]\nat_s = 1\nkind = "sensor"\nmode = "open"\n', 4, "event[1].channel", "is missing"),
        (HEAD + '[[event]]\nat_s = 1\nkind = "sensor"\nchannel = "t_gas"\nmode = "noise"\nvalue = -1\n', 9, "event[1].value", "negative"),
        (HEAD + '[[event]]\nat_s = 1\nkind = "pump"\nmode = "degrade"\nvalue = 1.5\n', 8, "event[1].value", "from 0 to 1"),
        (HEAD + '[[event]]\nat_s = 1\nkind = "attitude"\n', 4, "event[1]", "needs orbit_swing_k or phase"),
        (HEAD + '[[event]]\nat_s = 1\nkind = "command"\nname = "x"\n', 7, "event[1].name", "unknown telecommand"),
        (HEAD + '[[event]]\nat_s = 1\nkind = "command"\nname = "valve_open"\n', 4, "event[1]", "needs the argument 'valve'"),
        (HEAD + '[[event]]\nat_s = 1\nkind = "command"\nname = "ping"\nargs = {x = 1}\n', 8, "event[1].args", "no argument 'x'"),
        (HEAD + '[[event]]\nat_s = 1\nkind = "command"\nname = "valve_open"\nargs = {valve = 9}\n', 8, "event[1].args", "outside 0..6"),
        (HEAD + '[[event]]\nat_s = 1\nkind = "link"\n', 4, "event[1]", "needs ber, drop or mode"),
        (HEAD + '[[event]]\nat_s = 1\nkind = "link"\nber = 0.6\n', 7, "event[1].ber", "from 0 to 0.5"),
        (HEAD + '[expect]\nclas = "none"\n', 5, "expect.clas", "unknown expectation"),
        (HEAD + '[expect]\nclass = "leak"\n', 5, "expect.class", "unknown class 'leak'"),
        (HEAD + '[expect]\nreopened = "rad1"\n', 5, "expect.reopened", "list of names"),
        (HEAD + '[expect]\nreopened = ["rad1", 2]\n', 5, "expect.reopened[2]", "2 is not one of"),
        (HEAD + '[expect]\nreopened = ["rad1", "rad1"]\n', 5, "expect.reopened[2]", "twice"),
        (HEAD + "[expect]\nlatched = 1\n", 5, "expect.latched", "true or false"),
        (HEAD + "[expect]\nno_alarm = false\n", 5, "expect.no_alarm", "only be true"),
        (HEAD + "[expect]\nfalse_alarms = -1\n", 5, "expect.false_alarms", "from 0"),
        (HEAD + "[expect]\ndetect_within_s = -0.1\n", 5, "expect.detect_within_s", "from 0"),
    ],
)  # fmt: skip
def test_scenario_bad_file_is_refused_with_file_line_and_key(text: str, line: int | None, key: str | None, words: str) -> None:
    error = refusal(text)
    assert (error.file, error.line, error.key) == ("trial.toml", line, key)
    assert words in error.text
    assert "\n" not in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_event_every_kind_with_its_required_fields_is_accepted(kind: str) -> None:
    text = f'[[event]]\nat_s = 1\nkind = "{kind}"\n'
    for name, row in KINDS[kind].items():
        value = f'"{row.choices[-1]}"' if isinstance(row, Choice) else str(row.high)
        text += f"{name} = {value}\n"
    if kind == "sensor":  # the last mode takes no value
        text = text.replace('"dead_mux"', '"spike"')
    event = parse(HEAD + text).events[0]
    assert event.kind == kind
    assert set(event.fields) == set(KINDS[kind])


def test_event_dead_multiplexer_needs_no_channel() -> None:
    event = parse(HEAD + '[[event]]\nat_s = 1\nkind = "sensor"\nmode = "dead_mux"\n').events[0]
    assert event.fields == {"channel": None, "mode": "dead_mux", "value": None, "duration_s": None}


@pytest.mark.req("REQ-INP-001")
def test_load_scenario_what_is_no_text_file_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\x00\x01\x02")
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'schema = "x"\nname = "\xe9"\n')
    huge = tmp_path / "huge.toml"
    huge.write_text("#" * 1_000_001)
    for path, words in [
        (binary, "binary"),
        (latin, "not UTF-8"),
        (huge, "larger than 1 MB"),
        (tmp_path, "is a folder"),
        (tmp_path / "missing.toml", "no such file"),
        (Path("nul\0name"), "no such file"),
        (Path("x" * 5000), "cannot be read"),
        (binary / "below.toml", "no such file"),
    ]:
        with pytest.raises(InputError) as caught:
            load_scenario(path)
        assert words in str(caught.value)
    with pytest.raises(InputError, match=r"did you mean 'ms22'\?.*nominal-orbit"):
        load_scenario("ms23")


def test_load_scenario_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "windows.toml"
    path.write_bytes(b"\xef\xbb\xbf" + (HEAD + "tik = 1\n").replace("\n", "\r\n").encode())
    with pytest.raises(InputError) as caught:
        load_scenario(path)
    assert (caught.value.line, caught.value.key) == (4, "tik")


@pytest.mark.req("REQ-CLI-007")
def test_builtin_scenarios_all_are_there_and_valid() -> None:
    wanted = {
        "nominal-orbit", "ms22", "ms21", "pinhole", "patch-failure", "cold-leak", "pump-trip", "heat-step", "attitude-change",
        "sensor-open", "sensor-stuck", "relay-2015", "valve-stuck-open",
    }  # fmt: skip
    names = paths.builtin_names(paths.SCENARIOS_DIR)
    assert wanted <= set(names)
    for name in names:
        scenario = load_scenario(name)
        assert scenario.name == name
        assert scenario.expect
        assert scenario.title != name


TOKENS = st.sampled_from(
    [
        'schema = "isoloop.scenario/1"',
        'name = "a"',
        "duration_s = 10",
        "duration_s = 1e300",
        "tick_ms = 10",
        "tick_ms = -1",
        "seed = 7",
        'title = ""',
        "[plant]",
        'preset = "bench"',
        'coolant = "ammonia"',
        "coolant_temp_c = -89",
        "orbit_swing_k = 60",
        "[link]",
        "baud = 1200",
        "[params]",
        "stale_ms = 100",
        'coolant = "water"',
        "[[event]]",
        "at_s = 1",
        "at_s = 9e9",
        'kind = "leak"',
        'kind = "sensor"',
        'kind = "power"',
        'kind = "relay"',
        'kind = "link"',
        'kind = ["leak"]',
        'segment = "rad1"',
        "hole_mm = 1",
        "hole_mm = nan",
        'channel = "t_bay"',
        'mode = "stuck"',
        'mode = "reset"',
        "value = -0.0",
        "value = {a = 1}",
        "ramp_s = 5",
        "duration_s = []",
        "off_s = 1",
        "[expect]",
        'class = "none"',
        "no_alarm = true",
        "reopened = []",
        "latched = 1979-05-27",
        "[event.args]",
        '"" = 0',
        "= 1",
        "gas_pv_kpa_l = 1",
        "radiator_volume_ml = 100000",
        "pump_head_kpa = 5",
    ]
)


def never_anything_but_a_refusal(text: str) -> None:
    try:
        scenario = parse(text)
    except InputError as error:
        assert str(error).startswith("trial.toml")
        assert error.line is None or 1 <= error.line <= text.count("\n") + 1
        return
    assert isinstance(scenario, Scenario)


@pytest.mark.req("REQ-INP-005")
@given(st.lists(TOKENS, max_size=25))
def test_scenario_any_pile_of_lines_is_a_scenario_or_a_refusal(lines: list[str]) -> None:
    never_anything_but_a_refusal("\n".join(lines))


@pytest.mark.req("REQ-INP-005")
@given(st.lists(TOKENS, max_size=12))
def test_scenario_any_lines_behind_a_good_head_are_a_scenario_or_a_refusal(lines: list[str]) -> None:
    never_anything_but_a_refusal(HEAD + EVENT + "\n".join(lines))


@pytest.mark.req("REQ-INP-005")
@given(st.text(max_size=200))
def test_scenario_any_text_is_a_refusal(text: str) -> None:
    never_anything_but_a_refusal(text)


@pytest.mark.req("REQ-INP-005")
@given(data=st.binary(max_size=200))
def test_scenario_any_bytes_are_a_refusal(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "x.toml"
    path.write_bytes(data)
    with pytest.raises(InputError):
        load_scenario(path)
