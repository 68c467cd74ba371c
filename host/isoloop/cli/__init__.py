"""The `isoloop` command."""

from isoloop.cli.app import main

__all__ = ["main"]
