"""Line coverage of firmware/ under MicroPython: unit tests and flights in the coverage build. `make coverage` prints it.

Statements of every module but the seam to other boards (tcs/hal/rp2*, bench) and what is not part of the flight package (manifest.py).
"""

from __future__ import annotations

import json
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
from isoloop.targets.interpreter import VARIABLE, Interpreter  # noqa: E402
from isoloop.targets.unix import UnixTarget  # noqa: E402

WANTED_PERCENT = 95.0
FLIGHTS = (
    "loop/test_scenarios.py",
    "loop/test_causes.py",
    "loop/test_recovery.py",
    "loop/test_resets.py",
    "loop/test_replay_skab.py",
    "loop/test_memory_flips.py",
    "unit/test_flight_ground.py",
    "unit/test_target_ground.py",
    "unit/test_black_box.py",
    "unit/test_cli_command.py",
)
"""Closed-loop tests that are flown in the coverage build, as `make test` flies them in the other."""
FLIGHTS_LIMIT_S = 2400.0
LIMIT_S = 60.0
"""Wall time of one test module: tracing is slow, and the hours that some fly cover nothing new."""
_LEFT_OUT = ("manifest.py", "tcs/hal/rp2", "tcs/hal/bench")
_HEAP = ("-X", "heapsize=128M")


_WRAPPER = """#!/bin/sh
# The interpreter as the tests start it: what runs the flight package is traced, on the copy whose kernels are bytecode.
case "$1" in
{firmware}/main.py) script={tree}/main.py ;;
*/main.py) script="$1" ;;
*) exec {program} "$@" ;;
esac
MICROPYPATH=.frozen:{tree}
export MICROPYPATH
exec {program} {heap} {trace} {outs}/$$.lines {tree} "$script"
"""


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
    functions = {path.relative_to(tree).as_posix(): lines.functions(path) for path in walk_files(tree) if path.suffix == ".py"}
    Path(f"{tree}.functions").write_text(json.dumps(functions))
    outs = folder / "outs"
    outs.mkdir()
    trace = TESTS / "line_coverage" / "trace.py"

    def command() -> tuple[str, ...]:
        return (str(program), *_HEAP, str(trace), str(outs / f"{len(list(outs.iterdir()))}.lines"), str(tree))

    _unit_tests(command, tree)
    wrapper = folder / "micropython"
    heap = " ".join(_HEAP)
    wrapper.write_text(_WRAPPER.format(firmware=firmware_dir(), tree=tree, program=program, heap=heap, trace=trace, outs=outs))
    wrapper.chmod(0o755)
    fly(_telecommands(), UnixTarget(Interpreter((str(wrapper),)), hang_s=60.0), folder / "telecommands")
    _flights(wrapper)
    hit: dict[str, set[int]] = {}
    for out in outs.iterdir():
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


def _flights(wrapper: Path) -> None:
    # Whether they pass is somebody else's test: tracing is slow, and its heap is never locked.
    words = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "-m", "not long", "-p", "no:timeout"]
    words += ["-o", "addopts=--import-mode=importlib", *(str(TESTS / name) for name in FLIGHTS)]
    subprocess.run(words, env={**os.environ, VARIABLE: str(wrapper)}, stdout=sys.stderr, check=False, timeout=FLIGHTS_LIMIT_S)


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
