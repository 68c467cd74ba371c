"""The ways to run the kernels, and the search for the first tick at which two of them differ.

By hand, from the repository:  python tests/vectors/flavours.py host unix32-viper 20000 [SEED]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from isoloop import images
from isoloop.kernels import viper
from isoloop.paths import firmware_dir
from isoloop.targets.interpreter import find_interpreter

FOLDER = Path(__file__).resolve().parent
DRIVER = FOLDER / "vectors.py"
STIMULUS = "stimulus_kernel.py"
HEAP = "heap.py"

Checkpoints = list[tuple[int, str]]


@dataclass(frozen=True)
class Flavour:
    """One way to run the vectors: `call` takes the driver's key=value words and returns what it printed."""

    name: str
    call: Callable[[dict[str, int]], str]

    def checkpoints(self, **words: int) -> Checkpoints:
        """(tick, hash) of each line."""
        return [(int(line.split()[0]), line.split()[1]) for line in self.call(words).splitlines()]

    def state(self, tick: int, **words: int) -> dict[str, str]:
        """The whole state after a tick, by name."""
        lines = self.call({**words, "ticks": tick, "every": tick + 1, "dump": 1}).splitlines()
        return {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in lines}


class Bench:
    """The flavours over one firmware tree, which is copied once: somebody may save a file while they run."""

    def __init__(self, folder: Path, firmware: Path | None = None) -> None:
        self.firmware = folder / "firmware"
        shutil.copytree(firmware or firmware_dir(), self.firmware, ignore=shutil.ignore_patterns("__pycache__"))
        self.native = _lay_out(self.firmware, folder / "native", lambda text: text)
        self.viper = _lay_out(self.firmware, folder / "viper", viper.convert)
        self.bytecode = _lay_out(self.firmware, folder / "bytecode", viper.strip)

    def host(self) -> Flavour:
        """CPython, kernels by numba."""
        return self._on_host("host", 0)

    def python(self) -> Flavour:
        """CPython as it is: integers without bounds, slow. The referee where two others differ."""
        return self._on_host("python", 1)

    def unix(self, tree: Path, name: str) -> Flavour:
        """The 64-bit interpreter."""
        return self._on_micropython(name, find_interpreter().command, tree)

    def unix32(self, tree: Path, name: str, program: Path | None = None) -> Flavour:
        """The 32-bit interpreter."""
        program = program or images.find("unix32")
        if program is None:
            raise FileNotFoundError("image unix32 is not built: make images")
        return self._on_micropython(name, (str(program),), tree)

    def pico(self, uf2: Path | None = None) -> Flavour:
        """The release image on the emulated RP2040; its frozen firmware must be this bench's."""
        found = uf2 or images.refresh("pico", self.firmware)
        if found is None:
            raise FileNotFoundError("image pico is not built: make images")
        files = {"vectors.py": DRIVER.read_bytes(), STIMULUS: viper.convert((FOLDER / STIMULUS).read_text()).encode()}

        def call(words: dict[str, int]) -> str:
            from isoloop.emulator import run_python

            arguments = ", ".join(f"{key}={value}" for key, value in words.items())
            return run_python(found, f"import vectors\nvectors.fly({arguments})", files, limit_s=900).output

        return Flavour("pico", call)

    def named(self, name: str) -> Flavour:
        """host, python, unix64-native, unix64-bytecode, unix32-viper, unix32-bytecode or pico."""
        if name == "unix64-native":
            return self.unix(self.native, name)
        if name == "unix64-bytecode":
            return self.unix(self.bytecode, name)
        if name == "unix32-viper":
            return self.unix32(self.viper, name)
        if name == "unix32-bytecode":
            return self.unix32(self.bytecode, name)
        return {"host": self.host, "python": self.python, "pico": self.pico}[name]()

    def _on_host(self, name: str, plain: int) -> Flavour:
        environment = {**os.environ, "VECTORS_FIRMWARE": str(self.native)}
        return Flavour(name, lambda words: _run((sys.executable,), {**words, "plain": plain}, environment))

    def _on_micropython(self, name: str, command: tuple[str, ...], tree: Path) -> Flavour:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MICROPY")}
        environment["MICROPYPATH"] = f".frozen:{tree}"
        # MicroPython puts the script's folder first: the script is the tree's, so that its stimulus is too.
        return Flavour(name, lambda words: _run((*command,), words, environment, tree / DRIVER.name))


def _lay_out(firmware: Path, folder: Path, change: Callable[[str], str]) -> Path:
    """A copy with the driver in it and its kernels changed."""
    shutil.copytree(firmware, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (DRIVER.name, STIMULUS, HEAP):
        shutil.copy(FOLDER / name, folder)
    for path in folder.rglob(viper.KERNELS):
        path.write_text(change(path.read_text()))
    return folder


def _run(command: tuple[str, ...], words: dict[str, int], environment: dict[str, str], script: Path = DRIVER) -> str:
    arguments = [f"{key}={value}" for key, value in words.items()]
    done = subprocess.run([*command, str(script), *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} {' '.join(arguments)}: {done.stdout[-500:]}{done.stderr[-2000:]}")
    return done.stdout


def difference(one: Flavour, other: Flavour, every: int = 1000, known: Checkpoints | None = None, **words: int) -> str:
    """Nothing when all hashes agree, else the first tick that differs and every value that does.

    Args:
        known: checkpoints of `one`, when it has flown these words already.
        words: the driver's, `ticks` among them.
    """
    found = _first_difference(known or one.checkpoints(every=every, **words), other.checkpoints(every=every, **words))
    if found is None:
        return ""
    # Hashed each tick from here on; the hash after an equal checkpoint is equal, so the interval before the first unequal one holds it.
    narrow = {**words, "ticks": found, "every": 1, "first": max(1, found - every + 1), "stride": 1}
    tick = _first_difference(one.checkpoints(**narrow), other.checkpoints(**narrow))
    assert tick is not None
    quiet = {key: value for key, value in words.items() if key != "ticks"}
    states = one.state(tick, **quiet), other.state(tick, **quiet)
    lines = [f"{one.name} and {other.name} differ first after tick {tick} of {words}:"]
    for name in states[0]:
        if states[0][name] != states[1].get(name):
            lines += _unlike(name, states[0][name], states[1].get(name, "nothing"), one.name, other.name)
    return "\n".join(lines)


def _first_difference(one: Checkpoints, other: Checkpoints) -> int | None:
    if len(one) != len(other):
        raise RuntimeError(f"{len(one)} checkpoints against {len(other)}")
    return next((mine[0] for mine, theirs in zip(one, other, strict=True) if mine != theirs), None)


def _unlike(name: str, mine: str, theirs: str, one: str, other: str) -> list[str]:
    if not mine.startswith("["):
        return [f"  {name}: {mine} ({one}), {theirs} ({other})"]
    pairs = list(zip(mine.strip("[]").split(", "), theirs.strip("[]").split(", "), strict=True))
    return [f"  {name}[{i}]: {a} ({one}), {b} ({other})" for i, (a, b) in enumerate(pairs) if a != b]


def main() -> None:
    """Compare two flavours by name."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
        told = difference(bench.named(sys.argv[1]), bench.named(sys.argv[2]), ticks=int(sys.argv[3]), seed=seed)
    print(told or "no difference")


if __name__ == "__main__":
    main()
