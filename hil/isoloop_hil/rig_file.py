"""Rig files: which rig, which board, and what is expected to run on it (schema `isoloop.rig/1`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isoloop.schema.toml_file import Table, TomlFile

SCHEMA = "isoloop.rig/1"
MEMORY = ("own", "scenario")
CONVERTERS = ("real", "ideal")
ANY_IMAGE, RELEASE_IMAGE = "any", "release"


@dataclass(frozen=True)
class Place:
    """Where a board is found: by the serial number of its USB port, which stays, or by a port, which may move. Both "" is nowhere."""

    usb_serial: str = ""
    port: str = ""

    def __bool__(self) -> bool:
        return bool(self.usb_serial or self.port)

    def __str__(self) -> str:
        return self.port or f"USB serial number {self.usb_serial}"


@dataclass(frozen=True)
class RigFile:
    """One rig.

    Attributes:
        label: the file as the user named it.
        name: of the rig, for reports.
        rig: where the rig's own port is.
        board: where the data port of the board under test is, where it has a cable.
        image: `release`, `any`, or the first eight digits or more of an image id.
        memory: `own`: the board flies on what its memory holds. `scenario`: what a scenario needs is written into it.
        converter: of the board. `real`: the plant's counts are what such a converter reads, so the rig shows the voltages behind them.
            `ideal`: the counts themselves, for an emulated board, whose converter has no wide codes of its own.
        key: file with the board's command key; None: the published test key of emulated boards.
        boot_s: longest wait for whatever the rig or the board is asked, wall time.
    """

    label: str
    name: str
    rig: Place
    board: Place
    image: str
    memory: str
    converter: str
    key: Path | None
    boot_s: float


def load_rig_file(path: str | Path) -> RigFile:
    """Read and check one.

    Raises:
        InputError: with file, line and key.
    """
    file = TomlFile.read(Path(path), str(path))
    root = file.root()
    root.only(("schema", "name", "rig", "board", "wait_s"))
    if root.text("schema") != SCHEMA:
        root.fail("schema", f"must be '{SCHEMA}'")
    rig, board = root.table("rig"), root.table("board")
    rig.only(("usb_serial", "port"))
    board.only(("usb_serial", "port", "image", "memory", "converter", "key"))
    place = _place(rig)
    if not place:
        rig.fail("", "says neither usb_serial nor port of the rig: isoloop doctor lists both")
    image = board.text("image") if "image" in board else RELEASE_IMAGE
    if image not in (ANY_IMAGE, RELEASE_IMAGE) and not _is_image_id(image):
        board.fail("image", f"must be '{RELEASE_IMAGE}', '{ANY_IMAGE}' or at least eight hexadecimal digits of an image id")
    memory = board.choice("memory", MEMORY) if "memory" in board else MEMORY[0]
    if memory == "scenario" and not _place(board):
        board.fail("memory", "'scenario' needs the board's data port as well: usb_serial or port")
    converter = board.choice("converter", CONVERTERS) if "converter" in board else CONVERTERS[0]
    key = Path(path).parent / board.text("key") if "key" in board else None
    wait_s = root.number("wait_s", 1, 3600) if "wait_s" in root else 60.0
    return RigFile(str(path), root.text("name"), place, _place(board), image.lower(), memory, converter, key, wait_s)


def _place(table: Table) -> Place:
    if "usb_serial" in table and "port" in table:
        table.fail("port", "usb_serial names the board already: give one of the two")
    return Place(table.text("usb_serial") if "usb_serial" in table else "", table.text("port") if "port" in table else "")


def _is_image_id(text: str) -> bool:
    return 8 <= len(text) <= 64 and all(digit in "0123456789abcdef" for digit in text.lower())
