"""The pytest plugin, run on tests of its own."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

# pytester forgets what an inner run imports, and numpy is imported once or never.
import isoloop.plant.plant
import isoloop.targets.unix  # noqa: F401
import isoloop_hil.controls
import isoloop_hil.target  # noqa: F401

pytest_plugins = ("pytester",)
pytestmark = pytest.mark.req("REQ-HIL-003")

CACHE = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")  # pytester moves the home folder: the compiled plant stays
NO_LABGRID = ("-p", "no:labgrid")  # it does not start twice in one process
EXAMPLE = Path(__file__).resolve().parents[2] / "hil" / "example"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", CACHE)


def test_plugin_flies_the_example_on_unix_and_logs_each_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile((EXAMPLE / "tests" / "test_loop.py").read_text())
    result = pytester.runpytest(*NO_LABGRID, "--junitxml=junit.xml", "-rs")
    result.assert_outcomes(passed=4, skipped=1)
    result.stdout.fnmatch_lines(["isoloop: target unix, logs in isoloop-logs"])
    result.stdout.fnmatch_lines(["isoloop: unix ran *"])
    result.stdout.fnmatch_lines(["*needs a rig: pytest --isoloop-target rig:FILE.toml*"])
    logs = sorted((pytester.path / "isoloop-logs").iterdir())
    assert len(logs) == 4
    hole = next(folder for folder in logs if "hole" in folder.name)
    assert "LEAK_ALARM" in (hole / "session.log").read_text()
    assert "ISOLATION_COMMANDED" in (hole / "events.csv").read_text()
    assert (hole / "link.bin").stat().st_size > 1000
    properties = {node.get("name"): node.get("value") for node in ElementTree.parse(pytester.path / "junit.xml").iter("property")}
    assert properties["isoloop_target"] == "unix"
    assert "sha256" in properties["isoloop_identity"]


def test_plugin_repeats_and_tells_which_tests_flake(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        rounds = []
        def test_steady(clock):
            clock.run(0.2)
        def test_now_and_then(clock):
            rounds.append(1)
            clock.run(0.2)
            assert len(rounds) != 2
        def test_without_a_target():
            pass
        """
    )
    result = pytester.runpytest(*NO_LABGRID, "--isoloop-repeat", "3")
    result.assert_outcomes(passed=6, failed=1)
    result.stdout.fnmatch_lines(["*isoloop flake table*", "*2    3  *test_now_and_then  FLAKES", "*3    3  *test_steady"])


def test_plugin_keeps_the_log_of_a_test_whose_process_is_killed(pytester: pytest.Pytester) -> None:
    # As pytest-timeout's thread method, or the one who runs a CI service, ends a test that hangs.
    pytester.makepyfile(
        """
        import os, signal
        def test_ends(clock):
            clock.run(3)
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert pytester.runpytest_subprocess(*NO_LABGRID).ret != 0
    folder = next((pytester.path / "isoloop-logs").iterdir())
    assert "BOOT" in (folder / "session.log").read_text()
    assert "BOOT" in (folder / "events.csv").read_text()
    assert len((folder / "truth.csv").read_text().splitlines()) >= 4


def test_plugin_bounds_each_test_on_a_target_that_brings_no_bound(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        def limit(request):
            marker = request.node.get_closest_marker("timeout")
            return marker.args[0] if marker else None
        def test_ours(target, request):
            assert limit(request) == 77
        @pytest.mark.timeout(5)
        def test_own(target, request):
            assert limit(request) == 5
        def test_other(request):
            assert limit(request) is None
        """
    )
    pytester.runpytest(*NO_LABGRID, "--isoloop-timeout", "77").assert_outcomes(passed=3)


