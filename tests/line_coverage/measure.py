"""Line coverage of firmware/ under MicroPython: unit tests and flights in the coverage build. `make coverage` prints it.

Statements of every module but the seam to other boards (tcs/hal/rp2*, bench) and what is not part of the flight package (manifest.py).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
sys.path.insert(0, str(Path(__file__).parent))

import lines  # noqa: E402

from isoloop import images  # noqa: E402
from isoloop.dictionary import load_dictionary  # noqa: E402
from isoloop.flight import fly  # noqa: E402
from isoloop.images.hashing import walk_files  # noqa: E402
from isoloop.kernels import viper  # noqa: E402
from isoloop.paths import firmware_dir  # noqa: E402
from isoloop.schema import Event, Scenario, load_scenario  # noqa: E402
from isoloop.targets.base import Identity  # noqa: E402
from isoloop.targets.interpreter import Interpreter  # noqa: E402
from isoloop.targets.unix import UnixTarget  # noqa: E402

WANTED_PERCENT = 95.0
FLIGHTS = (("ms22", 100.0), ("relay-2015", 75.0), ("ms21", 60.0), ("pump-trip", 60.0), ("valve-stuck-open", 150.0))
"""Built-in scenarios, and how much of each is flown."""
LIMIT_S = 60.0
"""Wall time of one test module: tracing is slow, and the hours that some fly cover nothing new."""
_LEFT_OUT = ("manifest.py", "tcs/hal/rp2", "tcs/hal/bench")
_HEAP = ("-X", "heapsize=128M")


class _Traced(UnixTarget):
    """Target unix in the coverage build."""

    def identity(self) -> Identity:
        return Identity("", "coverage", "")


def measure(folder: Path) -> dict[str, tuple[list[lines.Span], list[lines.Span]]]:
    """Statements of each module, and those of them that were run."""
    program = images.find("unix64cov")
    if program is None:
        raise SystemExit("the coverage build is missing: python -m isoloop.images build unix64cov")
    tree = folder / "firmware"
    shutil.copytree(firmware_dir(), tree, ignore=shutil.ignore_patterns("__pycache__"))
    for path in walk_files(tree):
        if path.match(viper.KERNELS):
            path.write_text(viper.strip(path.read_text()))
    outs: list[Path] = []

    def command() -> tuple[str, ...]:
        outs.append(folder / f"{len(outs)}.lines")
        return (str(program), *_HEAP, str(TESTS / "line_coverage" / "trace.py"), str(outs[-1]), str(tree))

    _unit_tests(command, tree)
    for name, duration_s in FLIGHTS:
        print(name, file=sys.stderr, flush=True)
        scenario = replace(load_scenario(name), duration_s=duration_s)
        scenario = replace(scenario, events=tuple(event for event in scenario.events if event.at_s < duration_s))
        fly(scenario, _Traced(Interpreter(command()), tree, hang_s=60.0), folder / name)
    print("telecommands", file=sys.stderr, flush=True)
    fly(_telecommands(), _Traced(Interpreter(command()), tree, hang_s=60.0), folder / "telecommands")
    hit: dict[str, set[int]] = {}
    for out in outs:
        for line in out.read_text().splitlines():
            name, *numbers = line.split()
            hit.setdefault(name, set()).update(int(number) for number in numbers)
    found = {}
    for path in walk_files(tree):
        name = path.relative_to(tree).as_posix()
        if not name.startswith(_LEFT_OUT):
            spans = lines.statements(path)
            found[name] = (spans, lines.covered(spans, hit.get(name, set())))
    return found


def _telecommands() -> Scenario:
    """A quiet flight in which the ground sends every telecommand once, each with the least that its arguments may be."""
    dictionary = load_dictionary()
    first = {"parameter": next(row.number for row in dictionary.parameters if row.flight)}
    events = []
    for row in dictionary.telecommands:
        if row.name in ("maintenance", "arm") or any(arg.is_key for arg in row.args):
            continue
        least = [first.get(arg.ref or "", max(1, arg.min) if arg.ref else arg.min) for arg in row.args]
        for name, values in (("arm", [row.number]), (row.name, least)):
            fields = {"name": name, "args": " ".join(str(value) for value in values)}
            events.append(Event(1.0 + 0.5 * len(events), "command", fields, 0))
    return replace(load_scenario("nominal-orbit"), duration_s=2.0 + 0.5 * len(events), events=tuple(events), expect={})


def _unit_tests(command, tree: Path) -> None:  # type: ignore[no-untyped-def]
    modules = sorted(path.stem for path in (TESTS / "unit").glob("test_fw_*.py") if path.stem != "test_fw_micropython")
    modules += sorted(path.stem for path in (TESTS / "mp").glob("test_mp_*.py") if "heap" not in path.stem)
    path = os.pathsep.join(str(folder) for folder in (".frozen", tree, TESTS / "mp" / "shim", TESTS / "unit", TESTS / "mp", TESTS))
    scripts: list[tuple[str, ...]] = [("run.py", module) for module in modules]
    scripts += [("wire.py", "60", "10"), ("storage.py",)]
    for script, *arguments in scripts:
        # Whether they pass is somebody else's test: where the heap is not locked one or the other cannot.
        words = [*command(), str(TESTS / "mp" / script), *arguments]
        process = subprocess.Popen(
            words,
            env={**os.environ, "MICROPYPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # what it has run through so far counts
            process.wait(LIMIT_S)
        print(f"{script} {' '.join(arguments)}", file=sys.stderr, flush=True)


def percent(found: dict[str, tuple[list[lines.Span], list[lines.Span]]]) -> float:
    """Of all statements."""
    return 100 * sum(len(run) for _, run in found.values()) / sum(len(spans) for spans, _ in found.values())


def main() -> int:
    """Print a row a module, the worst first, and what was not run."""
    with tempfile.TemporaryDirectory(prefix="isoloop-coverage-") as folder:
        found = measure(Path(folder))
    for name, (spans, run) in sorted(found.items(), key=lambda row: len(row[1][1]) / max(1, len(row[1][0]))):
        missed = " ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in spans if (a, b) not in run)
        print(f"{100 * len(run) / max(1, len(spans)):6.1f} %  {len(run):4} of {len(spans):4}  {name:32} {missed[:200]}")
    total = percent(found)
    print(f"{total:6.1f} %  of {sum(len(spans) for spans, _ in found.values())} statements; wanted {WANTED_PERCENT:g} %")
    return 0 if total >= WANTED_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())
