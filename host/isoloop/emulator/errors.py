"""What goes wrong with the emulated chip."""

from __future__ import annotations

from isoloop.errors import TargetError


class EmulatorError(TargetError):
    """The emulator is missing, or the emulated chip hung, or the code on it failed (exit 3).

    `traceback` holds what the chip printed, "" when nothing.
    """
