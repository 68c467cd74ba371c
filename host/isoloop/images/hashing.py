"""Identity of source trees: a hash over names and contents, so that a cached image is never stale and never rebuilt in vain."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

SKIPPED_NAMES = frozenset({".git", ".github", "__pycache__", ".mypy_cache", ".ruff_cache"})
"""Folders that no image is made of."""


def file_sha256(path: Path) -> str:
    """SHA-256 of one file, as hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def text_sha256(*parts: str) -> str:
    """SHA-256 over strings, order and boundaries included, as hex."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()


def walk_files(root: Path, skip: Iterable[str] = ()) -> Iterator[Path]:
    """Every file below `root`, in an order that does not depend on the file system.

    Args:
        root: a folder, or one file (then just that).
        skip: further folder names to leave out, wherever they stand.
    """
    if root.is_file():
        yield root
        return
    skipped = SKIPPED_NAMES | frozenset(skip)
    for folder, folders, files in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if name not in skipped and not name.startswith("build"))
        for name in sorted(files):
            path = Path(folder) / name
            # A link into a submodule that is not checked out is no file.
            if not name.endswith(".pyc") and path.is_file():
                yield path


def tree_sha256(root: Path, parts: Iterable[str] = ("",), skip: Iterable[str] = ()) -> str:
    """SHA-256 over relative names and contents of the files below `root/part` for each part that exists, as hex."""
    digest = hashlib.sha256()
    skip = tuple(skip)
    for part in sorted(parts):
        for path in walk_files(root / part, skip):
            digest.update(f"{path.relative_to(root).as_posix()} {file_sha256(path)}\n".encode())
    return digest.hexdigest()
