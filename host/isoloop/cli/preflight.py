"""Is there a target of that name, and does this host have what it needs? Asked before anything flies or is written."""

from __future__ import annotations


def check_target(name: str) -> None:
    """Open the target, ask what runs there, and close it.

    Raises:
        UsageError: no target has this name, or this host lacks what it needs.
        TargetError: it does not answer.
    """
    from isoloop.targets import open_target

    target = open_target(name)
    try:
        target.identity()
    finally:
        target.close()
