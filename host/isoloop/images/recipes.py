"""How each image is made out of its source trees. The text of this file is part of every image's key: editing it rebuilds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from isoloop.images.errors import ImageError
from isoloop.images.steps import Progress, clean_environment, run_step
from isoloop.images.store import cache_dir
from isoloop.kernels import board_c, viper

SOURCE_DATE_EPOCH = "1744675200"
"""2025-04-15, MicroPython 1.25's release: the date that images print. A constant, or no two builds would be alike."""

_NO_EXTRAS = ("MICROPY_PY_SSL=0", "MICROPY_PY_BTREE=0", "MICROPY_PY_FFI=0")
"""Parts of the unix port whose libraries the pinned source leaves out, or that the host would have to bring."""

UNIX_FLAGS = {
    "unix32": ("MICROPY_FORCE_32BIT=1", *_NO_EXTRAS, "CFLAGS_EXTRA=-DMICROPY_FLOAT_IMPL=MICROPY_FLOAT_IMPL_FLOAT"),
    "unix64cov": (*_NO_EXTRAS, "CFLAGS_EXTRA=-DMICROPY_PY_SYS_SETTRACE=1"),
}

UF2_FAMILY_RP2040 = "0xe48bff56"
FLASH_BASE = "0x10000000"

_UNIX_MANIFEST = 'include("$(MPY_DIR)/extmod/asyncio")\n'
_PICO_MANIFEST = """\
freeze("$(PORT_DIR)/modules", ("_boot.py", "_boot_fat.py", "rp2.py"))
include("$(MPY_DIR)/extmod/asyncio")
include("firmware/manifest.py")
module("build_id.py")
"""


_FINISHED = "finished"


def _build_dir(image: str, base_key: str) -> Path:
    return cache_dir() / "build" / f"{image}-{base_key[:16]}"


def is_finished(image: str, base_key: str) -> bool:
    """True when this image's build folder holds a build that went well, so that another one costs little."""
    return (_build_dir(image, base_key) / _FINISHED).is_file()


@dataclass
class Workshop:
    """What a recipe works with.

    Attributes:
        micropython: patched private copy.
        pico_sdk, tinyusb: source folders; only for `pico`.
        firmware: our firmware tree; only for `pico`.
        base_key: identity of everything but the firmware; names the build folder.
        image_id: identity of everything; frozen into `pico`.
        log: gets every command and its output.
    """

    micropython: Path
    base_key: str
    image_id: str
    log: Path
    progress: Progress
    pico_sdk: Path | None = None
    tinyusb: Path | None = None
    firmware: Path | None = None
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = clean_environment(
            {
                "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH,
                # Else the build would ask git, and a cache inside somebody's repository would answer with that one's version.
                "MICROPY_GIT_TAG": f"v{micropython_release(self.micropython)}",
                "MICROPY_GIT_HASH": "",
            }
        )

    @contextmanager
    def build_dir(self, image: str) -> Iterator[Path]:
        """The folder this image compiles in: kept for the next build when the last one ended, emptied when that was cut off halfway."""
        folder = _build_dir(image, self.base_key)
        finished = folder / _FINISHED
        was_finished = finished.is_file()
        if not was_finished:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        finished.unlink(missing_ok=True)
        try:
            yield folder
        except ImageError:
            # A compiler said no, to firmware that somebody is editing most likely: what was compiled before is as good as ever.
            if was_finished:
                finished.touch()
            raise
        finished.touch()

    def make(self, what: str, *words: str | Path) -> None:
        """One `make` over all cores."""
        command = ["make", f"-j{os.cpu_count() or 1}", f"PYTHON={sys.executable}", *words]
        run_step(what, command, self.log, env=self.environment)


def micropython_release(tree: Path) -> str:
    """`1.25.0`, or `1.26.0-preview` between releases, from py/mpconfig.h."""
    text = (tree / "py/mpconfig.h").read_text()

    def number(part: str) -> int:
        found = re.search(rf"^#define MICROPY_VERSION_{part} +(\d+)", text, re.MULTILINE)
        if found is None:
            raise ImageError(f"{tree}/py/mpconfig.h names no MICROPY_VERSION_{part}: MicroPython 1.21 or later is needed")
        return int(found[1])

    return f"{number('MAJOR')}.{number('MINOR')}.{number('MICRO')}{'-preview' if number('PRERELEASE') else ''}"


def make_mpy_cross(shop: Workshop) -> Path:
    """The cross compiler, in the tree where the ports' build files expect it."""
    program = shop.micropython / "mpy-cross/build/mpy-cross"
    if not program.is_file():
        shop.progress("compiling mpy-cross")
        try:
            shop.make("compiling mpy-cross", "-C", shop.micropython / "mpy-cross")
        except ImageError:
            shutil.rmtree(program.parent, ignore_errors=True)
            raise
    shop.environment["MICROPY_MPYCROSS"] = str(program)
    return program


