"""Fixtures that every test may use: the command line, built files, and the recorded logs that live outside the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parents[1]
SKAB_DIR_DEFAULT = REPOSITORY.parent / "shared" / "data" / "skab"

# Two shared cores: time says nothing about an example. Derandomised, so that a commit that passes once passes always.
settings.register_profile("fixed", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

Isoloop = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def skab_dir() -> Path:
    """Folder of the SKAB logs; ISOLOOP_SKAB_DIR names another one."""
    folder = Path(os.environ.get("ISOLOOP_SKAB_DIR", SKAB_DIR_DEFAULT))
    if not (folder / "anomaly-free.csv").is_file():
        pytest.skip(f"no recorded logs in {folder}: point ISOLOOP_SKAB_DIR at the SKAB logs")
    return folder


@pytest.fixture
def isoloop(tmp_path: Path) -> Isoloop:
    """Runs the `isoloop` command as a process of its own, in an empty folder."""

    def call(*arguments: object, cwd: Path = tmp_path, timeout_s: float = 100.0, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "isoloop", *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    return call
