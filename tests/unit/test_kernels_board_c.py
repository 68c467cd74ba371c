"""The kernels as C: the four operations in which the languages differ, what is frozen beside the C module, and what is refused."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoloop.kernels import board_c, constants, to_c

SOURCE = '''
import micropython
from micropython import const

NEAR = const(8)
FAR = const(-7)
MOST = const(-0x3FFFFFFF - 1)


@micropython.native
def divide(a: int, b: int) -> int:
    """Docstrings go."""
    return a // b


@micropython.native
def rest(a: int, b: int) -> int:
    return a % b


@micropython.native
def by_constants(x: ptr32, y: ptr8) -> int:
    x[0] //= NEAR
    x[1] = x[1] % NEAR + FAR
    x[2] = x[2] // FAR
    x[3] = x[3] % FAR
    x[4] = x[4] << 3
    x[5] >>= 2
    y[1] = y[0] + 255
    i = 0
    while i < 3 and not (x[0] == i or x[0] < -100):
        i += 1
    return MOST if i == 3 else -i


def helper(x):
    return [x]
'''


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: apt-get install gcc")
    folder = tmp_path_factory.mktemp("c")
    home = SimpleNamespace(__name__="here", **constants.of_text(SOURCE))
    text = (to_c.PLAIN_HEAD + to_c.translate_plain(SOURCE, home, "k_")).replace("static I k_", "I k_")
    (folder / "k.c").write_text(text)
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-Wall", "-Werror", "-o", folder / "k.so", folder / "k.c"], check=True)
    return ctypes.CDLL(str(folder / "k.so"))


def _python() -> dict[str, Callable[..., int]]:
    scope: dict[str, Callable[..., int]] = {}
    lines = [line for line in SOURCE.splitlines() if "micropython" not in line]
    exec("from __future__ import annotations\nconst = int\n" + "\n".join(lines), scope)
    return scope


PLAIN = _python()
SMALL = st.integers(-(2**30), 2**30 - 1)


@pytest.mark.req("REQ-KRN-001")
@given(SMALL, SMALL.filter(bool))
def test_division_and_rest_go_towards_minus_infinity(compiled: ctypes.CDLL, a: int, b: int) -> None:
    if (a, b) == (-(2**30), -1):
        return  # the quotient leaves the small integers
    assert compiled.k_divide(a, b) == PLAIN["divide"](a, b)
    assert compiled.k_rest(a, b) == PLAIN["rest"](a, b)


@pytest.mark.req("REQ-KRN-001")
@settings(max_examples=300)
@given(st.lists(st.integers(-(2**27), 2**27 - 1), min_size=6, max_size=6), st.integers(0, 255))
def test_constants_shifts_loops_and_bytes_say_the_same(compiled: ctypes.CDLL, words: list[int], byte: int) -> None:
    x, y = (ctypes.c_int32 * 6)(*words), (ctypes.c_uint8 * 2)(byte, 0)
    plain_y = [byte, 0]
    plain_x = list(words)
    assert compiled.k_by_constants(x, y) == PLAIN["by_constants"](plain_x, plain_y)
    assert list(x) == plain_x
    assert list(y) == [byte, plain_y[1] & 255]


@pytest.mark.req("REQ-KRN-001")
def test_frozen_file_takes_its_functions_from_the_module_and_no_line_moves(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "tcs").mkdir(parents=True)
    (tree / "tcs/odd_kernel.py").write_text(SOURCE)
    (tree / "tcs/stage.py").write_text("from tcs.odd_kernel import divide\n")
    board_c.convert_tree(tree, tmp_path / "module")
    frozen = (tree / "tcs/odd_kernel.py").read_text()
    assert f"from {board_c.MODULE} import tcs_odd_kernel_divide as divide" in frozen
    assert frozen.count("\n") == SOURCE.count("\n")
    for line in ("NEAR = const(8)", "def helper(x):"):
        assert frozen.splitlines().index(line) == SOURCE.splitlines().index(line)
    assert "def divide" not in frozen
    assert (tree / "tcs/stage.py").read_text() == "from tcs.odd_kernel import divide\n"
    text = (tmp_path / "module/kernels.c").read_text()
    assert "MP_QSTR_tcs_odd_kernel_by_constants" in text
    # Written again only when it is another one: what depends on it is compiled anew.
    stamp = (tmp_path / "module/kernels.c").stat().st_mtime_ns
    (tree / "tcs/odd_kernel.py").write_text(SOURCE)
    board_c.convert_tree(tree, tmp_path / "module")
    assert (tmp_path / "module/kernels.c").stat().st_mtime_ns == stamp


BODIES = (
    "for i in range(3):\n        a += i",
    "a = helper(a)",
    "a = a / 2",
    "a = [a]",
    "a = a ** 2",
    "a = a or 7",
    "a = 1 + (a and 7)",
    "a = 1 if a is 7 else 2",
    "a = a in a",
)


@pytest.mark.req("REQ-KRN-001")
@pytest.mark.parametrize("body", BODIES)
def test_what_is_outside_the_subset_is_refused_by_line(tmp_path: Path, body: str) -> None:
    source = f"import micropython\n\n\n@micropython.native\ndef bad(a: int) -> int:\n    {body}\n    return a\n"
    (tmp_path / "bad_kernel.py").write_text(source)
    with pytest.raises(to_c.SubsetError, match=r"^bad_kernel:[67]: "):
        board_c.convert_tree(tmp_path, tmp_path / "module")


@pytest.mark.req("REQ-KRN-001")
@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("a: int, /, b: int", "plain arguments"),
        ("a: int, b: int = 3", "plain arguments"),
        ("a: int, *b: int", "plain arguments"),
        ("a: int, *, b: int", "plain arguments"),
        ("a: int, b: float", "neither int nor a pointer"),
    ],
)
def test_arguments_that_c_would_not_take_as_python_does_are_refused(tmp_path: Path, head: str, why: str) -> None:
    (tmp_path / "bad_kernel.py").write_text(f"def bad({head}) -> int:\n    return a\n")
    with pytest.raises(to_c.SubsetError, match=why):
        board_c.convert_tree(tmp_path, tmp_path / "module")


@pytest.mark.req("REQ-KRN-001")
def test_kernel_that_may_fall_off_its_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad_kernel.py").write_text("def bad(a: int) -> int:\n    if a:\n        return a\n")
    with pytest.raises(to_c.SubsetError, match="on every way"):
        board_c.convert_tree(tmp_path, tmp_path / "module")
