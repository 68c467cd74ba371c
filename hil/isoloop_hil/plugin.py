"""The pytest plugin: one test file for every target (docs/hil.md). Options begin with --isoloop-, markers with isoloop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from isoloop.errors import InputError, TargetError
from isoloop_hil.bench import EMULATED, PHYSICAL, Bench

if TYPE_CHECKING:
    from isoloop.targets import Target
    from isoloop_hil.console import RigPort
    from isoloop_hil.controls import Clock, Link, PlantControl, Power
    from isoloop_hil.session import LoopSession

ROUND = "isoloop_round"
_FIXTURES = ("isoloop_target", "isoloop_session", "rig")
"""Those that the others stand on."""
_RIG_HINT = "needs a rig: pytest --isoloop-target rig:FILE.toml (docs/hil.md says how to build one, isoloop-rig emulate plays one)"
_TIMEOUT_S = 600.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and their ini twins."""
    group = parser.getgroup("isoloop", "isoloop: firmware in the loop")
    group.addoption("--isoloop-target", metavar="T", help="what runs the firmware: unix (default), unix32, pico, serial:PORT or rig:FILE")
    group.addoption("--isoloop-image", metavar="ID", help="refuse to judge another firmware: its image id or SHA-256, first digits")
    group.addoption("--isoloop-repeat", metavar="N", type=int, default=1, help="each test on a target N times, and a flake table")
    group.addoption("--isoloop-logs", metavar="DIR", help="folder of the logs, one a test (default: isoloop-logs)")
    group.addoption("--isoloop-timeout", metavar="S", type=float, help="wall time of one test on a target (default: 600)")
    parser.addini("isoloop_target", "as --isoloop-target", default="unix")
    parser.addini("isoloop_logs", "as --isoloop-logs", default="isoloop-logs")
    parser.addini("isoloop_timeout", "as --isoloop-timeout", default=str(_TIMEOUT_S))


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Markers; and what is asked for is checked before any test runs."""
    config.addinivalue_line("markers", "isoloop(**settings): the loop of this test: keys of a scenario's [plant], tick_ms and seed")
    config.addinivalue_line("markers", "isoloop_targets(*kinds): run on these targets alone: unix, unix32, pico, serial, rig")
    bench = Bench(config)
    config.stash[_BENCH] = bench
    if config.getoption("isoloop_repeat") < 1:
        raise pytest.UsageError("--isoloop-repeat must be at least 1")
    if _is_in_labgrid(config):
        return  # its environment names the target, and `target` is labgrid's
    config.pluginmanager.import_plugin("isoloop_hil.target_fixture")
    kind, _, place = bench.name.partition(":")
    if kind not in EMULATED + PHYSICAL or bool(place) != (kind in PHYSICAL):
        known = "unix, unix32, pico, serial:PORT, rig:FILE.toml"
        raise pytest.UsageError(f"--isoloop-target: there is no target '{bench.name}'; there is {known}")
    if kind == "rig":
        from isoloop_hil.rig_file import load_rig_file

        try:
            load_rig_file(place)
        except InputError as error:
            raise pytest.UsageError(f"--isoloop-target: {error}") from None
    if kind in PHYSICAL and _workers(config) > 1:
        raise pytest.UsageError(f"--isoloop-target {bench.name}: one board flies one test at a time, leave -n away")


def pytest_report_header(config: pytest.Config) -> str:
    """Which target."""
    return f"isoloop: target {config.stash[_BENCH].name}, logs in {config.stash[_BENCH].logs}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Rounds of --isoloop-repeat."""
    count = metafunc.config.getoption("isoloop_repeat")
    if count > 1 and _uses_target(metafunc.fixturenames):
        metafunc.fixturenames.append(ROUND)
        metafunc.parametrize(ROUND, range(1, count + 1), ids=[f"{number}of{count}" for number in range(1, count + 1)])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A time-out for each test on a target that brings none; targets that a test does not want."""
    bench: Bench = config.stash[_BENCH]
    for item in items:
        if not _uses_target(getattr(item, "fixturenames", ())):
            continue
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(bench.timeout_s))
        marker = item.get_closest_marker("isoloop_targets")
        if marker is not None and bench.kind not in marker.args:
            item.add_marker(pytest.mark.skip(reason=f"flies on {', '.join(marker.args)} alone, not on {bench.kind}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """What becomes of each round; and a rig or board that breaks is not asked again."""
    report = yield
    bench: Bench = item.config.stash[_BENCH]
    if call.excinfo is not None and isinstance(call.excinfo.value, TargetError):
        bench.broke(item.nodeid, call.excinfo.value)
    if call.when == "call" or report.failed:
        bench.note(item.nodeid, report.passed)
    session = item.stash.get(_SESSION, None)
    if session is not None and report.failed:
        report.sections.append(("isoloop", f"target {bench.name}; the log is {bench.folder(item.nodeid)}"))
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """What flew, and with --isoloop-repeat which tests flake."""
    bench: Bench = config.stash[_BENCH]
    if bench.identity:
        terminalreporter.write_line(f"isoloop: {bench.name} ran {bench.identity}")
    rows = bench.flakes()
    if config.getoption("isoloop_repeat") > 1 and rows:
        terminalreporter.write_sep("=", "isoloop flake table")
        terminalreporter.write_line(f"{'passed':>8} {'of':>4}  test")
        for name, passed, count in rows:
            note = "" if passed in (0, count) else "  FLAKES"
            terminalreporter.write_line(f"{passed:>8} {count:>4}  {name}{note}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """The target goes off."""
    bench = config.stash.get(_BENCH, None)
    if bench is not None:
        bench.close()


_BENCH = pytest.StashKey[Bench]()
_SESSION = pytest.StashKey["LoopSession"]()


@pytest.fixture
def isoloop_target(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Iterator[Target]:
    """What runs the firmware: isoloop.targets.Target, open, its identity checked and in the junit report."""
    bench: Bench = request.config.stash[_BENCH]
    if _is_in_labgrid(request.config):
        bench.lab = request.getfixturevalue("target")
    found = bench.target()
    record_property("isoloop_target", bench.name)
    record_property("isoloop_identity", bench.identity)
    yield found
    bench.rest()


@pytest.fixture
def isoloop_session(isoloop_target: Target, request: pytest.FixtureRequest) -> Iterator[LoopSession]:
    """The flight behind `plant`, `clock`, `power` and `link`."""
    from isoloop_hil.session import LoopSession

    marker = request.node.get_closest_marker("isoloop")
    bench: Bench = request.config.stash[_BENCH]
    try:
        session = LoopSession(isoloop_target, bench.folder(request.node.nodeid), marker.kwargs if marker is not None else {})
    except InputError as error:
        pytest.fail(f"marker isoloop: {error}", pytrace=False)
    request.node.stash[_SESSION] = session
    session.say(f"{request.node.nodeid} on {bench.name}: {bench.identity}")
    with session:
        yield session


@pytest.fixture
def plant(isoloop_session: LoopSession) -> PlantControl:
    """What happens to the loop, and what is true of it: `plant.leak("rad2", at_s=12, hole_mm=0.8)`, `plant.truth(name)`."""
    from isoloop_hil.controls import PlantControl

    return PlantControl(isoloop_session)


@pytest.fixture
def clock(isoloop_session: LoopSession) -> Clock:
    """Time passes when a test says so: `clock.run(10)`, `clock.run_until(lambda: ..., within_s=8)`."""
    from isoloop_hil.controls import Clock

    return Clock(isoloop_session)


@pytest.fixture
def power(isoloop_session: LoopSession) -> Power:
    """Of the processor: `power.cut(off_s=1)`, `power.reset()`."""
    from isoloop_hil.controls import Power

    return Power(isoloop_session)


@pytest.fixture
def link(isoloop_session: LoopSession, clock: Clock) -> Link:
    """What the firmware says and is told: `link.events("LEAK_ALARM")`, `link.last()`, `link.command("ping")`."""
    from isoloop_hil.controls import Link

    return Link(isoloop_session, clock)


@pytest.fixture
def rig(request: pytest.FixtureRequest) -> RigPort:
    """The rig itself, `rig.self_test()` and `rig.ask(line)`; skips where the target is none."""
    bench: Bench = request.config.stash[_BENCH]
    if bench.kind != "rig":
        pytest.skip(_RIG_HINT)
    from isoloop_hil.target import RigTarget

    found = request.getfixturevalue("isoloop_target")
    assert isinstance(found, RigTarget)
    return found.rig


def _uses_target(names: Any) -> bool:
    return any(name in _FIXTURES for name in names)


def _is_in_labgrid(config: pytest.Config) -> bool:
    return bool(getattr(config.option, "lg_env", None))


def _workers(config: pytest.Config) -> int:
    count = getattr(config.option, "numprocesses", None)
    return int(count) if count else 1
