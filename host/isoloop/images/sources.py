"""The three source trees of an image: the user's checkouts where named, else the pinned Debian packages.

Asking for an identity touches no network and writes nothing; only `*_tree()` unpacks and patches.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from isoloop.images import patches
from isoloop.images.debian import DebianPackage
from isoloop.images.errors import ImageError
from isoloop.images.hashing import text_sha256, tree_sha256, walk_files
from isoloop.images.steps import Progress, run_step
from isoloop.images.store import cache_dir

MICROPYTHON = DebianPackage(
    "micropython",
    "1.25.0+ds-1",
    "micropython_1.25.0+ds.orig.tar.xz",
    "7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea",
    is_source=True,
)
PICO_SDK = DebianPackage(
    "pico-sdk-source",
    "2.1.1-1",
    "pico-sdk-source_2.1.1-1_all.deb",
    "507a3ca37636641bc90239d7c04dc9dc28c5008087a8162102ea94d2273153d3",
)
TINYUSB = DebianPackage(
    "tinyusb-source",
    "0.18.0+dfsg-1",
    "tinyusb-source_0.18.0+dfsg-1_all.deb",
    "01ce2c645df68f14a8a7dcfc8fb355713152543757955820479a87949a61154e",
)

_MICROPYTHON_PARTS = (
    *("py", "extmod", "shared", "drivers", "tools", "mpy-cross", "ports/unix", "ports/rp2", "lib/README.md"),
    *("lib/uzlib", "lib/re1.5", "lib/littlefs", "lib/oofatfs", "lib/libm", "lib/libm_dbl", "lib/crypto-algorithms", "lib/cmsis"),
)
"""What the images are made of; a full checkout has gigabytes more."""
_SDK_PARTS = ("src", "cmake", "tools", "external", "pico_sdk_init.cmake", "pico_sdk_version.cmake", "CMakeLists.txt")
_TINYUSB_PARTS = ("src", "hw/bsp", "hw/mcu", "lib")


@dataclass(frozen=True)
class Source:
    """Where one tree comes from.

    Attributes:
        identity: SHA-256 of the pinned archive, or `tree:` and the SHA-256 over a checkout's contents.
        checkout: the user's folder; None for the pinned package.
    """

    name: str
    identity: str
    package: DebianPackage
    checkout: Path | None = None


def micropython() -> Source:
    """MicroPython: MICROPYTHON_DIR, else the pinned package."""
    return _source("micropython", MICROPYTHON, "MICROPYTHON_DIR", "py/mpconfig.h", _MICROPYTHON_PARTS)


def pico_sdk() -> Source:
    """The Pico SDK: PICO_SDK_PATH, else the pinned package."""
    return _source("pico-sdk", PICO_SDK, "PICO_SDK_PATH", "pico_sdk_init.cmake", _SDK_PARTS)


def tinyusb() -> Source:
    """TinyUSB: that of the MicroPython checkout, of the SDK checkout, else the pinned package."""
    for variable in ("MICROPYTHON_DIR", "PICO_SDK_PATH"):
        base = os.environ.get(variable)
        if base and (Path(base) / "lib/tinyusb/src/tusb.h").is_file():
            folder = (Path(base) / "lib/tinyusb").resolve()
            return Source("tinyusb", _checkout_identity(folder, _TINYUSB_PARTS), TINYUSB, folder)
    return Source("tinyusb", TINYUSB.sha256, TINYUSB)


def _source(name: str, package: DebianPackage, variable: str, probe: str, parts: tuple[str, ...]) -> Source:
    value = os.environ.get(variable)
    if not value:
        return Source(name, package.sha256, package)
    folder = Path(value).expanduser().resolve()
    if not (folder / probe).is_file():
        advice = "correct it, or unset it to use the pinned source"
        raise ImageError(f"{variable}={value}: no {probe} there, so it is no {name} checkout; {advice}")
    return Source(name, _checkout_identity(folder, parts), package, folder)


@cache
def _checkout_identity(folder: Path, parts: tuple[str, ...]) -> str:
    # Cached for the process: a checkout is 30 MB to hash, and a build must not see it change between key and copy.
    return "tree:" + tree_sha256(folder, parts)


def micropython_tree(source: Source, log: Path, progress: Progress) -> Path:
    """A patched private copy of MicroPython; the checkout or archive (fetched before) stays as it is."""
    tree = cache_dir() / "trees" / f"micropython-{text_sha256(source.identity, patches.PATCHES_SHA256)[:16]}"
    if tree.is_dir():
        return tree
    staging = _fresh_staging(tree)
    if source.checkout is None:
        progress("unpacking MicroPython")
        _untar(downloads_dir() / source.package.file, staging)
        (unpacked,) = staging.iterdir()
    else:
        progress(f"copying {source.checkout}")
        unpacked = staging / "micropython"
        for part in _MICROPYTHON_PARTS:
            for path in walk_files(source.checkout / part):
                target = unpacked / path.relative_to(source.checkout)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
    patches.apply(unpacked)
    # The build asks for micropython-lib by its README and then takes nothing from it.
    library = unpacked / "isoloop-no-library"
    library.mkdir()
    (library / "README.md").write_text("Stands for micropython-lib, of which these images use nothing.\n")
    unpacked.rename(tree)
    shutil.rmtree(staging)
    return tree


def packaged_tree(source: Source, inner: str, log: Path) -> Path:
    """Folder of an unpatched source: the checkout itself, else the folder `inner` of the unpacked pinned package (fetched before)."""
    if source.checkout is not None:
        return source.checkout
    tree = cache_dir() / "trees" / f"{source.name}-{source.identity[:16]}"
    if not tree.is_dir():
        staging = _fresh_staging(tree)
        run_step(f"unpacking {source.name}", ["dpkg-deb", "-x", downloads_dir() / source.package.file, staging], log)
        staging.rename(tree)
    return tree / inner


def downloads_dir() -> Path:
    """Folder of the verified package files."""
    return cache_dir() / "downloads"


def _fresh_staging(tree: Path) -> Path:
    staging = tree.with_name(f"{tree.name}.{os.getpid()}.new")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    return staging


def _untar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as stream:
        # The `data` filter arrived with Python 3.11.4; the archive's hash has been checked either way.
        if hasattr(tarfile, "data_filter"):
            stream.extractall(folder, filter="data")
        else:
            stream.extractall(folder)
