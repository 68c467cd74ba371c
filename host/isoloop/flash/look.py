"""What is behind a port, asked so that nothing that runs there is disturbed."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isoloop.errors import InputError, TargetError, UsageError
from isoloop.link.crc import crc16_ccitt_false
from isoloop.link.decoder import LinkDecoder, StructureReport
from isoloop.link.keys import config_dir, read_key
from isoloop.link.ports import import_serial, open_port
from isoloop.link.session import GroundLink
from isoloop.link.telecommand import Credentials

FLYING, BENCH, PROMPT, RIG, SILENT, OTHER = "flying", "bench", "prompt", "rig", "silent", "other"
LISTEN_S = 2.6
"""Housekeeping comes once a second."""
_STRUCTURE_PLATFORM = "platform"
_MAINTENANCE_S = 10.0
_SILENT_S = 8.0
STRAP_HINT = "close its maintenance strap (GP22 to ground on the reference board), reset it and try again"


@dataclass
class Look:
    """What was seen.

    Attributes:
        what: FLYING: isoloop's reports come. BENCH: it waits for a host. PROMPT: a MicroPython prompt. RIG: a rig's own Pico.
            OTHER: something else talks. SILENT.
        text: what came, for a person to read.
        platform: fields of the last platform report, by name; empty when none came.
    """

    what: str
    text: str = ""
    platform: dict[str, int] = field(default_factory=dict)


def look_at(port: str, listen_s: float = LISTEN_S) -> Look:
    """Listen, and ask once politely: a line that the bench answers, that a prompt echoes, and that anything else takes for noise.

    Raises:
        UsageError, TargetError: the port does not open, or vanishes.
    """
    serial = import_serial().SerialException
    device = open_port(port)
    decoder = LinkDecoder()
    seen = b""
    platform: dict[str, int] = {}
    is_flying = False
    try:
        end_s = time.monotonic() + listen_s
        device.write(b"\r\nisoloop bench?\r\n")
        while time.monotonic() < end_s:
            device.timeout = 0.1
            data = device.read(1)
            if data:
                data += device.read(device.in_waiting or 0)
            seen = (seen + data)[-8192:]
            for report in decoder.feed(data):
                is_flying = True
                if isinstance(report, StructureReport) and report.structure.name == _STRUCTURE_PLATFORM:
                    platform = fields(report)
            text = seen.decode("utf-8", "replace")
            if is_flying or ("isoloop bench 1 " in text and text.endswith("\n")):
                break
    except (serial, OSError) as error:
        raise TargetError(f"port {port} vanished ({getattr(error, 'strerror', None) or error}): plug the cable in again") from None
    finally:
        with contextlib.suppress(serial, OSError):
            device.close()
    text = seen.decode("utf-8", "replace").strip("\0\r\n")
    if is_flying:
        return Look(FLYING, "", platform)
    if "isoloop bench" in text.replace("isoloop bench?", ""):
        return Look(BENCH, text)
    if ">>>" in text:
        return Look(PROMPT, text)
    if "isoloop rig?" in text:  # in its console's list of what it understands
        return Look(RIG, text)
    return Look(OTHER if text else SILENT, text)


def send_to_maintenance(port: str, known: Credentials | None, seen: Look, limit_s: float = 30.0) -> None:
    """Command a flying board into maintenance; returns when it shows its prompt.

    Raises:
        UsageError: no key of this host is the board's.
        TargetError: it does not answer.
    """
    for credentials in candidates(known, seen):
        with GroundLink(port, credentials=credentials) as link:
            link.trust_dictionary()
            armed = link.command("arm", {"telecommand": "maintenance"}, _MAINTENANCE_S)
            if armed.failure is not None and armed.failure.reason_name(link.dictionary) in ("authentication", "no_key", "replay"):
                continue
            if not armed.is_completed:
                raise TargetError(f"the board on {port} does not answer telecommands: {STRAP_HINT}")
            outcome = link.command("maintenance", {}, _MAINTENANCE_S)
            if outcome.is_completed:
                break
            raise TargetError(f"the board on {port} does not go into maintenance: {STRAP_HINT}")
    else:
        raise UsageError(
            f"isoloop flies on {port} and no key of this host is that board's: name it with --key, or {STRAP_HINT}"
        )
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        # It lets its reports leave before it resets, and a reset takes the port away for a moment.
        with contextlib.suppress(UsageError, TargetError):
            if look_at(port, 0.7).what == PROMPT:
                return
        time.sleep(0.2)
    raise TargetError(f"the board on {port} went into maintenance and shows no prompt: {STRAP_HINT}")


def wait_for_port(port: str, limit_s: float) -> None:
    """Until the port has come back from a reset.

    Raises:
        TargetError: it has not.
    """
    time.sleep(0.7)  # a board that resets in a few ticks is still there until then
    if "://" in port:
        return
    end_s = time.monotonic() + limit_s
    while not Path(port).exists():
        if time.monotonic() > end_s:
            raise TargetError(f"port {port} did not come back within {limit_s:g} s: plug the cable in again, then isoloop doctor")
        time.sleep(0.1)


def fetch_identity(port: str, credentials: Credentials, limit_s: float) -> dict[str, Any]:
    """The platform report of the board, by field name, asked for by telecommand; of one on its bench what it greets with.

    Raises:
        TargetError: the board does not speak up in time.
    """
    end_s = time.monotonic() + limit_s
    found: dict[str, Any] = {}

    def take(report: object) -> None:
        if isinstance(report, StructureReport) and report.structure.name == _STRUCTURE_PLATFORM:
            found.update(fields(report))

    def ask() -> None:
        left_s = max(0.1, end_s - time.monotonic())
        wait_for_port(port, left_s)
        greeting = look_at(port)
        if greeting.what == BENCH:
            found.update(_of_greeting(greeting.text))
            return
        with GroundLink(port, credentials=credentials, timeout_s=left_s) as link:
            link.trust_dictionary()
            is_heard = False
            look_again_s = min(end_s, time.monotonic() + _SILENT_S)
            while not found and time.monotonic() < (end_s if is_heard else look_again_s):
                for report in link.poll(1.0):
                    is_heard = True
                    take(report)
                # Not before it flies: a board that boots takes some bytes of a telecommand for Ctrl-C.
                if is_heard and not found:
                    left_s = max(0.1, end_s - time.monotonic())
                    link.command("report_once", {"structure": _STRUCTURE_PLATFORM}, min(5.0, left_s), take)

    while not found and time.monotonic() < end_s:
        # A board that restarts takes its port away once, at a moment of its own.
        with contextlib.suppress(UsageError, TargetError):
            ask()
    if not found:
        raise TargetError(f"the board on {port} did not say what runs there within {limit_s:g} s{_what_it_said(port)}")
    return found


def _what_it_said(port: str) -> str:
    """The last line of a traceback, where the firmware left one."""
    try:
        seen = look_at(port)
    except (TargetError, UsageError):
        return ""
    # The question itself is a syntax error at a prompt.
    lines = [line.strip() for line in seen.text.splitlines() if "Error" in line and not line.startswith("SyntaxError")]
    if not lines and seen.what == PROMPT:
        return " (it shows MicroPython's prompt: open its maintenance strap, or the firmware ended)"
    return f" ({lines[-1]})" if lines else ""


def _of_greeting(text: str) -> dict[str, Any]:
    """The fields of a platform report that the bench's greeting tells."""
    words = text[text.index("isoloop bench 1 ") :].split()
    image, dictionary_hash = words[4], int(words[5], 16)
    if image == "-":
        return {}
    return {
        "image_hash_hi": int(image[:4], 16),
        "image_hash_lo": int(image[4:8], 16),
        "dictionary_hash": dictionary_hash,
        "free_heap_bytes": None,
    }


def fields(report: StructureReport) -> dict[str, int]:
    """Values of a report by field name."""
    return {row.name: value for row, value in zip(report.structure.fields, report.values, strict=True)}


def candidates(known: Credentials | None, seen: Look) -> list[Credentials]:
    """Who might command this board: the keys of this host, narrowed by what the board says of its id."""
    found = [known] if known is not None else []
    for path in sorted((config_dir() / "keys").glob("*.key")):
        with contextlib.suppress(InputError):
            found.append(read_key(path))
    found.append(Credentials())  # of an emulated board
    told = seen.platform.get("board_id")
    if told is None:
        return found
    return [one for one in found if crc16_ccitt_false(one.board_id) == told] or found[:1]