def test_plugin_skips_the_rest_once_a_board_has_broken(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makeconftest(
        """
        import isoloop.targets
        from isoloop.errors import TargetError
        opened = []
        class Broken:
            name = "serial:/dev/fake"
            stall_ms = 0
            def identity(self):
                from isoloop.targets import Identity
                return Identity("0", "fake", "abcdef0123")
            def start(self, nor, cause):
                raise TargetError("port /dev/fake vanished: plug the cable in again")
            def stop(self): pass
            def close(self): pass
        def open_fake(name):
            opened.append(name)
            assert len(opened) == 1, "asked again"
            return Broken()
        isoloop.targets.open_target = open_fake
        """
    )
    monkeypatch.setattr("isoloop.targets.open_target", None)  # put back afterwards
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.parametrize("n", range(4))
        def test_flies(clock, n):
            clock.run(1)
        """
    )
    result = pytester.runpytest(*NO_LABGRID, "--isoloop-target", "serial:/dev/fake", "-rs")
    result.assert_outcomes(failed=1, skipped=3)
    result.stdout.fnmatch_lines(["*target serial:/dev/fake broke in *test_flies*0*: port /dev/fake vanished*"])


def test_plugin_refuses_to_judge_another_image(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one(target): pass\ndef test_two(target): pass")
    result = pytester.runpytest(*NO_LABGRID, "--isoloop-image", "12345678")
    result.assert_outcomes(errors=1, skipped=1)
    result.stdout.fnmatch_lines(["*not the image 12345678 that is to be judged*"])


@pytest.mark.parametrize("is_ci", [False, True])
def test_plugin_skips_with_a_hint_what_cannot_be_had_and_fails_there_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, is_ci: bool
) -> None:
    path = pytester.path / "bench.toml"
    path.write_text('schema = "isoloop.rig/1"\nname = "b"\n[rig]\nusb_serial = "E661410000"\n')
    if is_ci:
        monkeypatch.setenv("CI", "true")
    pytester.makepyfile("def test_one(clock): pass")
    result = pytester.runpytest(*NO_LABGRID, "--isoloop-target", f"rig:{path}", "-rs")
    result.assert_outcomes(**({"errors": 1} if is_ci else {"skipped": 1}))
    result.stdout.fnmatch_lines(["*the rig of *bench.toml is not plugged in: no port has USB serial number E661410000*"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--isoloop-target", "vax"], "there is no target 'vax'"),
        (["--isoloop-target", "rig:none.toml"], "none.toml: no such file"),
        (["--isoloop-repeat", "0"], "at least 1"),
        (["--isoloop-target", "serial:/dev/ttyACM0", "-n", "2"], "one board flies one test at a time"),
    ],
)
def test_plugin_refuses_wrong_options_in_one_sentence(pytester: pytest.Pytester, arguments: list[str], words: str) -> None:
    result = pytester.runpytest(*NO_LABGRID, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *{words}*"])


def test_plugin_says_what_is_wrong_with_a_marker_or_an_event(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.isoloop(coolant="beer")
        def test_marker(clock): pass
        def test_event(plant):
            with pytest.raises(Exception, match="unknown kind"):
                plant.event("beer", 1)
        def test_late_event(plant, clock):
            clock.run(0.1)
            with pytest.raises(Exception, match="before the clock runs"):
                plant.leak("rad1", 1, 0.5)
        def test_truth_and_power(plant, clock, power, link):
            clock.run(1)
            power.reset()
            clock.run(1)
            assert len(link.events("BOOT")) == 2
            with pytest.raises(Exception, match="the truth has no"):
                plant.truth("beer")
            with pytest.raises(Exception, match="there is no telecommand"):
                link.command("beer")
        @pytest.mark.isoloop_targets("rig")
        def test_rig_alone(target): pass
        """
    )
    result = pytester.runpytest(*NO_LABGRID, "-rs")
    result.assert_outcomes(passed=3, errors=1, skipped=1)
    result.stdout.fnmatch_lines(["*marker isoloop: the test's loop:*beer*", "*flies on rig alone, not on unix"])
