"""Where command keys and counters are kept on this host.

A key file is text: the board's id and its key, both hexadecimal, on a line each. Who can read it can command the board.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from isoloop.errors import InputError
from isoloop.link.telecommand import COUNTER_MAX, EMULATED_ID, ID_BYTES, KEY_BYTES, Credentials

EPOCH_S = 1_735_689_600
"""2025-01-01: a counter counts seconds from here unless commands come faster. 30 bits last 34 years."""


def config_dir() -> Path:
    """Folder of this user's keys and counters."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "isoloop"


def key_path(board_id: bytes) -> Path:
    """Default key file of a board."""
    return config_dir() / "keys" / f"{board_id.hex()}.key"


def read_key(path: Path) -> Credentials:
    """Credentials of a key file.

    Raises:
        InputError: missing, readable by others, or not of this form.
    """
    try:
        mode = path.stat().st_mode
        lines = path.read_text(encoding="ascii").split()
    except (OSError, ValueError) as error:
        raise InputError(path, None, None, f"cannot be read ({getattr(error, 'strerror', None) or 'not text'})") from None
    if mode & 0o077:
        raise InputError(path, None, None, "can be read by others: chmod 600 it")
    try:
        board_id, key = (bytes.fromhex(line) for line in lines)
    except ValueError:
        raise InputError(path, None, None, "is no key file: two lines, board id and key, hexadecimal") from None
    if len(board_id) != ID_BYTES or len(key) != KEY_BYTES:
        raise InputError(path, None, None, f"needs a board id of {ID_BYTES} bytes and a key of {KEY_BYTES}")
    return Credentials(board_id, key)


def find_credentials(key_file: Path | None) -> Credentials:
    """Of `key_file`, else of the only key file of this user, else the published test key of emulated boards.

    Raises:
        InputError: as read_key(); or several key files and none named.
    """
    if key_file is not None:
        return read_key(key_file)
    found = sorted((config_dir() / "keys").glob("*.key"))
    if len(found) > 1:
        raise InputError(config_dir() / "keys", None, None, "holds keys of several boards: name one with --key")
    return read_key(found[0]) if found else Credentials()


def next_counter(board_id: bytes = EMULATED_ID) -> int:
    """A counter for this board that no command from this user had before: seconds since EPOCH_S, or one more than the last."""
    folder = config_dir() / "counters"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / board_id.hex()).open("a+", encoding="ascii") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        text = stream.read().strip()
        last = int(text) if text.isdigit() else 0
        counter = min(COUNTER_MAX, max(last + 1, int(time.time()) - EPOCH_S))
        stream.seek(0)
        stream.truncate()
        stream.write(str(counter))
    return counter
