"""Putting isoloop on a board, and proving what runs there (docs/flash.md)."""

from isoloop.flash.install import Installed, Options, flash

__all__ = ["Installed", "Options", "flash"]
