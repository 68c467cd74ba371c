"""The fault matrix: a representative 60 in shards here, the rest by `make test-long`. What counts as unsafe stands in fakes.fault_matrix.

KNOWN holds the cases that are not safe yet, by name and with the reason; docs/fault_matrix.md repeats them. It only shrinks.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.fault_matrix import KNOWN, matrix, unsafe

REPRESENTATIVE = 60
SHARD = 12
CASES = matrix()


def fly_shard(first: int, last: int, folder: Path) -> None:
    """Fly the cases of a range; fail with all that were unsafe."""
    failed = {}
    for number in range(first, min(last, len(CASES))):
        case = CASES[number]
        if case.name in KNOWN:
            continue
        broken, _ = unsafe(case, folder / str(number))
        if broken:
            failed[f"{case.name} (seed {case.seed}, {case.temp_c} degC)"] = broken
    assert failed == {}


@pytest.mark.req("REQ-LOC-009")
@pytest.mark.parametrize("first", range(0, REPRESENTATIVE, SHARD))
def test_fault_matrix_representative_part_is_safe(first: int, tmp_path: Path) -> None:
    fly_shard(first, first + SHARD, tmp_path)


@pytest.mark.long
@pytest.mark.req("REQ-LOC-009")
@pytest.mark.parametrize("first", range(REPRESENTATIVE, len(CASES), 3 * SHARD))
def test_fault_matrix_is_safe(first: int, tmp_path: Path) -> None:
    fly_shard(first, first + 3 * SHARD, tmp_path)


def test_fault_matrix_known_cases_exist() -> None:
    assert set(KNOWN) <= {case.name for case in CASES}
