"""One set of vectors: every compiler of the kernels says the same, bit for bit; and where one does not, the search finds the tick."""

from __future__ import annotations

from pathlib import Path

import pytest
from flavours import Bench, Checkpoints, Flavour, difference

TICKS = 50_000
LONG_TICKS = 1_000_000
STRIDE = 5  # 8000 words are hashed: half of the time went into that
PICO = {"lean": 1, "stride": 25}  # an emulated chip: what has kernels in it, hashed each 25th tick
MICROPYTHONS = ("unix64-native", "unix64-bytecode", "unix32-bytecode", "unix32-viper")


def flavour(bench: Bench, name: str, request: pytest.FixtureRequest) -> Flavour:
    if name.startswith("unix32"):
        tree = bench.viper if name == "unix32-viper" else bench.bytecode
        return bench.unix32(tree, name, request.getfixturevalue("unix32"))
    return bench.named(name)


@pytest.fixture(scope="module")
def host(bench: Bench) -> Checkpoints:
    return bench.host().checkpoints(ticks=TICKS, every=1000, stride=STRIDE)


@pytest.mark.timeout(600)
@pytest.mark.req("REQ-KRN-001")
@pytest.mark.parametrize("name", MICROPYTHONS)
def test_kernels_say_the_same_under_every_compiler(name: str, bench: Bench, host: Checkpoints, request: pytest.FixtureRequest) -> None:
    assert len(host) == TICKS // 1000
    assert len({value for _, value in host}) == len(host)
    assert difference(bench.host(), flavour(bench, name, request), known=host, ticks=TICKS, stride=STRIDE) == ""


@pytest.mark.timeout(900)
@pytest.mark.req("REQ-KRN-001")
def test_kernels_say_the_same_on_the_emulated_pico(bench: Bench, pico: Path) -> None:
    assert difference(bench.host(), bench.pico(pico), every=50, ticks=200, epoch=100, **PICO) == ""


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.req("REQ-KRN-001")
@pytest.mark.parametrize("name", MICROPYTHONS)
def test_kernels_say_the_same_over_a_million_ticks(name: str, bench: Bench, request: pytest.FixtureRequest) -> None:
    assert difference(bench.host(), flavour(bench, name, request), every=10_000, ticks=LONG_TICKS, seed=2, stride=STRIDE) == ""


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.req("REQ-KRN-001")
def test_kernels_say_the_same_on_the_emulated_pico_for_longer(bench: Bench, pico: Path) -> None:
    assert difference(bench.host(), bench.pico(pico), every=500, ticks=4000, epoch=1000, seed=2, **PICO) == ""


def test_hash_covers_what_the_stages_hold(bench: Bench) -> None:
    names = set(bench.named("unix64-native").state(2))
    for name in ("sensing.state", "sensing.vote", "sensing.reference", "inventory.state", "detector.state", "detector.history.rings.2",
                 "leak_rate._rate_q4", "valves.position"):  # fmt: skip
        assert name in names


def test_other_seed_gives_other_hashes(bench: Bench) -> None:
    native = bench.named("unix64-native")
    assert native.checkpoints(ticks=2000, seed=1) != native.checkpoints(ticks=2000, seed=2)


@pytest.mark.timeout(300)
def test_search_finds_the_first_tick_and_the_word_that_differ(bench: Bench, tmp_path: Path) -> None:
    kernel = Path("tcs/sensing_kernel.py")
    wrong = Bench(tmp_path, bench.firmware)
    text = (wrong.native / kernel).read_text()
    # The forgiving of failures, a minute after the last: nothing that an early tick can show.
    assert text.count("FORGIVE_TICKS = const(600)") == 1
    (wrong.native / kernel).write_text(text.replace("FORGIVE_TICKS = const(600)", "FORGIVE_TICKS = const(599)"))
    one, other = bench.named("unix64-native"), wrong.unix(wrong.native, "mutant")
    told = difference(one, other, ticks=4000, every=500).splitlines()
    assert told[0] == "unix64-native and mutant differ first after tick 600 of {'ticks': 4000}:"
    assert told[1].startswith("  sensing.state[4]: 600 (unix64-native), 599 (mutant)")
