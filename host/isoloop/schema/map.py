"""Log replay maps: which column of a recorded log is which channel of the board, in which unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from isoloop import paths
from isoloop.errors import InputError
from isoloop.schema.names import CHANNELS, FLOW_CHANNEL, TICK_DEFAULT_MS, TICKS_MS
from isoloop.schema.params import read_params
from isoloop.schema.toml_file import Table, TomlFile, did_you_mean

PRESSURE_UNITS = ("kPa", "bar", "mmHg", "psi", "kPa_g", "bar_g")
TEMPERATURE_UNITS = ("degC", "K")
FLOW_UNITS = ("L/min", "mL/s")
VOLTAGE_UNITS = ("V",)
TIME_UNITS = {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0}
"""Units of a time column, in seconds."""

STALE_DEFAULT_S = 5.0


@dataclass(frozen=True)
class ChannelMap:
    """One channel of the board and the column that feeds it.

    Attributes:
        channel: name of the channel.
        index: its number on the board; `flow` takes the slot of `p_cabin`.
        column: name of the CSV column.
        unit: of the column.
        span: sensor span [low, high] in `unit`; None means the reference board's.
        line: line in the map file.
    """

    channel: str
    index: int
    column: str
    unit: str
    span: tuple[float, float] | None
    line: int


@dataclass(frozen=True)
class ReplayMap:
    """A checked map.

    Attributes:
        name: the built-in name, or the file's name without `.toml`.
        file: where it came from, as the user named it.
        time_column: CSV column with the time.
        time_unit: a key of TIME_UNITS when that column is a number, else None.
        time_format: `datetime.strptime` format when it is a timestamp, else None.
        tick_ms: control cycle, milliseconds.
        stale_s: a channel without a new sample this long is stale, seconds.
        channels: in order of channel number.
        params: flight parameters for this rig, by dictionary name.
    """

    name: str
    file: str
    time_column: str
    time_unit: str | None
    time_format: str | None
    tick_ms: int
    stale_s: float
    channels: tuple[ChannelMap, ...]
    params: Mapping[str, int] = field(default_factory=dict)


def load_map(source: str | Path) -> ReplayMap:
    """The map of a TOML file or of a built-in name.

    Raises:
        InputError: no such map, or anything in the file that is not exactly right.
    """
    names = paths.builtin_names(paths.MAPS_DIR)
    if str(source) in names:
        return parse_map(TomlFile.read(paths.MAPS_DIR / f"{source}.toml", label=str(source)), str(source))
    path = Path(source)
    if path.suffix != ".toml" and path.name == str(source) and not path.exists():
        hint = did_you_mean(str(source), names)
        raise InputError(str(source), None, None, f"no such file and no built-in map{hint}; built in: {', '.join(names)}")
    return parse_map(TomlFile.read(path, label=str(source)), path.stem)


def parse_map(file: TomlFile, name: str) -> ReplayMap:
    """Check every key of a parsed map file.

    Raises:
        InputError: the first thing that is not right.
    """
    root = file.root()
    root.only(("time", "tick_ms", "stale_s", "channels", "params"))
    time = root.table("time")
    time.only(("column", "unit", "format"))
    if "unit" in time and "format" in time:
        time.fail("format", "a time column has a unit (a number) or a format (a timestamp), not both")
    return ReplayMap(
        name=name,
        file=file.label,
        time_column=time.text("column"),
        time_unit=None if "format" in time else time.choice("unit", list(TIME_UNITS), "time unit"),
        time_format=_time_format(time) if "format" in time else None,
        tick_ms=root.integer_choice("tick_ms", TICKS_MS) if "tick_ms" in root else TICK_DEFAULT_MS,
        stale_s=root.number("stale_s", 0, 86400, above_low=True) if "stale_s" in root else STALE_DEFAULT_S,
        channels=_channels(root.table("channels")),
        params=read_params(root.table("params")),
    )


def _time_format(time: Table) -> str:
    text = time.text("format")
    moment = datetime(2022, 12, 15, 0, 45, tzinfo=UTC)
    try:
        datetime.strptime(moment.strftime(text), text)
    except ValueError:
        time.fail("format", f"'{text}' is no strptime format: write one such as '%Y-%m-%d %H:%M:%S'")
    if "%" not in text:
        time.fail("format", f"'{text}' reads no time: write a strptime format such as '%Y-%m-%d %H:%M:%S'")
    return text


def _channels(table: Table) -> tuple[ChannelMap, ...]:
    table.only((*CHANNELS, FLOW_CHANNEL), "channel")
    if not table.data:
        table.fail("", "names no channel: at least one is needed")
    if FLOW_CHANNEL in table and "p_cabin" in table:
        table.fail(FLOW_CHANNEL, "takes the slot of p_cabin: a board has one or the other")
    return tuple(sorted((_channel(table, name) for name in table.data), key=lambda row: row.index))


def _channel(table: Table, name: str) -> ChannelMap:
    row = table.table(name)
    row.only(("column", "unit", "span"))
    return ChannelMap(
        channel=name,
        index=CHANNELS.index("p_cabin" if name == FLOW_CHANNEL else name),
        column=row.text("column"),
        unit=row.choice("unit", units_of(name), "unit"),
        span=row.span("span") if "span" in row else None,
        line=row.line or 1,
    )


def units_of(channel: str) -> tuple[str, ...]:
    """The units that a column for `channel` may have."""
    if channel == FLOW_CHANNEL:
        return FLOW_UNITS
    if channel == "v_ref":
        return VOLTAGE_UNITS
    return TEMPERATURE_UNITS if channel.startswith("t_") else PRESSURE_UNITS
