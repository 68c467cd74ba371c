"""The memory of a board on a rig: it is the board's own, so a scenario either fits it or is written into it."""

from __future__ import annotations

import base64
import struct
import zlib

from isoloop.dictionary import load_dictionary
from isoloop.errors import TargetError, UsageError
from isoloop.flight.records import PARAMETERS_SECTOR
from isoloop.targets.nor import PAGE_SIZE, PAGES_PER_SECTOR, SECTOR_SIZE, Nor

RECORD_SECTORS = (0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15)
"""What a scenario brings or leaves: parameters, calibration, safe state, black box. Board id, key and counter stay the board's."""

TOLERANCE_RATIO = 0.01
"""As-built parameters of a preset differ from the dictionary's defaults by less; what differs by more is another loop."""

_HEADER = struct.Struct("<HBBIHHHH")
_PARAMETER = struct.Struct("<Hi")

_WRITE = """
from binascii import a2b_base64
import deflate, io
import boards.{board} as pins
from tcs.hal import rp2_nor
memory = rp2_nor.Memory(*rp2_nor.make_nor(pins))
wanted = {wanted}
page = bytearray(256)
blank = b"\\xff" * 256
for sector in {sectors}:
    pages = wanted.get(sector, {{}})
    same = True
    for number in range(16):
        memory.nor_read(sector, number, page)
        if page != pages.get(number, blank):
            same = False
    if not same:
        memory.nor_erase(sector)
        for number in sorted(pages):
            memory.nor_program(sector, number, pages[number])
            memory.nor_read(sector, number, page)
            if page != pages[number]:
                raise OSError("sector %d does not take its content" % sector)
print("ISOLOOP written")
"""


def parameters(nor: Nor) -> dict[str, int]:
    """Of the record that a board fresh from provisioning boots on, by name."""
    at = PARAMETERS_SECTOR * SECTOR_SIZE
    length = _HEADER.unpack_from(nor.data, at)[4]
    payload = bytes(nor.data[at + _HEADER.size : at + _HEADER.size + length])
    names = {row.number: row.name for row in load_dictionary().parameters}
    return {names[number]: value for number, value in _PARAMETER.iter_unpack(payload)}


def refuse_what_differs(nor: Nor, label: str) -> None:
    """A scenario whose loop is another one than the dictionary's defaults describe does not fly on a board's own memory.

    Raises:
        UsageError: naming the parameters.
    """
    defaults = {row.name: row.default for row in load_dictionary().parameters}
    other = [
        f"{name} = {value}, not {defaults[name]}"
        for name, value in parameters(nor).items()
        if abs(value - defaults[name]) > TOLERANCE_RATIO * abs(defaults[name])
    ]
    if other:
        shown = ", ".join(other[:3]) + (f" and {len(other) - 3} more" if len(other) > 3 else "")
        raise UsageError(
            f"{label}: the scenario needs parameters that the board on the rig does not have ({shown}): give the board a data cable "
            "and set memory = \"scenario\" in [board], or fly it on target pico"
        )


def write(port: str, nor: Nor, board: str = "reference") -> None:
    """Put a scenario's memory into a board in maintenance, through its data port; its id, key and counter stay.

    Raises:
        UsageError: mpremote is missing, or the board cannot run isoloop.
        TargetError: it did not take it.
    """
    from isoloop.flash.board import PromptBoard

    told = PromptBoard(port).run(_snippet(nor, board), 120)
    if "ISOLOOP written" not in told:
        raise TargetError(f"the board on {port} did not take its memory: {told.strip().splitlines()[-1:] or ['it says nothing']}")


def _snippet(nor: Nor, board: str) -> str:
    rows = []
    for sector in RECORD_SECTORS:
        pages = {page: nor.read(sector, page) for page in range(PAGES_PER_SECTOR)}
        shown = [f"{page}: unpack({_packed(content)!r})" for page, content in pages.items() if content != b"\xff" * PAGE_SIZE]
        if shown:
            rows.append(f"{sector}: {{{', '.join(shown)}}}")
    unpack = "def unpack(text):\n    return deflate.DeflateIO(io.BytesIO(a2b_base64(text)), deflate.ZLIB).read()\n"
    code = _WRITE.format(board=board, wanted="{" + ", ".join(rows) + "}", sectors=RECORD_SECTORS)
    return code.replace("memory = rp2_nor", unpack + "memory = rp2_nor", 1)


def _packed(content: bytes) -> str:
    packer = zlib.compressobj(9, zlib.DEFLATED, 9)
    return base64.b64encode(packer.compress(content) + packer.flush()).decode()
