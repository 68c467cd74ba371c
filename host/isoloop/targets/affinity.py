"""Host and firmware on one processor core: a lockstep tick costs 5 us there, and 50 us across two."""

from __future__ import annotations

import os
from pathlib import Path


class CorePin:
    """Pins the calling thread, and what it starts from now on, to one core until release(). Does nothing where there is no such call."""

    def __init__(self, core: int | None = None) -> None:
        self._before: set[int] | None = None
        if not hasattr(os, "sched_setaffinity"):
            return
        allowed = sorted(os.sched_getaffinity(0))
        if core is None:
            core = current_core()
        chosen = core if core in allowed else allowed[(core or 0) % len(allowed)]
        self._before = set(allowed)
        os.sched_setaffinity(0, {chosen})

    def release(self) -> None:
        """Give the thread its cores back. May be called twice."""
        if self._before is not None:
            os.sched_setaffinity(0, self._before)
            self._before = None


def current_core() -> int | None:
    """The core that this process runs on now; None where the system does not tell."""
    try:
        # proc(5): field 39 of stat, counted behind the command's closing parenthesis, where field 3 follows.
        return int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[36])
    except (OSError, ValueError, IndexError):
        return None
