"""Targets: something that runs the firmware and has pins. A string names one; scenarios do not know which they got."""

from isoloop.targets.base import Identity, Target, TickAnswer, open_target
from isoloop.targets.nor import ERASE_MS, Nor

__all__ = ["ERASE_MS", "Identity", "Nor", "Target", "TickAnswer", "open_target"]
