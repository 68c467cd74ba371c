"""The board that a map describes: its calibration record."""

from __future__ import annotations

from dataclasses import dataclass

from isoloop.errors import InputError
from isoloop.replay.units import convert
from isoloop.schema.map import ChannelMap, ReplayMap

CHANNEL_COUNT = 16
V_REF = 15

KIND_ABSENT, KIND_PRESSURE, KIND_TEMPERATURE, KIND_V_REF, KIND_FLOW = range(5)

Span = tuple[int, int]

_LIMITS: dict[int, Span] = {
    KIND_PRESSURE: (-1_000_000, 100_000_000),
    KIND_TEMPERATURE: (-273_150, 2_000_000),
    KIND_FLOW: (-10_000_000, 10_000_000),
}
"""What the firmware's integers carry: Pa, m-degC, uL/s."""


@dataclass(frozen=True)
class ChannelCalibration:
    """One row of the calibration record: kind, and the span in Pa, m-degC or uL/s."""

    kind: int
    lo: int
    hi: int


ABSENT = ChannelCalibration(KIND_ABSENT, 0, 0)


def board_calibration(replay_map: ReplayMap) -> tuple[ChannelCalibration, ...]:
    """The calibration record of the board that the map makes, 16 rows: what the map does not name is absent.

    The supply reference is always there: the sensors are ratiometric to it.

    Raises:
        InputError: a span that the firmware's integers cannot carry.
    """
    rows = [ABSENT] * CHANNEL_COUNT
    rows[V_REF] = ChannelCalibration(KIND_V_REF, 0, 0)
    for channel in replay_map.channels:
        if channel.index != V_REF:
            rows[channel.index] = _row(channel, replay_map.file)
    return tuple(rows)


def _row(channel: ChannelMap, file: str) -> ChannelCalibration:
    kind, span = _reference(channel.channel)
    if channel.span is not None:
        low, high = (convert(edge, channel.unit) for edge in channel.span)
        limit = _LIMITS[kind]
        if low < limit[0] or high > limit[1] or round(high) <= round(low):
            text = f"{list(channel.span)} {channel.unit} is no span that the firmware can carry"
            raise InputError(file, channel.line, f"channels.{channel.channel}.span", text)
        span = (round(low), round(high))
    return ChannelCalibration(kind, *span)


def _reference(channel: str) -> tuple[int, Span]:
    """Kind and span of the reference board's sensor. A flow meter has none there: the widest that the firmware takes, 600 L/min."""
    if channel == "flow":
        return KIND_FLOW, (0, _LIMITS[KIND_FLOW][1])
    if channel.startswith("t_"):
        return KIND_TEMPERATURE, (-90_000, 90_000)
    if channel == "p_pump":
        return KIND_PRESSURE, (0, 400_000)
    return KIND_PRESSURE, (0, 600_000) if channel.startswith("p_rad") else (0, 250_000)
