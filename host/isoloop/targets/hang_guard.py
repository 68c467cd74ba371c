"""Kills a process that does not answer, without a system call in the exchange itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class HangGuard:
    """Watches a counter of exchanges from its own thread.

    The owner sets .waiting before it blocks and counts .exchanges up after; when one wait lasts `limit_s` of wall time, `on_hang`
    is called once, and .has_fired is true. Time that the owner spends elsewhere does not count.
    """

    def __init__(self, limit_s: float, on_hang: Callable[[], None]) -> None:
        self.waiting = False
        self.exchanges = 0
        self.has_fired = False
        self._limit_s = limit_s
        self._on_hang = on_hang
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="isoloop-hang-guard", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the watch."""
        self._stop.set()

    def _watch(self) -> None:
        seen = -1
        since_s = 0.0
        while not self._stop.wait(self._limit_s / 4):
            if not self.waiting or self.exchanges != seen:
                seen = self.exchanges if self.waiting else -1
                since_s = time.monotonic()
            elif time.monotonic() - since_s >= self._limit_s:
                self.has_fired = True
                self._on_hang()
                return
