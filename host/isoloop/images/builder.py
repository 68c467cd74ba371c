"""Find, identify and build images."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from isoloop.images import debian, recipes, sources, store, tools
from isoloop.images.errors import ImageError
from isoloop.images.hashing import file_sha256, text_sha256, tree_sha256
from isoloop.images.patches import PATCHES_SHA256
from isoloop.images.sources import Source
from isoloop.images.steps import Progress
from isoloop.images.store import ImageInfo
from isoloop.kernels import board_c
from isoloop.paths import firmware_dir, rig_firmware_dir

IMAGES = ("unix32", "pico", "unix64cov", "mpy-cross", "rig")
"""Every image there is. `build()` without names makes all but `mpy-cross`, which comes along with any of them."""

DEFAULT_IMAGES = ("unix32", "pico", "unix64cov", "rig")


def find(image: str, firmware: Path | None = None) -> Path | None:
    """Path of an image that is built and up to date, None otherwise. Builds nothing, fetches nothing.

    Args:
        image: one of IMAGES.
        firmware: the tree that `pico` or `rig` must hold; the checkout's (or wheel's) own by default.
    """
    found = info(image, firmware)
    return None if found is None else found.path


def info(image: str, firmware: Path | None = None) -> ImageInfo | None:
    """What is known of an up-to-date image, None when `find()` is None."""
    return store.load(image, _Key(image, firmware).image_id)


def refresh(image: str, firmware: Path | None = None) -> Path | None:
    """`find()`, after freezing the firmware anew when it is all that changed since the last build: two seconds instead of forty.

    None when a whole build would be needed.

    Raises:
        ImageError: the firmware does not compile, or a tool has gone missing.
    """
    key = _Key(image, firmware)
    if store.load(image, key.image_id) is None and not recipes.is_finished(image, key.base):
        return None
    return build([image], firmware=firmware)[image].path


def build(
    images: Iterable[str] = DEFAULT_IMAGES, progress: Progress = lambda line: None, firmware: Path | None = None
) -> dict[str, ImageInfo]:
    """Build what is missing or stale, and return all that was asked for by name.

    Args:
        progress: gets one line a step.
        firmware: as for `find()`.

    Raises:
        ImageError: unknown image, a tool or source missing, or a step failed; one sentence with what to do.
    """
    asked = list(dict.fromkeys(images))
    keys = {image: _Key(image, firmware) for image in asked}
    stale = [image for image in asked if store.load(image, keys[image].image_id) is None]
    if stale:
        tools.require(stale)
        with store.locked():
            _fetch([source for image in stale for source in keys[image].sources], progress)
            for image in stale:
                # Another process may have built it while this one waited for the lock.
                if store.load(image, keys[image].image_id) is None:
                    _build_one(image, keys[image], progress)
    found = {image: store.load(image, key.image_id) for image, key in keys.items()}
    return {image: known for image, known in found.items() if known is not None}


class _Key:
    """Everything an image is made of, by content."""

    def __init__(self, image: str, firmware: Path | None) -> None:
        if image not in IMAGES:
            raise ImageError(f"no image is called {image!r}: there are {', '.join(IMAGES)}")
        self.sources: list[Source] = [sources.micropython()]
        self.firmware: Path | None = None
        identity = [image, PATCHES_SHA256, file_sha256(Path(recipes.__file__))]
        if image in ("pico", "rig"):
            self.sources += [sources.pico_sdk(), sources.tinyusb()]
            self.firmware = firmware or (firmware_dir() if image == "pico" else rig_firmware_dir())
        self.base = text_sha256(*identity, *(source.identity for source in self.sources))
        self.image_id = self.base
        if self.firmware is not None:
            self.image_id = text_sha256(self.base, board_c.recipe_sha256(), tree_sha256(self.firmware))


def _fetch(wanted: list[Source], progress: Progress) -> None:
    # All packages in one go: reading the package lists is most of the time.
    packages = list(dict.fromkeys(source.package for source in wanted if source.checkout is None))
    log = store.cache_dir() / "logs" / "fetch.log"
    log.unlink(missing_ok=True)
    debian.fetch(packages, sources.downloads_dir(), log, progress)


def _build_one(image: str, key: _Key, progress: Progress) -> None:
    log = store.cache_dir() / "logs" / f"{image}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    tree = sources.micropython_tree(key.sources[0], log, progress)
    shop = recipes.Workshop(tree, key.base, key.image_id, log, progress, firmware=key.firmware)
    compiler = "gcc"
    if image == "mpy-cross":
        made = recipes.make_mpy_cross(shop)
    elif image in ("pico", "rig"):
        shop.pico_sdk = sources.packaged_tree(key.sources[1], "usr/src/pico-sdk", log)
        shop.tinyusb = sources.packaged_tree(key.sources[2], "usr/src/tinyusb", log)
        made = recipes.make_pico(shop, image)
        compiler = "arm-none-eabi-gcc"
    else:
        made = recipes.make_unix(shop, image)
        if not recipes.runs(made):
            raise ImageError(f"{image} was built but does not run on this host ({made}); the log is {log}")
    store.save(
        ImageInfo(
            image=image,
            path=made,
            sha256=file_sha256(made),
            size_bytes=made.stat().st_size,
            image_id=key.image_id,
            dictionary_hash=dictionary_hash(key.firmware),
            micropython=recipes.micropython_release(tree),
            sources={source.name: source.identity for source in key.sources},
            toolchain=tools.version_line(compiler),
        )
    )


def dictionary_hash(firmware: Path | None) -> int | None:
    """`DICTIONARY_HASH` of a firmware tree's generated tables; None where there is none."""
    tables = None if firmware is None else firmware / "tcs/tables.py"
    if tables is None or not tables.is_file():
        return None
    found = re.search(r"^DICTIONARY_HASH\s*=\s*(?:const\()?\s*(0[xX][0-9A-Fa-f]+|\d+)", tables.read_text(), re.MULTILINE)
    return None if found is None else int(found[1], 0)
