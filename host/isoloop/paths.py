"""Where the files that travel with the package lie: in a checkout beside it, in a wheel inside it."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE_DIR = Path(__file__).resolve().parent
"""The `isoloop` package itself."""

REPOSITORY_DIR = PACKAGE_DIR.parents[1]
"""The checkout that an editable install runs from. Meaningless in a wheel: ask `in_checkout()` first."""

SCENARIOS_DIR = PACKAGE_DIR / "scenarios"
"""Built-in scenarios, one TOML file each, named as the scenario."""

MAPS_DIR = PACKAGE_DIR / "maps"
"""Built-in log replay maps, one TOML file each."""


def cache_dir() -> Path:
    """isoloop's cache folder (XDG_CACHE_HOME, else ~/.cache); what lies there may be deleted at any time."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG rule: a relative path counts as unset.
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "isoloop"


def in_checkout() -> bool:
    """True when the package runs from the source tree (editable install), false from a wheel."""
    return (REPOSITORY_DIR / "firmware" / "tcs").is_dir() and (REPOSITORY_DIR / "pyproject.toml").is_file()


def firmware_dir() -> Path:
    """The firmware tree (holding `main.py`, `tcs/`, `boards/`): the checkout's, else the wheel's copy.

    Raises:
        FileNotFoundError: neither is there, so the installation is broken.
    """
    if in_checkout():
        return REPOSITORY_DIR / "firmware"
    packaged = PACKAGE_DIR / "_firmware"
    if (packaged / "tcs").is_dir():
        return packaged
    raise FileNotFoundError(f"no firmware tree: neither {REPOSITORY_DIR / 'firmware'} nor {packaged} holds tcs/")


def rig_firmware_dir() -> Path:
    """The rig's own firmware (holding `main.py`, `rig/`): the checkout's, else the wheel's copy.

    Raises:
        FileNotFoundError: neither is there, so the installation is broken.
    """
    for folder in (REPOSITORY_DIR / "hil" / "firmware", PACKAGE_DIR / "_rig_firmware"):
        if (folder / "rig").is_dir():
            return folder
    raise FileNotFoundError(f"no rig firmware: neither {REPOSITORY_DIR}/hil/firmware nor {PACKAGE_DIR}/_rig_firmware holds rig/")


def builtin_names(folder: Path) -> list[str]:
    """Names of the built-in TOML files of a folder (SCENARIOS_DIR or MAPS_DIR), sorted."""
    return sorted(path.stem for path in folder.glob("*.toml"))
