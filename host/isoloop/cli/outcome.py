"""How one run ended, and the exit code of many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from isoloop.cli.request import Job
from isoloop.errors import EXIT_EXPECTATION, EXIT_INPUT, EXIT_OK, EXIT_TARGET, IsoloopError


@dataclass(frozen=True)
class Outcome:
    """One run that is over.

    Attributes:
        job: which.
        summary: its `summary.json`, as far as it goes when the flight broke off; None when there is not even that.
        error: what broke it off.
        wall_s: how long it took.
        interrupted: Ctrl-C ended it; what was recorded is in its folder.
    """

    job: Job
    summary: dict[str, Any] | None
    error: IsoloopError | None
    wall_s: float
    interrupted: bool = False

    @property
    def code(self) -> int:
        """Exit code of this run alone."""
        if self.error is not None:
            return self.error.exit_code
        return EXIT_OK if self.summary is not None and self.summary["ok"] else EXIT_EXPECTATION


def exit_code(codes: Iterable[int]) -> int:
    """One exit code for several: bad input before target trouble before a missed expectation."""
    present = set(codes)
    return next((code for code in (EXIT_INPUT, EXIT_TARGET, EXIT_EXPECTATION) if code in present), EXIT_OK)
