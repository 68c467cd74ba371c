"""What this host has, what is plugged into it, what is missing and how to get it."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from isoloop import __version__, images
from isoloop.dictionary import load_dictionary
from isoloop.errors import IsoloopError, UsageError
from isoloop.flash import bootsel
from isoloop.flash.board import PromptBoard
from isoloop.flash.look import BENCH, FLYING, PROMPT, RIG, SILENT, Look, candidates, fetch_identity, look_at
from isoloop.flash.package import find_mpy_cross
from isoloop.images import tools
from isoloop.link.keys import config_dir
from isoloop.link.ports import list_ports

RASPBERRY_PI = 0x2E8A
_PRODUCTS = {
    0x0003: "an RP2040 in BOOTSEL",
    0x0005: "MicroPython on an RP2040",
    0x000A: "a program made with the Pico SDK",
}
_PACKAGES = (
    ("pyserial", "serial", "isoloop[link]", "serial ports"),
    ("mpremote", "mpremote", "isoloop[flash]", "flashing a MicroPython board"),
    ("rp2040py", "rp2040py", "isoloop[pico]", "target pico"),
)


@dataclass(frozen=True)
class Finding:
    """One line: `ok` is None where nothing can be wrong. `hint`: how to get it, "" where there is nothing to do."""

    section: str
    name: str
    value: str
    ok: bool | None = None
    hint: str = ""


def examine(port: str | None) -> Iterator[Finding]:
    """Everything about this host; then, with a port, what is behind it.

    Raises:
        UsageError, TargetError: the port does not open.
    """
    yield from _host()
    yield from _images()
    yield from _plugged()
    if port is not None:
        yield from _behind(port)


def _host() -> Iterator[Finding]:
    dictionary = load_dictionary()
    yield Finding("host", "isoloop", f"{__version__}, dictionary 0x{dictionary.hash:04X}, Python {platform.python_version()}")
    try:
        from isoloop.targets.interpreter import find_interpreter

        yield Finding("host", "micropython", find_interpreter().version, True)
    except UsageError as error:
        yield Finding("host", "micropython", "missing: target unix", False, str(error))
    for name, module, extra, what in _PACKAGES:
        is_there = importlib.util.find_spec(module) is not None
        yield Finding("host", name, "installed" if is_there else f"missing: {what}", is_there, "" if is_there else f"pip install '{extra}'")
    try:
        path, version = find_mpy_cross()
        yield Finding("host", "mpy-cross", f"{version.partition(';')[0]} ({path})", True)
    except UsageError as error:
        yield Finding("host", "mpy-cross", "missing: flashing a MicroPython board", False, str(error))
    lacking = tools.missing(list(images.IMAGES))
    if lacking:
        packages = " ".join(dict.fromkeys(tool.package for tool in lacking))
        what = ", ".join(dict.fromkeys(tool.what for tool in lacking))
        yield Finding("host", "image tools", f"missing: {what}", False, f"apt-get install {packages}")
    else:
        yield Finding("host", "image tools", "all there", True)
    keys = sorted((config_dir() / "keys").glob("*.key"))
    yield Finding("host", "keys", ", ".join(path.stem for path in keys) or f"none in {config_dir() / 'keys'}")


def _images() -> Iterator[Finding]:
    for name in ("unix32", "pico", "unix64cov"):
        try:
            known = images.info(name)
        except IsoloopError as error:
            yield Finding("images", name, "cannot be told", False, str(error))
            continue
        if known is None:
            yield Finding("images", name, "not built, or not of this firmware", False, f"python -m isoloop.images build {name}")
            continue
        dictionary = ""
        if known.dictionary_hash is not None:
            dictionary = f", dictionary 0x{known.dictionary_hash:04X}, telemetered as {known.image_id[:8]}"
        yield Finding("images", name, f"{known.path} sha256 {known.sha256}{dictionary}", True)


def _plugged() -> Iterator[Finding]:
    found = list_ports()
    for port in found:
        what = str(port.description)
        if port.vid == RASPBERRY_PI:
            what = _PRODUCTS.get(port.pid, what)
        number = f", serial number {port.serial_number}" if port.serial_number else ""
        usb = f" ({port.vid:04x}:{port.pid:04x}{number})" if port.vid is not None else ""
        yield Finding("ports", str(port.device), what + usb)
    if not found:
        yield Finding("ports", "none", "no serial port with a device behind it", None, "plug a board in with a cable that carries data")
    for drive in bootsel.drives():
        yield Finding("drives", str(drive), "a board in BOOTSEL", None, f"isoloop flash {drive}")


def _behind(port: str) -> Iterator[Finding]:
    if bootsel.is_drive(port):
        ok = (Path(port) / bootsel.INFO_FILE).is_file()
        yield Finding(port, "drive", "a board in BOOTSEL" if ok else "no BOOTSEL drive", ok, f"isoloop flash {port}" if ok else "")
        return
    seen = look_at(port)
    if seen.what == FLYING:
        yield from _flying(port, seen)
    elif seen.what == BENCH:
        yield Finding(port, "board", "isoloop, waiting on its bench", True, f"isoloop run ms22 --target serial:{port}")
        yield Finding(port, "says", " ".join(seen.text.split()[-6:]))
    elif seen.what == PROMPT:
        facts = PromptBoard(port).facts()
        version = ".".join(str(part) for part in facts.version)
        yield Finding(port, "board", f"{facts.machine}, MicroPython {version}, chip {facts.unique_id}", True)
        if facts.image is not None:
            yield Finding(port, "image", f"isoloop's, id {facts.image[:8]}", True)
        runs = f"folder {facts.slot}" if facts.slot else "the image's own" if facts.image else "none"
        yield Finding(port, "package", runs, None, "" if facts.slot or facts.image else f"isoloop flash {port}")
    elif seen.what == RIG:
        yield Finding(port, "board", "the Pico of a rig", True, "isoloop-rig test FILE.toml")
    elif seen.what == SILENT:
        yield Finding(port, "board", "silent", False, "reset it; a program that says nothing runs there, or none (isoloop flash stops it)")
    else:
        yield Finding(port, "board", f"talks, but not as isoloop: {seen.text[:60]!r}", False, "is it the right port, the right --baud?")


def _flying(port: str, seen: Look) -> Iterator[Finding]:
    told = seen.platform
    for credentials in [] if told else candidates(None, seen):
        try:
            told = fetch_identity(port, credentials, 4.0)
            break
        except IsoloopError:
            continue
    yield Finding(port, "board", "isoloop, flying", True)
    if not told:
        hint = "name the board's key file in ~/.config/isoloop/keys, or wait a minute for the next platform report (isoloop monitor)"
        yield Finding(port, "identity", "not told: no key of this host is this board's", None, hint)
        return
    image = f"{told['image_hash_hi']:04x}{told['image_hash_lo']:04x}"
    known = images.info("pico")
    ours = known is not None and known.image_id.startswith(image)
    yield Finding(port, "image", f"id {image}" + (f", the release image here, sha256 {known.sha256}" if ours and known else ""))
    matches = told["dictionary_hash"] == load_dictionary().hash
    hint = "" if matches else f"isoloop flash {port}, or use the isoloop that it was flashed with"
    yield Finding(port, "dictionary", f"0x{told['dictionary_hash']:04X}", matches, hint)
    yield Finding(port, "bench", "yes" if told["bench"] else "no")
