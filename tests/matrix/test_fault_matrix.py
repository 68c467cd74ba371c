"""The fault matrix: a representative 60 in shards here, the rest by `make test-long`. What is unsafe stands in fakes.fault_matrix."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.fault_matrix import UNTOLD, matrix, unsafe

REPRESENTATIVE = 60
SHARD = 12
CASES = matrix()


def fly_shard(first: int, last: int, folder: Path) -> None:
    """Fly the cases of a range; fail with all that were unsafe, but for those that no measurement tells apart."""
    failed = {}
    for number in range(first, min(last, len(CASES))):
        case = CASES[number]
        broken, _ = unsafe(case, folder / str(number))
        if broken and case.name not in UNTOLD:
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


def test_fault_matrix_is_of_600_runs_and_more_with_pairs_and_every_leak() -> None:
    names = {case.name for case in CASES}
    assert len(names) == len(CASES) >= 600
    assert sum(case.name.split("/")[1].count("+") == 1 for case in CASES) >= 150
    assert {case.name.split("/")[0] for case in CASES[:REPRESENTATIVE]} == {case.name.split("/")[0] for case in CASES}


def test_fault_matrix_cases_that_cannot_be_told_apart_are_few_and_exist() -> None:
    assert len(UNTOLD) == 7
    assert set(UNTOLD) <= {case.name for case in CASES}
