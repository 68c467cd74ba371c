"""What really happened in the plant over a run, as the summary needs it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isoloop.schema.names import SEGMENTS

Truth = Sequence[float] | npt.NDArray[np.float64]

SHUT_RATIO = 1e-3
"""A valve that passes less than this share of its opening is shut."""
OPEN_RATIO = 0.99


@dataclass(frozen=True)
class Leak:
    """One hole of the scenario; the onset of a ramp is its start."""

    onset_s: float
    segment: str
    hole_mm: float


class TruthRecord:
    """Watches the plant's truth while it flies.

    Attributes:
        leaks: the scenario's holes, first onset first.
        isolated_ms: first time both valves of every segment holed so far are shut and confirmed by their switches; None until then.
        lost_before_isolation_ml: lost until then, or until now.
        closed: segments that have been out of service.
    """

    def __init__(self, names: Sequence[str], leaks: Iterable[Leak]) -> None:
        """
        Args:
            names: of the truth's values, in order.
            leaks: holes of the scenario.
        """
        self.leaks = sorted(leaks, key=lambda leak: leak.onset_s)
        self.isolated_ms: int | None = None
        self.closed: set[str] = set()
        self._index = {name: index for index, name in enumerate(names)}
        self._inventory_ml: float | None = None
        self._lost_at_isolation_ml: float | None = None
        self._pairs = [(self._index[f"valve_{segment}_in_ratio"], self._index[f"valve_{segment}_out_ratio"]) for segment in SEGMENTS]

    def begin(self, truth: Sequence[float]) -> None:
        """The state before the first tick."""
        self._inventory_ml = float(truth[self._index["inventory_total_ml"]])

    def watch(self, time_ms: int, truth: Truth, switches: int) -> None:
        """Look at the valves after a tick. Needed while a hole is open or isolation has acted; cheap, but not free."""
        if self.isolated_ms is not None and len(self.closed) == len(SEGMENTS):
            return  # all is known
        for number, (inlet, outlet) in enumerate(self._pairs):
            if truth[inlet] < SHUT_RATIO or truth[outlet] < SHUT_RATIO:
                self.closed.add(SEGMENTS[number])
        if self.isolated_ms is None and self._is_isolated(time_ms, truth, switches):
            self.isolated_ms = time_ms
            self._lost_at_isolation_ml = float(truth[self._index["lost_total_ml"]])

    def value(self, truth: Sequence[float], name: str) -> float:
        """One value of the truth."""
        return float(truth[self._index[name]])

    def lost_ml(self, truth: Sequence[float]) -> float:
        """Coolant that has left the loop, outwards or into the cabin."""
        return self.value(truth, "lost_total_ml")

    def lost_before_isolation_ml(self, truth: Sequence[float]) -> float:
        """Lost until every holed segment was isolated, or until now."""
        return self.lost_ml(truth) if self._lost_at_isolation_ml is None else self._lost_at_isolation_ml

    def lost_pct(self, truth: Sequence[float]) -> float:
        """Lost, of the inventory at the start."""
        return 100 * self.lost_ml(truth) / self._inventory_ml if self._inventory_ml else 0.0

    def reopened(self, truth: Sequence[float], commanded: set[str]) -> list[str]:
        """Of the segments that isolation was commanded to close and that were closed, those in service now."""
        return [
            segment
            for segment, (inlet, outlet) in zip(SEGMENTS, self._pairs, strict=True)
            if segment in commanded and segment in self.closed and truth[inlet] > OPEN_RATIO and truth[outlet] > OPEN_RATIO
        ]

    def _is_isolated(self, time_ms: int, truth: Truth, switches: int) -> bool:
        holed = {leak.segment for leak in self.leaks if leak.onset_s * 1000 <= time_ms}
        if not holed or not holed <= set(SEGMENTS):
            return False  # a hole into the cabin lies where no valve shuts it off
        for number, segment in enumerate(SEGMENTS):
            if segment not in holed:
                continue
            confirmed = all(switches >> 2 * valve & 3 == 2 for valve in (2 * number, 2 * number + 1))
            if not confirmed or any(truth[index] >= SHUT_RATIO for index in self._pairs[number]):
                return False
        return True


