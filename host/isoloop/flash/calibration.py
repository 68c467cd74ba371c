"""A board's calibration as a TOML file, into the record that the firmware reads."""

from __future__ import annotations

import tomllib
from pathlib import Path

from isoloop.errors import InputError
from isoloop.flight.records import CalibrationRow, calibration_payload
from isoloop.schema.names import CHANNELS

_KEYS: dict[str, tuple[str, ...]] = {
    "pressure": ("low_pa", "high_pa"),
    "temperature": ("low_mdegc", "high_mdegc"),
    "flow": ("low_ul_s", "high_ul_s"),
    "v_ref": (),
    "absent": (),
}
_LIMIT = 1 << 30


def read_calibration(path: Path) -> bytes:
    """Payload of a calibration record: for each channel its kind, and what 10 % and 90 % of its span mean.

    Raises:
        InputError: no such file, no TOML, a channel unknown or missing, a value that is none or lies the wrong way round.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(path, None, None, f"cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(path, None, None, f"is no TOML file: {error}") from None
    channels = document.get("channels")
    if not isinstance(channels, dict) or set(document) != {"channels"}:
        raise InputError(path, None, None, "wants one table [channels] with a line for each channel (docs/flash.md)")
    for name in channels:
        if name not in CHANNELS:
            raise InputError(path, None, f"channels.{name}", f"there is no such channel; there is {', '.join(CHANNELS)}")
    return calibration_payload([_row(path, name, channels.get(name, {"kind": "absent"})) for name in CHANNELS])


def _row(path: Path, name: str, row: object) -> CalibrationRow:
    key = f"channels.{name}"
    if not isinstance(row, dict) or row.get("kind") not in _KEYS:
        raise InputError(path, None, key, f"wants kind = one of {', '.join(_KEYS)}")
    kind = str(row["kind"])
    wanted = _KEYS[kind]
    if set(row) != {"kind", *wanted}:
        raise InputError(path, None, key, f"a channel of kind {kind} has {', '.join(('kind', *wanted))} and nothing else")
    values = [row[one] for one in wanted] or [0, 0]
    if any(not isinstance(value, int) or isinstance(value, bool) or abs(value) >= _LIMIT for value in values):
        raise InputError(path, None, key, "wants whole numbers, of Pa, thousandths of a degC or uL/s")
    if wanted and values[0] >= values[1]:
        raise InputError(path, None, key, f"{wanted[0]} must lie below {wanted[1]}")
    return kind, values[0], values[1]
