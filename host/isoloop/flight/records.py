"""Records as the firmware finds them in its non-volatile sectors (docs/targets.md), and the memory that it boots on."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from isoloop.dictionary import Dictionary, load_dictionary
from isoloop.link.crc import crc16_ccitt_false
from isoloop.targets.nor import Nor

KIND_PARAMETERS = 1
KIND_CALIBRATION = 2
PARAMETERS_SECTOR = 0
CALIBRATION_SECTOR = 2
CHANNELS = 16

CHANNEL_KINDS = {"absent": 0, "pressure": 1, "temperature": 2, "v_ref": 3, "flow": 4}
"""Kind byte of a calibration row, by name."""

_MAGIC = 0x4C49
_VERSION = 1
_HEADER = struct.Struct("<HBBIHHH")
_PARAMETER = struct.Struct("<Hi")
_CALIBRATION = struct.Struct("<BBii")

CalibrationRow = tuple[int | str, int, int]
"""Kind (number or name), and the span's ends: Pa, m degC, mV or uL/s."""


def build_record(kind: int, sequence: int, payload: bytes, dictionary_hash: int) -> bytes:
    """One record: header, error control, payload. The newest valid one of its kind wins at boot."""
    header = _HEADER.pack(_MAGIC, kind, _VERSION, sequence, len(payload), 0xFFFF, dictionary_hash)
    return header + struct.pack("<H", crc16_ccitt_false(payload, crc16_ccitt_false(header))) + payload


def parameters_payload(values: Mapping[str, int], dictionary: Dictionary) -> bytes:
    """Parameters by dictionary name.

    Raises:
        ValueError: a name that the dictionary does not have, or a value out of its range.
    """
    rows = dictionary.parameters_by_name
    parts = []
    for name, value in values.items():
        if name not in rows:
            raise ValueError(f"the dictionary has no parameter {name}")
        row = rows[name]
        if not row.min <= value <= row.max:
            raise ValueError(f"parameter {name} = {value} is outside {row.min}..{row.max}")
        parts.append((row.number, value))
    return b"".join(_PARAMETER.pack(number, value) for number, value in sorted(parts))


def calibration_payload(rows: Sequence[CalibrationRow]) -> bytes:
    """Calibration of the 16 channels in channel order."""
    if len(rows) != CHANNELS:
        raise ValueError(f"a calibration has {CHANNELS} rows, not {len(rows)}")
    return b"".join(_CALIBRATION.pack(CHANNEL_KINDS[kind] if isinstance(kind, str) else kind, 0, low, high) for kind, low, high in rows)


def build_nor(parameters: Mapping[str, int], calibration: Sequence[CalibrationRow] | None) -> Nor:
    """Memory of a board fresh from provisioning: one parameter record, one calibration record (None: the board file's stands)."""
    dictionary = load_dictionary()
    nor = Nor()
    payload = parameters_payload(parameters, dictionary)
    nor.write_record(PARAMETERS_SECTOR, build_record(KIND_PARAMETERS, 1, payload, dictionary.hash))
    if calibration is not None:
        payload = calibration_payload(calibration)
        nor.write_record(CALIBRATION_SECTOR, build_record(KIND_CALIBRATION, 1, payload, dictionary.hash))
    return nor
