"""Where images, sources and logs lie on this machine, and the JSON beside each image that says what it is."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from isoloop import paths
from isoloop.images.hashing import file_sha256

KEPT_IMAGES = 6
"""Builds kept of each image: a few branches' worth, 0.7 MB each. Older ones are removed when a new one is added."""
KEPT_BUILD_FOLDERS = 2
"""Folders of objects kept of each image, up to 90 MB each."""

SIDECAR = "image.json"


@dataclass(frozen=True)
class ImageInfo:
    """One built image.

    Attributes:
        image: its name, such as `pico`.
        path: the program or UF2.
        sha256: of that file, hex.
        size_bytes: of that file.
        image_id: SHA-256 over everything the image was made of, hex; frozen into `pico` as `build_id.IMAGE_ID`.
        dictionary_hash: `DICTIONARY_HASH` of the frozen `tcs/tables.py`; None where nothing of ours is frozen or there is no table.
        micropython: release of the interpreter, such as `1.25.0`.
        sources: identity of each source tree by name: SHA-256 of the archive, or `tree:` and a SHA-256 over a checkout.
        toolchain: first line of the compiler's `--version`.
    """

    image: str
    path: Path
    sha256: str
    size_bytes: int
    image_id: str
    dictionary_hash: int | None
    micropython: str
    sources: dict[str, str]
    toolchain: str


def cache_dir() -> Path:
    """`images/` in isoloop's cache folder."""
    return paths.cache_dir() / "images"


def image_dir(image: str, image_id: str) -> Path:
    """Folder of one built image."""
    return cache_dir() / "out" / f"{image}-{image_id[:16]}"


def load(image: str, image_id: str) -> ImageInfo | None:
    """The image with this identity, None when it has not been built or its folder is damaged."""
    folder = image_dir(image, image_id)
    try:
        document = json.loads((folder / SIDECAR).read_text())
        known = {field.name for field in fields(ImageInfo)} - {"path"}
        path = folder / document["file"]
        info = ImageInfo(path=path, **{key: value for key, value in document.items() if key in known})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if info.image_id != image_id or not path.is_file():
        return None
    return info


def save(info: ImageInfo) -> ImageInfo:
    """Put a freshly built image into the cache, whole or not at all, and return it with the path it has there."""
    folder = image_dir(info.image, info.image_id)
    staging = folder.with_name(f"{folder.name}.{os.getpid()}.new")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    shutil.copy2(info.path, staging / info.path.name)
    document = asdict(info) | {"file": info.path.name}
    del document["path"]
    (staging / SIDECAR).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    staging.rename(folder)
    _prune(folder.parent, info.image, KEPT_IMAGES)
    _prune(cache_dir() / "build", info.image, KEPT_BUILD_FOLDERS)
    stored = load(info.image, info.image_id)
    assert stored is not None
    assert stored.sha256 == file_sha256(stored.path)
    return stored


def _prune(folder: Path, image: str, kept: int) -> None:
    # Exact name and 16 hex digits: `pico` must not sweep away `pico-w`. Only ever called under the build lock.
    found = sorted(folder.glob(f"{image}-{'[0-9a-f]' * 16}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found[kept:]:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def locked() -> Iterator[None]:
    """Hold the cache's build lock: two builds at once wait for each other instead of writing into one folder."""
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
