"""Telecommands: arguments by name -> authenticated packets (CCSDS 133.0-B, ECSS-E-ST-70-41C)."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from isoloop.dictionary import Argument, Dictionary, Telecommand, load_dictionary
from isoloop.link import cobs
from isoloop.link.crc import crc16_ccitt_false
from isoloop.link.packet import APID

TAG_BYTES = 8
KEY_BYTES = 32
ID_BYTES = 8
COUNTER_MAX = (1 << 30) - 1
EMULATED_ID = b"emulated"
TEST_KEY = hashlib.sha256(b"isoloop published test key").digest()
"""Key of emulated boards. A real board refuses it."""

ACK_ALL = 0b1111
_PRIMARY = struct.Struct(">HHH")
_SECONDARY = struct.Struct(">BBBH")
_COUNTER = struct.Struct(">I")
_PACKET_ID = 0x1800 | APID  # version 0, telecommand, with a secondary header
_UNSEGMENTED = 0xC000
_PUS_C = 0x20
_WRAP = b"isoloop key wrap"

Value = int | bytes
"""An argument on the wire: an integer, or a key in the clear, which build_packet() wraps."""


class CommandError(ValueError):
    """No such telecommand, or an argument that is missing, unknown or out of its range. The text is one sentence."""


@dataclass(frozen=True)
class Credentials:
    """Who may command: the board's id and the key that was provisioned with it."""

    board_id: bytes = EMULATED_ID
    key: bytes = TEST_KEY

    def tag(self, data: bytes) -> bytes:
        """Truncated HMAC-SHA-256 over the board's id and `data`."""
        return hmac.new(self.key, self.board_id + data, hashlib.sha256).digest()[:TAG_BYTES]

    def wrap(self, key: bytes, counter: int) -> bytes:
        """A new key as it travels in the telecommand of this counter: unreadable without the present one. Wrapping twice unwraps."""
        pad = hmac.new(self.key, _WRAP + self.board_id + _COUNTER.pack(counter), hashlib.sha256).digest()
        return bytes(ours ^ theirs for ours, theirs in zip(key, pad, strict=True))


def resolve_arguments(row: Telecommand, given: Mapping[str, object], dictionary: Dictionary | None = None) -> tuple[Value, ...]:
    """Values in wire order from values by name; states and references may be given by name, text or number, a key in hexadecimal.

    Raises:
        CommandError: see there.
    """
    dictionary = dictionary or load_dictionary()
    wanted = {arg.name for arg in row.args if not arg.is_fixed}
    for name in given:
        if name not in wanted:
            raise CommandError(f"{row.name} has no argument '{name}'; it has {', '.join(sorted(wanted)) or 'none'}")
    values: list[Value] = []
    for arg in row.args:
        if arg.is_fixed:
            values.append(arg.min)
            continue
        if arg.name not in given:
            raise CommandError(f"{row.name} needs the argument '{arg.name}'")
        if arg.is_key:
            values.append(_key(row, arg, given[arg.name]))
            continue
        value = _number(row, arg, given[arg.name], dictionary)
        if not arg.min <= value <= arg.max:
            raise CommandError(f"{row.name}: {arg.name} = {value} is outside {arg.min}..{arg.max}")
        values.append(value)
    return tuple(values)


def _key(row: Telecommand, arg: Argument, value: object) -> bytes:
    try:
        key = value if isinstance(value, bytes) else bytes.fromhex(str(value))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise CommandError(f"{row.name}: {arg.name} is no key: {2 * KEY_BYTES} hexadecimal digits")
    return key


def _number(row: Telecommand, arg: Argument, value: object, dictionary: Dictionary) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value)
    names = _names(arg, dictionary)
    if text in names:
        return names[text]
    try:
        return int(text, 0)
    except ValueError:
        hint = f"; one of {', '.join(names)}" if 0 < len(names) <= 12 else ""
        raise CommandError(f"{row.name}: {arg.name} = '{text}' is no number and no name{hint}") from None


def _names(arg: Argument, dictionary: Dictionary) -> dict[str, int]:
    if arg.enum is not None:
        return {name: number for number, name in dictionary.groups[arg.enum].items()}
    if arg.ref == "parameter":
        return {item.name: item.number for item in dictionary.parameters}
    if arg.ref == "event":
        return {item.name: item.number for item in dictionary.events}
    if arg.ref == "structure":
        return {item.name: item.number for item in dictionary.structures}
    if arg.ref == "telecommand":
        return {item.name: item.number for item in dictionary.telecommands}
    if arg.ref == "field":
        return {item.name: index for index, item in enumerate(dictionary.structures_by_name["housekeeping"].fields)}
    return {}


def build_packet(
    row: Telecommand, values: tuple[Value, ...], sequence: int, counter: int, credentials: Credentials, acks: int = ACK_ALL, source: int = 0
) -> bytes:
    """One telecommand packet with counter, tag and error control.

    Args:
        row: which one.
        values: its arguments in wire order.
        sequence: packet sequence count, modulo 2^14; comes back in the verification reports.
        counter: anti-replay counter, higher than any that this board has accepted.
        credentials: of the board.
        acks: bit 3 acceptance, 2 start, 1 progress, 0 completion: which successes are reported. Failures always are.
        source: who sends.
    """
    function = () if row.function is None else (row.function,)
    sent = (credentials.wrap(value, counter) if isinstance(value, bytes) else value for value in values)
    data = struct.pack(row.struct_format, *function, *sent)
    return build_raw(row.service, row.subtype, data, sequence, counter, credentials, acks, source)


def build_raw(
    service: int, subtype: int, data: bytes, sequence: int, counter: int, credentials: Credentials, acks: int = ACK_ALL, source: int = 0
) -> bytes:
    """As build_packet(), of any service and application data."""
    size = _SECONDARY.size + _COUNTER.size + len(data) + TAG_BYTES + 2
    packet = (
        _PRIMARY.pack(_PACKET_ID, _UNSEGMENTED | sequence & 0x3FFF, size - 1)
        + _SECONDARY.pack(_PUS_C | acks, service, subtype, source)
        + _COUNTER.pack(counter)
        + data
    )
    packet += credentials.tag(packet)
    return packet + crc16_ccitt_false(packet).to_bytes(2, "big")


def frame(packet: bytes) -> bytes:
    """The bytes on the line. The delimiter before it ends whatever a broken link left unfinished."""
    return b"\x00" + cobs.encode(packet) + b"\x00"
