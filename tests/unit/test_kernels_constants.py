"""Constants as literals in the copy that is flashed: what is folded, what is left alone, and that the whole tree means the same."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from isoloop.kernels import viper
from isoloop.kernels.constants import fold_tree
from isoloop.paths import firmware_dir

Fold = Callable[..., dict[str, str]]


@pytest.fixture
def fold(tmp_path: Path) -> Fold:
    """Write files (`tcs__a` is tcs/a.py), fold them, read them again."""

    def work(**files: str) -> dict[str, str]:
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        fold_tree(tmp_path, lambda path: path.match("*_kernel.py"))
        return {name: (tmp_path / f"{name.replace('__', '/')}.py").read_text() for name in files}

    return work


def test_names_and_attributes_of_other_modules_become_literals(fold: Fold) -> None:
    found = fold(
        tcs__a="from micropython import const\nA = const(3)\nB = const(A * 4 + 1)\nFAR = const(-0x3FFFFFFF - 1)\nL = const(0x40000000)\n",
        tcs__b="from tcs import a as al\nfrom tcs.a import A, B, FAR, L\nC = al.B\nx = [A, -B, FAR, L, al.L]\n",
        tcs__c="from tcs.b import C\ny = C\n",
    )
    # What a board's small integers do not hold stays a name.
    assert found["tcs__b"] == (
        "from tcs import a as al\nfrom tcs.a import L\nC = 13\nx = [3, -13, (-0x3FFFFFFF - 1), L, al.L]\n"
    )
    assert found["tcs__c"] == "\ny = 13\n"


def test_kernels_stay_as_they_are_and_give_their_constants(fold: Fold) -> None:
    kernel = "from micropython import const\nX = const(5)\n@micropython.viper\ndef f(a: int) -> int:\n    return a + X\n"
    found = fold(tcs__a_kernel=kernel, tcs__b="from tcs.a_kernel import X, f\nz = f(X)\n")
    assert found == {"tcs__a_kernel": kernel, "tcs__b": "from tcs.a_kernel import f\nz = f(5)\n"}


@pytest.mark.parametrize(
    "text",
    [
        "from tcs.a import A\ndef f(A):\n    return A\n",  # hidden by a parameter
        "from tcs.a import A\ndef f():\n    A = 1\n    return A\n",
        "from tcs.a import A\nA += 1\n",
        "from tcs.a import A\ndef f():\n    global A\n    A = 1\n",
        "from tcs.a import A\nfor A in (1, 2):\n    print(A)\n",
        "from tcs import a\na.A = 4\nprint(a.A)\n",  # set from outside
        "from tcs.a import lower\nprint(lower)\n",  # not written as a constant
        "from tcs.a import FLAG, TEXT\nprint(FLAG, TEXT)\n",
    ],
)
def test_what_may_be_bound_to_something_else_is_left_alone(fold: Fold, text: str) -> None:
    assert fold(tcs__a="A = 3\nlower = 4\nFLAG = True\nTEXT = 'x'\n", tcs__b=text)["tcs__b"] == text


def test_import_that_somebody_else_takes_from_here_stays(fold: Fold) -> None:
    found = fold(
        tcs__a="A = 3\nV = 2 ** 40\n",
        tcs__b="from tcs.a import A, V\n",
        tcs__c="from tcs.b import A, V\nprint(A, V)\n",
    )
    assert found["tcs__c"] == "from tcs.b import V\nprint(3, V)\n"
    assert "V" in found["tcs__b"]


@pytest.mark.parametrize(
    ("a", "user"),
    [
        ("from tcs.b import A\n", "from tcs import a\nprint([a for a in (1,)], a.A)\n"),  # `a` is bound to something else too
        ("from tcs.b import A\n", "def f():\n    from tcs import a\n    return a.A\n"),
        ("from tcs.b import A\n", "import tcs.a as other\nprint(other.A)\n"),
        ("from tcs.b import A\n", "from tcs import a\nprint(getattr(a, 'A'))\n"),
        ("from tcs.b import BIG\n", "from tcs.a import BIG\nprint(BIG)\n"),
        ("from tcs import b\n", "from tcs import a\nprint(a.b.A)\n"),
    ],
)
def test_name_that_is_taken_from_here_by_other_ways_stays(fold: Fold, a: str, user: str) -> None:
    found = fold(tcs__a=a, tcs__b="A = 3\nBIG = 0xFFFFFFFF\n", tcs__c=user)
    assert found["tcs__a"] == a
    assert found["tcs__c"] == user


def test_name_that_a_kernel_takes_from_here_stays(fold: Fold) -> None:
    found = fold(tcs__a="from tcs.b import A\n", tcs__b="A = 3\n", tcs__c_kernel="from tcs.a import A\n")
    assert found["tcs__a"] == "from tcs.b import A\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from tcs.b import A; x = A\n", "pass; x = 3\n"),
        ("y = 1; from tcs.b import A  # why\nx = A\n", "y = 1; pass  # why\nx = 3\n"),
        ("from tcs.b import A\nx = A.to_bytes(2, 'little')\n", "\nx = (3).to_bytes(2, 'little')\n"),
        ("from tcs import b\nx = (b\n    .A)\n", "\nx = (3\n)\n"),
        ("from tcs.b import A\nx = f'{A}{A=}'\n", "from tcs.b import A\nx = f'{A}{A=}'\n"),
        ("from tcs.b import LOST\nx = LOST\n", "from tcs.b import LOST\nx = LOST\n"),
    ],
)
def test_literals_stand_where_names_stood(fold: Fold, text: str, expected: str) -> None:
    assert fold(tcs__b="A = 3\nLOST = 1 << -1 if A == 4 else 1 << -1\n", tcs__c=text)["tcs__c"] == expected


def test_no_line_moves(fold: Fold) -> None:
    text = "'''é'''\nfrom tcs.a import (\n    A,\n    # of which\n    B,\n)\n\nprint('é', A); print(B)\n"
    assert fold(tcs__a="A = 3\nB = 4\n", tcs__b=text)["tcs__b"] == "'''é'''\n\n\n\n\n\n\nprint('é', 3); print(4)\n"


def test_file_that_is_no_python_is_left_for_the_compiler_to_refuse(fold: Fold) -> None:
    assert fold(tcs__a="A = 3\n", tcs__b="from tcs.a import A\ndef (\n")["tcs__b"] == "from tcs.a import A\ndef (\n"


def test_the_firmware_means_the_same(tmp_path: Path) -> None:
    """Folded again nothing changes, no line moves, and every name that a module uses is bound in it."""
    copy = tmp_path / "firmware"
    shutil.copytree(firmware_dir(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    viper.convert_tree(copy)
    once = {path: path.read_bytes() for path in copy.rglob("*.py")}
    fold_tree(copy, lambda path: path.match(viper.KERNELS))
    assert once == {path: path.read_bytes() for path in copy.rglob("*.py")}
    folded = 0
    for path, text in once.items():
        before = (firmware_dir() / path.relative_to(copy)).read_bytes()
        assert text.count(b"\n") == before.count(b"\n"), path
        folded += text != before
        tree, was = ast.parse(text), ast.parse(before)
        assert len(tree.body) + before.count(b"import") >= len(was.body)
        assert _unbound(tree) <= _unbound(was), path
    assert folded > 50


def _unbound(tree: ast.Module) -> set[str]:
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
    return {node.id for node in names} - bound
