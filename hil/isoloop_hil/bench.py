"""The target of one pytest run: opened once, asked who it is, and remembered when it breaks."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from isoloop.errors import IsoloopError, TargetError

if TYPE_CHECKING:
    from isoloop.targets import Target

EMULATED = ("unix", "unix32", "pico")
PHYSICAL = ("serial", "rig")


class Bench:
    """The target of this pytest run, opened once, and what is known of it."""

    def __init__(self, config: pytest.Config) -> None:
        def setting(name: str) -> str:
            return str(config.getoption(f"isoloop_{name}") or config.getini(f"isoloop_{name}"))

        self.name = setting("target")
        self.kind = self.name.partition(":")[0]
        self.logs = Path(setting("logs"))
        self.timeout_s = float(setting("timeout"))
        self.identity = ""
        self.lab: Any = None  # labgrid's target, where its environment names ours
        self._wanted = (config.getoption("isoloop_image") or "").lower()
        self._target: Target | None = None
        self._why_broken = ""
        self._rounds: dict[str, list[bool]] = {}

    def target(self) -> Target:
        """It, open and known to be what is wanted; skips where it cannot be had, fails there in CI."""
        if self._why_broken:
            pytest.skip(self._why_broken)
        if self._target is None:
            try:
                self._target = self._open()
                identity = self._target.identity()
            except IsoloopError as error:
                self.close()
                self._why_broken = f"target {self.name} cannot be had: {error}"
                if os.environ.get("CI") == "true":
                    pytest.fail(self._why_broken, pytrace=False)
                pytest.skip(self._why_broken)
            self.identity = f"isoloop {identity.version}, {identity.micropython}, sha256 {identity.image_sha256}"
            if self._wanted and not (identity.image_sha256.startswith(self._wanted) or f"image {self._wanted[:8]}" in identity.micropython):
                self.close()
                self._why_broken = f"target {self.name} runs {self.identity}: not the image {self._wanted} that is to be judged"
                pytest.fail(self._why_broken, pytrace=False)
        return self._target

    def _open(self) -> Target:
        if self.lab is not None:
            from isoloop_hil.labgrid import LoopDriver

            opened: Target = self.lab.get_driver(LoopDriver).open()
            self.name, self.kind = opened.name, opened.name.partition(":")[0]
            return opened
        from isoloop.targets import open_target

        return open_target(self.name)

    def rest(self) -> None:
        """Between two tests: the board is off, the next test boots it from nothing."""
        if self._target is not None:
            try:
                self._target.stop()
                end: Callable[[], None] = getattr(self._target, "end", lambda: None)
                end()
            except TargetError as error:
                self.broke("the end of a test", error)

    def broke(self, where: str, error: TargetError) -> None:
        """It died: an emulated one is started anew, a real one has to be looked at first."""
        self.close()
        if self.kind in PHYSICAL and not self._why_broken:
            self._why_broken = f"target {self.name} broke in {where}: {error}"

    def note(self, name: str, passed: bool) -> None:
        """One round of a test."""
        self._rounds.setdefault(re.sub(r"-?\d+of\d+(?=\])|\d+of\d+-", "", name).replace("[]", ""), []).append(passed)

    def flakes(self) -> list[tuple[str, int, int]]:
        """Test, rounds passed, rounds; those that flake first."""
        rows = [(name, sum(rounds), len(rounds)) for name, rounds in self._rounds.items() if len(rounds) > 1]
        return sorted(rows, key=lambda row: (row[1] in (0, row[2]), row[0]))

    def folder(self, name: str) -> Path:
        """Of a test's log."""
        return self.logs / re.sub(r"[^\w.,=-]+", "_", name).strip("_")[:150]

    def close(self) -> None:
        """The target goes off."""
        if self._target is not None:
            self._target.close()
            self._target = None
