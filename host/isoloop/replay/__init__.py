"""Recorded logs, fed open loop through the firmware (docs/replay.md)."""

from isoloop.replay.fly import replay
from isoloop.replay.log import RecordedLog, load_log

__all__ = ["RecordedLog", "load_log", "replay"]
