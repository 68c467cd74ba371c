"""The line finder says where each key of a TOML text stands."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoloop.schema.lines import key_lines

TEXT = '''# comment with [brackets] and "quotes"
name = "a # no comment"   # a comment
nested.deep."odd key" = 1

[plant] # [[event]]
preset = 'soyuz'
text = """
[event]
at_s = 1 \\""" still text"""
list = [ # [x]
  1,
  "two, ]",
  {a = 1, b = [3,
   4]},
]

[[event]]
at_s = 1

[[event]]
kind = "leak"
[event.args]
"x.y" = true
[[event.more]]
z = 1
[[event.more]]
z = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("nested", "deep", "odd key"), 3),
        (("plant",), 5),
        (("plant", "preset"), 6),
        (("plant", "text"), 7),
        (("plant", "list"), 10),
        (("plant", "list", 0), 11),
        (("plant", "list", 1), 12),
        (("plant", "list", 2, "a"), 13),
        (("plant", "list", 2, "b", 1), 14),
        (("event", 0), 17),
        (("event", 0, "at_s"), 18),
        (("event", 1), 20),
        (("event", 1, "kind"), 21),
        (("event", 1, "args"), 22),
        (("event", 1, "args", "x.y"), 23),
        (("event", 1, "more", 0, "z"), 25),
        (("event", 1, "more", 1, "z"), 27),
    ],
)
def test_key_lines_every_way_of_writing_gives_its_line(path: tuple[str | int, ...], line: int) -> None:
    tomllib.loads(TEXT)
    assert key_lines(TEXT)[path] == line


def paths_of(value: object, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    found = {path}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found |= paths_of(item, (*path, key))
    return found


SCRAPS = st.lists(
    st.sampled_from(
        ["[a]", "[[b]]", "[b.c]", "[[b.d]]", "x = 1", "y.z = [1, [2, {q = 3}]]", "'k l' = '''\nm\n'''", 's = """"a\\""""', "t = {}",
         "", "# [c]", "u = 1979-05-27T07:32:00Z", '"" = ""', "v = [\n#]\n]", "w = {a.b = [\n], c = '}'}"]
    ),
    max_size=12,
)  # fmt: skip


@given(SCRAPS)
def test_key_lines_any_valid_text_finds_every_key(scraps: list[str]) -> None:
    text = "\n".join(scraps)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = key_lines(text)
    assert set(lines) == paths_of(data)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())
