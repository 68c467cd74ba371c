"""No intermediate leaves +/-2^30: the flight source under checked arithmetic, over counts, spans, parameters and coolants."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from array import array
from pathlib import Path
from types import ModuleType

import pytest
from flavours import FOLDER, Bench

from isoloop.kernels import viper
from isoloop.kernels.checked import BoundsError, Watch
from isoloop.kernels.to_c import SubsetError, translate_checked

needs_compiler = pytest.mark.skipif(
    shutil.which("gcc") is None and shutil.which("cc") is None and os.environ.get("CI") != "true",
    reason="checked arithmetic needs a C compiler: apt-get install gcc",
)


def bounds(bench: Bench, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "bounds.py"), *words],
        env={**os.environ, "VECTORS_FIRMWARE": str(bench.firmware)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_compiler
@pytest.mark.timeout(300)
@pytest.mark.req("REQ-KRN-002")
def test_intermediates_stay_within_31_bits_over_random_flights(bench: Bench) -> None:
    told = bounds(bench, "ticks=48000", "epoch=2000", "seed=5")
    # A check word is the exclusive or of others: -2^30, UNKNOWN itself, is one of them and still a small int.
    lines = [line for line in told.splitlines() if line.startswith("peak ") and "^=" not in line]
    peaks = [float(line.split()[1]) for line in lines]
    # Near the bound, or the stimulus has not been anywhere; never over it.
    assert 0.7 < max(peaks) < 1.0


@needs_compiler
@pytest.mark.timeout(300)
@pytest.mark.req("REQ-KRN-002")
def test_intermediates_stay_within_31_bits_wherever_a_search_goes(bench: Bench) -> None:
    bounds(bench, "examples=200")


@needs_compiler
@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.req("REQ-KRN-002")
@pytest.mark.parametrize("words", [("ticks=1000000", "epoch=400"), ("ticks=1000000", "epoch=8000", "seed=2"), ("examples=5000",)])
def test_intermediates_stay_within_31_bits_for_longer(words: tuple[str, ...], bench: Bench) -> None:
    bounds(bench, *words)


KERNEL = """
LIMIT = 3

@micropython.native
def work(a: ptr32, n: int) -> int:
    x = a[0]
    {line}
    return x
"""


@needs_compiler
@pytest.mark.parametrize(
    ("line", "first", "n", "want"),
    [
        ("x = x + n", (1 << 30) - 2, 1, (1 << 30) - 1),
        ("x = x + n", (1 << 30) - 1, 1, "leaves 31 bits (1073741824): x = x + n"),
        ("x -= n", -(1 << 30), 0, -(1 << 30)),
        ("x -= n", -(1 << 30), 1, "leaves 31 bits (-1073741825): x -= n"),
        ("x = x * n // n", 1 << 20, 1 << 12, "leaves 31 bits (4294967296): x = x * n // n"),
        ("x = x // n", -7, 2, -4),
        ("x = x % n", -7, 4, 1),
        ("x = x // n", 1, 0, "divides by zero (1): x = x // n"),
        ("x = x >> n", -5, 1, -3),
        ("x = x << n", 1, 31, "shifts by (31): x = x << n"),
        ("a[n] = LIMIT", 0, 2, "is no index (2): a[n] = LIMIT"),
        ("x = a[n]", 0, -1, "is no index (-1): x = a[n]"),
        ("x = -x", -(1 << 30), 0, "leaves 31 bits (1073741824): x = -x"),
        ("x = 1 if 0 < n <= LIMIT and not x else 2", 0, 3, 1),
    ],
)
def test_checked_arithmetic_sees_what_leaves_its_range(line: str, first: int, n: int, want: int | str, tmp_path: Path) -> None:
    path = tmp_path / "sample_kernel.py"
    path.write_text(KERNEL.format(line=line))
    module = ModuleType("tcs.sample_kernel")
    module.__file__ = str(path)

    def work(a: int, n: int) -> int:
        raise AssertionError

    work.__module__ = module.__name__
    vars(module).update(LIMIT=3, work=work)
    watch = Watch()
    answer = watch.compile(module).work(array("i", [first, 0]), n)
    if isinstance(want, int):
        watch.look()
        assert answer == want
    else:
        with pytest.raises(BoundsError) as caught:
            watch.look()
        assert str(caught.value) == f"tcs/sample_kernel.py:7: {want}"


@pytest.mark.parametrize(
    ("line", "why"),
    [("x = len(a)", "a kernel has no call"), ("x = 1.5", "a kernel has no constant"), ("for i in a: x = i", "a kernel has no for")],
)
def test_kernel_outside_the_subset_is_refused(line: str, why: str) -> None:
    with pytest.raises(SubsetError, match=f"^sample:7: {why}$"):
        translate_checked(KERNEL.format(line=line), ModuleType("sample"))


# The copy under viper


def test_viper_copy_differs_in_the_decorators_alone(bench: Bench) -> None:
    kernels = sorted((bench.firmware / "tcs").glob(viper.KERNELS))
    assert len(kernels) >= 6
    for path in kernels:
        before, after = path.read_text().splitlines(), viper.convert(path.read_text()).splitlines()
        assert len(before) == len(after)
        changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
        assert changed
        assert set(changed) == {("@micropython.native", "@micropython.viper")}


def test_kernel_file_without_a_kernel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "empty_kernel.py").write_text("X = 1\n")
    with pytest.raises(ValueError, match=r"^empty_kernel\.py is named as a kernel and has no function under @micropython\.native$"):
        viper.copy_tree(tmp_path / "tree", tmp_path / "copy")


def test_viper_tree_is_made_once_and_anew_for_other_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a_kernel.py").write_text("@micropython.native\ndef f(): pass\n")
    first = viper.viper_tree(tree)
    stamp = (first / "a_kernel.py").stat().st_mtime_ns
    assert viper.viper_tree(tree) == first
    assert (first / "a_kernel.py").stat().st_mtime_ns == stamp
    assert (first / "a_kernel.py").read_text() == "@micropython.viper\ndef f(): pass\n"
    (tree / "other.py").write_text("")
    assert viper.viper_tree(tree) != first
