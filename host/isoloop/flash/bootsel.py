"""A board that shows itself as a drive (BOOTSEL held while it was plugged in): it takes the release image as a file."""

from __future__ import annotations

import os
import re
from pathlib import Path

from isoloop import images
from isoloop.dictionary import load_dictionary
from isoloop.errors import OutputError, TargetError, UsageError
from isoloop.images import ImageInfo
from isoloop.images.hashing import file_sha256

INFO_FILE = "INFO_UF2.TXT"
BOARD_ID = "RPI-RP2"
_CHUNK_BYTES = 1 << 16
_MOUNTS = Path("/proc/self/mounts")
_HOW = "hold BOOTSEL while plugging the board in; it appears as a drive RPI-RP2, which must be mounted (isoloop doctor lists it)"


def is_drive(port: str) -> bool:
    """Whether PORT means a drive and not a serial port: a folder, or a path that could only be one."""
    if "://" in port or port.startswith("/dev/"):
        return False
    return Path(port).is_dir() or (not Path(port).exists() and ("/" in port or "RP2" in port.upper()))


def drives() -> list[Path]:
    """Mounted BOOTSEL drives of this host."""
    try:
        mounts = [line.split(" ")[1] for line in _MOUNTS.read_text().splitlines()]
    except OSError:
        return []
    folders = [Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), mount)) for mount in mounts]
    return [folder for folder in folders if os.access(folder, os.R_OK) and (folder / INFO_FILE).is_file()]


def release_image() -> ImageInfo:
    """The UF2 of this firmware, proven to be the file that was built.

    Raises:
        UsageError: not built, without a hash, not the file of that hash, or made with another dictionary.
    """
    build = "build it with python -m isoloop.images build pico (docs/images.md)"
    if images.refresh("pico") is None:
        raise UsageError(f"there is no image of this firmware: {build}")
    known = images.info("pico")
    if known is None or not known.sha256:
        raise UsageError(f"the image has no hash beside it, so nobody can say what it is: {build}")
    if file_sha256(known.path) != known.sha256:
        raise UsageError(f"{known.path} is not the file that was built, its hash differs: remove it and {build}")
    if known.dictionary_hash != load_dictionary().hash:
        raise UsageError(f"{known.path} was made with another dictionary than this isoloop: {build}")
    return known


def copy_image(drive: Path) -> ImageInfo:
    """Write the image to a drive; the board restarts into it by itself. What ran there before is gone.

    Raises:
        UsageError: no such drive, no BOOTSEL drive, the drive of another board, or no image.
        OutputError: not allowed to write there.
        TargetError: the drive went away in the middle.
    """
    info = drive / INFO_FILE
    if not drive.exists():
        raise UsageError(f"there is no drive {drive}: {_HOW}")
    if not info.is_file():
        raise UsageError(f"{drive} is no BOOTSEL drive, it has no {INFO_FILE}: {_HOW}")
    found = re.search(r"^Board-ID:\s*(\S+)", info.read_text(errors="replace"), re.MULTILINE)
    if found is None or found[1] != BOARD_ID:
        what = found[1] if found else "board without an id"
        raise UsageError(f"{drive} belongs to a {what}: isoloop's image is for the RP2040 (Raspberry Pi Pico); take such a board")
    image = release_image()
    data = image.path.read_bytes()
    written = 0
    try:
        with (drive / image.path.name).open("wb", buffering=0) as file:
            while written < len(data):
                written += file.write(data[written : written + _CHUNK_BYTES])
            os.fsync(file.fileno())
    except PermissionError:
        how = f"mount it as yourself (udisksctl mount), or copy {image.path} there as root"
        raise OutputError(f"you may not write to {drive}: {how}") from None
    except OSError as error:
        # With the last block the board restarts and takes its drive along: whatever the system says of that then.
        if written < len(data):
            raise TargetError(
                f"the drive {drive} went away after {written // 1000} of {len(data) // 1000} kB ({error.strerror}): {_HOW}, and repeat"
            ) from None
    return image
