"""The fixture `target`, in a plugin of its own: labgrid has one of that name, and keeps it where a labgrid environment is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from isoloop.targets import Target


@pytest.fixture
def target(isoloop_target: Target) -> Target:
    """What runs the firmware: isoloop.targets.Target, open, its identity checked and in the junit report."""
    return isoloop_target