def make_unix(shop: Workshop, image: str) -> Path:
    """A unix port with the flags of UNIX_FLAGS."""
    make_mpy_cross(shop)
    with shop.build_dir(image) as folder:
        manifest = folder / "manifest.py"
        manifest.write_text(_UNIX_MANIFEST)
        shop.progress(f"compiling {image}")
        places = (f"BUILD={folder}/build", f"MPY_LIB_DIR={shop.micropython}/isoloop-no-library", f"FROZEN_MANIFEST={manifest}")
        shop.make(f"compiling {image}", "-C", shop.micropython / "ports/unix", "VARIANT=standard", *places, *UNIX_FLAGS[image])
        program = folder / f"micropython-{image}"
        shutil.copy2(folder / "build/micropython", program)
    return program


def make_pico(shop: Workshop, image: str) -> Path:
    """A UF2, the release's or the rig's. Only frozen part and kernels are compiled again when nothing but the firmware has changed."""
    make_mpy_cross(shop)
    with shop.build_dir(image) as folder:
        _lay_out_frozen(shop, folder / "frozen")
        build = folder / "build"
        _configure_pico(shop, folder / "frozen/manifest.py", build)
        # The freezer compares time stamps and so misses a file that was deleted or moved; start it from nothing.
        shutil.rmtree(build / "frozen_mpy", ignore_errors=True)
        (build / "frozen_content.c").unlink(missing_ok=True)
        shop.progress(f"compiling {image}")
        command = ["cmake", "--build", build, "--parallel", str(os.cpu_count() or 1)]
        run_step(f"compiling {image}", command, shop.log, env=shop.environment)
        uf2 = folder / "isoloop-pico.uf2"
        converter = shop.micropython / "tools/uf2conv.py"
        command = [sys.executable, converter, "-f", UF2_FAMILY_RP2040, "-b", FLASH_BASE, "-c", "-o", uf2, build / "firmware.bin"]
        run_step(f"converting {image} to UF2", command, shop.log, env=shop.environment)
    return uf2


def _configure_pico(shop: Workshop, manifest: Path, build: Path) -> None:
    """Once, and again for another interpreter: its path stands in what is generated, and the environment of the first may be gone."""
    configured = build.parent / "configured-by"
    if configured.is_file() and configured.read_text() == sys.executable and (build / "Makefile").is_file():
        return
    configured.unlink(missing_ok=True)
    assert shop.pico_sdk is not None
    assert shop.tinyusb is not None
    shop.progress(f"configuring {build.parent.name.partition('-')[0]}")
    options = {
        "MICROPY_BOARD": "RPI_PICO",
        "PICO_SDK_PATH_OVERRIDE": shop.pico_sdk,
        "PICO_TINYUSB_PATH": shop.tinyusb,
        "PICO_NO_PICOTOOL": 1,
        "MICROPY_LIB_DIR": shop.micropython / "isoloop-no-library",
        "MICROPY_FROZEN_MANIFEST": manifest,
        "USER_C_MODULES": build.parent / "kernels/micropython.cmake",
        "Python3_EXECUTABLE": sys.executable,
    }
    port = shop.micropython / "ports/rp2"
    command = ["cmake", "-G", "Unix Makefiles", "-S", port, "-B", build, *(f"-D{name}={value}" for name, value in options.items())]
    run_step("configuring pico", command, shop.log, env=shop.environment)
    configured.write_text(sys.executable)


def _lay_out_frozen(shop: Workshop, folder: Path) -> None:
    """Copy what will be frozen, so that the image is made of what its key was computed over even while somebody edits."""
    assert shop.firmware is not None
    shutil.rmtree(folder, ignore_errors=True)
    try:
        viper.copy_tree(shop.firmware, folder / "firmware")
        board_c.convert_tree(folder / "firmware", folder.parent / "kernels")
    except ValueError as error:
        raise ImageError(f"laying out the firmware failed: {error}") from None
    (folder / "manifest.py").write_text(_PICO_MANIFEST)
    # Two halves of 16 bits as well: a telemetry field of more than 30 bits would leave the small ints.
    (folder / "build_id.py").write_text(
        "# What this image was made of: SHA-256 over sources, patches, recipe and firmware. Written by the image build.\n"
        f'IMAGE_ID = "{shop.image_id}"\n'
        f"IMAGE_ID_HI = 0x{shop.image_id[:4]}\n"
        f"IMAGE_ID_LO = 0x{shop.image_id[4:8]}\n"
    )


def runs(program: Path) -> bool:
    """True when a unix image starts on this host and gives its sign of life."""
    try:
        told = subprocess.run([program, "-c", "print(6 * 7)"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return told.returncode == 0 and told.stdout.strip() == "42"
