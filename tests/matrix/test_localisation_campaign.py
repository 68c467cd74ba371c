"""Random leaks of 0.3 to 3 mm over segments, temperatures, pump states and orbit phases: at least 99 % named right, none wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.localisation_campaign import LEAKS, RIGHT, WRONG, fly_all

SHARD = 75


@pytest.mark.long
@pytest.mark.req("REQ-LOC-001")
@pytest.mark.parametrize("first", range(0, LEAKS, SHARD))
def test_localisation_names_random_leaks(first: int, tmp_path: Path) -> None:
    told = fly_all(range(first, first + SHARD), tmp_path)
    assert [row for row in told if row[0] == WRONG] == []
    not_right = [row for row in told if row[0] != RIGHT]
    assert len(not_right) <= SHARD // 75, not_right
