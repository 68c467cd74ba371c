"""The `isoloop` command: parses, flies, prints, and ends with the exit codes that scripts rely on."""

from isoloop.cli.app import main

__all__ = ["main"]
