"""The dictionary table: what it refuses, what is generated from it, and that nothing is stale."""

import re
import runpy
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from isoloop.dictionary import DictionaryError, load_dictionary, parse_dictionary
from isoloop.dictionary.emit_firmware import render_reports, render_tables, structure_prefix
from isoloop.dictionary.generate import main, outputs, stale_files
from isoloop.dictionary.model import INT_MAX, INT_MIN

REPOSITORY = Path(__file__).resolve().parents[2]
SMALL = """
schema = "isoloop.dictionary/1"
[[parameter]]
number = 1
name = "limit_pa"
unit = "Pa"
default = 5
min = 0
max = 10
flight = true
text = "A limit."
source = "test"
[[event]]
number = 1
name = "BOOT"
severity = "info"
fields = [{name = "cause", enum = "cause"}]
text = "Started."
[[structure]]
number = 1
name = "housekeeping"
text = "State."
[[field]]
structure = "housekeeping"
name = "cause"
type = "u8"
unit = ""
enum = "cause"
nullable = true
text = "Why."
[[state]]
group = "cause"
number = 0
name = "power_on"
text = "Power."
"""


@pytest.mark.req("REQ-TLM-002")
def test_generated_files_say_what_the_table_says() -> None:
    assert stale_files(REPOSITORY, load_dictionary()) == []


@pytest.mark.req("REQ-TLM-002")
@pytest.mark.parametrize("name", outputs(load_dictionary()))
def test_stale_file_is_noticed(name: str, tmp_path: Path) -> None:
    for path in outputs(load_dictionary()):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / path, tmp_path / path)
    target = tmp_path / name
    assert stale_files(tmp_path, load_dictionary()) == []
    target.write_text(target.read_text() + "\n")
    assert stale_files(tmp_path, load_dictionary()) == [name]
    target.unlink()
    assert stale_files(tmp_path, load_dictionary()) == [name]


@pytest.mark.req("REQ-TLM-002")
def test_changed_row_makes_its_files_stale() -> None:
    dictionary = load_dictionary()
    first = dictionary.parameters[0]
    changed = replace(dictionary, parameters=(replace(first, default=first.default + 1), *dictionary.parameters[1:]))
    assert "firmware/tcs/tables.py" in stale_files(REPOSITORY, changed)
    assert "docs/dictionary.md" in stale_files(REPOSITORY, changed)


def test_check_finds_nothing_stale_and_a_wrong_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert main(["--chek"]) == 2
    assert "usage" in capsys.readouterr().err


def test_small_table_parses() -> None:
    dictionary = parse_dictionary(SMALL)
    assert dictionary.parameters_by_name["limit_pa"].max == 10
    assert dictionary.structures_by_name["housekeeping"].struct_format == ">B"
    assert dictionary.state_number("cause", "power_on") == 0


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("default = 5", "default = 11", "parameter limit_pa: default 11 is outside 0..10"),
        ("max = 10", f"max = {INT_MAX + 1}", "parameter limit_pa: min..max"),
        ("min = 0", f"min = {INT_MIN}", "parameter limit_pa: min..max"),
        ("min = 0", "min = 11", "parameter limit_pa: min..max"),
        ("default = 5", "default = 5.0", "parameter limit_pa: default is not int"),
        ("flight = true", "flight = 1", "parameter limit_pa: flight is not bool"),
        ('unit = "Pa"\n', "", "parameter limit_pa: unit is missing"),
        ('unit = "Pa"', 'unit = "Pa"\nunits = "Pa"', "parameter limit_pa: unknown key units"),
        ('name = "limit_pa"', 'name = "limitPa"', "parameter limitPa: the name is not lower_snake"),
        ('name = "limit_pa"', 'name = "limit_pa"\nenum = "cause"', "parameter limit_pa: its range has values that group cause"),
        ('name = "BOOT"', 'name = "boot"', "event boot: the name is not UPPER_snake"),
        ('severity = "info"', 'severity = "fatal"', "event BOOT: severity fatal"),
        ('fields = [{name = "cause", enum = "cause"}]', 'fields = [{name = "cause", enum = "causes"}]', "there is no state group causes"),
        ('fields = [{name = "cause", enum = "cause"}]', 'fields = [{name = "a"}, {name = "a"}]', "event BOOT field a stands twice"),
        (
            'fields = [{name = "cause", enum = "cause"}]',
            'fields = [{name = "a"}, {name = "b"}, {name = "c"}, {name = "d"}, {name = "e"}]',
            "event BOOT: fields is not a list of at most four",
        ),
        ('structure = "housekeeping"', 'structure = "house"', "field house.cause: there is no structure house"),
        ('type = "u8"', 'type = "u64"', "field housekeeping.cause: type u64"),
        ("number = 0\n", "number = 256\n", "state cause.power_on: number is outside 0..254"),
        ('schema = "isoloop.dictionary/1"', 'schema = "isoloop.dictionary/2"', "schema is not"),
        ("[[state]]", "[[stat]]", "unknown table stat"),
        ("[[state]]", "[[state", "not TOML"),
    ],
)
def test_wrong_row_is_refused_by_name(old: str, new: str, told: str) -> None:
    assert old in SMALL
    with pytest.raises(DictionaryError, match=re.escape(told)):
        parse_dictionary(SMALL.replace(old, new, 1))


@pytest.mark.parametrize("table", ["parameter", "event", "structure", "state"])
def test_repeated_row_is_refused(table: str) -> None:
    block = re.search(rf"\[\[{table}\]\].*?(?=\[\[|\Z)", SMALL, re.DOTALL)
    assert block is not None
    with pytest.raises(DictionaryError, match="stands twice"):
        parse_dictionary(SMALL + block.group())


def test_hash_follows_meaning_and_not_wording() -> None:
    plain = parse_dictionary(SMALL).hash
    assert parse_dictionary(SMALL.replace("A limit.", "The limit.")).hash == plain
    for old, new in (("max = 10", "max = 11"), ('type = "u8"', 'type = "i8"'), ('name = "power_on"', 'name = "off"'), ("info", "low")):
        assert parse_dictionary(SMALL.replace(old, new)).hash != plain, (old, new)


def test_firmware_tables_agree_with_the_dictionary() -> None:
    dictionary = load_dictionary()
    tables = runpy.run_path(str(REPOSITORY / "firmware" / "tcs" / "tables.py"))
    assert tables["DICTIONARY_HASH"] == dictionary.hash
    for row in dictionary.parameters:
        index = tables[f"P_{row.name.upper()}"]
        columns = ("PARAM_NUMBERS", "PARAM_DEFAULTS", "PARAM_MINS", "PARAM_MAXS")
        assert [tables[column][index] for column in columns] == [row.number, row.default, row.min, row.max], row.name
    for event in dictionary.events:
        assert tables[f"EV_{event.name}"] == event.number
        assert tables["EV_FIELD_COUNTS"][event.number] == len(event.fields)
        assert tables["EV_SEVERITIES"][event.number] == ["info", "low", "medium", "high"].index(event.severity) + 1
    for structure in dictionary.structures:
        prefix = structure_prefix(structure)
        assert tables[f"{prefix}_COUNT"] == len(tables[f"{prefix}_TYPES"]) == len(structure.fields)
        for index, field in enumerate(structure.fields):
            assert tables[f"{prefix}_{field.name.upper()}"] == index


def test_rendered_firmware_is_python_and_short_enough() -> None:
    for render in (render_tables, render_reports):
        text = render(load_dictionary())
        compile(text, "generated", "exec")
        assert max(map(len, text.splitlines())) <= 140
