"""The copy of the firmware for 32-bit MicroPython: kernels under viper, constants as literals (docs/decisions/viper-at-build.md)."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from isoloop.images.hashing import file_sha256, text_sha256, tree_sha256, walk_files
from isoloop.images.store import cache_dir
from isoloop.kernels import constants

KERNELS = "*_kernel.py"
HASHES = "module_hashes.py"
"""Module that says of which sources a converted tree was made."""

_NATIVE = re.compile(r"^(\s*)@micropython\.native[ \t]*$", re.MULTILINE)
_KEPT_TREES = 4
"""Copies kept in the cache: 0.3 MB each, a few branches' worth."""


def convert(text: str) -> str:
    """A kernel file's text with `@micropython.viper` where `@micropython.native` stands; nothing else changes, no line moves."""
    return _NATIVE.sub(r"\1@micropython.viper", text)


def strip(text: str) -> str:
    """A kernel file's text as plain bytecode: the decorators' lines are empty comments, so that no line moves."""
    return _NATIVE.sub(r"\1#", text)


def copy_tree(firmware: Path, folder: Path) -> None:
    """Copy a firmware tree to `folder`, which must not exist, with every kernel converted.

    Raises:
        ValueError: a kernel file holds no function that would be compiled.
    """
    shutil.copytree(firmware, folder, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    convert_tree(folder)
    said = "# Of each module, so that flashing sends what differs alone. Written by the image build."
    (folder / HASHES).write_text(f"{said}\nHASHES = {module_hashes(folder)!r}\n")


def module_hashes(folder: Path) -> tuple[tuple[str, str], ...]:
    """Path and the first eight digits of the SHA-256 of each module of a converted tree."""
    found = {path.relative_to(folder).as_posix(): file_sha256(path)[:8] for path in walk_files(folder) if path.suffix == ".py"}
    return tuple(sorted((name, digest) for name, digest in found.items() if name not in (HASHES, "manifest.py", "main.py")))


def convert_tree(folder: Path) -> None:
    """Convert every kernel below `folder` in place, and fold the constants of the rest; see copy_tree."""
    for path in walk_files(folder):
        if path.match(KERNELS):
            text = path.read_text()
            converted = convert(text)
            if converted == text:
                raise ValueError(f"{path.relative_to(folder)} is named as a kernel and has no function under @micropython.native")
            path.write_text(converted)
    constants.fold_tree(folder, lambda path: path.match(KERNELS))


def recipe_sha256() -> str:
    """Identity of the conversion itself: part of the key of whatever is made with it."""
    return text_sha256(file_sha256(Path(__file__)), file_sha256(Path(constants.__file__)))


def viper_tree(firmware: Path) -> Path:
    """A converted copy of a firmware tree, in the cache and made when it is not there yet. Never change it.

    Raises:
        ValueError: as copy_tree.
    """
    out = cache_dir() / "out"
    folder = out / f"viper-{text_sha256(recipe_sha256(), tree_sha256(firmware))[:16]}" / "firmware"
    if not folder.is_dir():
        out.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix="viper-new-", dir=out))
        try:
            copy_tree(firmware, staging / "firmware")
            staging.chmod(0o755)
            staging.rename(folder.parent)
        except OSError:
            # Another process was quicker: its copy is as good.
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        _prune(out, folder.parent)
    os.utime(folder.parent)
    return folder


def _prune(out: Path, keep: Path) -> None:
    """Remove all but the newest copies; one that another process flies on is among the newest."""
    found = sorted(out.glob(f"viper-{'[0-9a-f]' * 16}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found[_KEPT_TREES:]:
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)
