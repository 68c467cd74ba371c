"""Closed loop under flipped bits: none of them moves a valve that should not move, or keeps one from moving."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.bit_flips import FLIPS_A_FLIGHT, flight

FLIGHTS = 50
SHARD = 10


def fly_shard(first: int, last: int, folder: Path) -> dict[str, int]:
    """Fly flights; the counts of their outcomes. Fails with what was unsafe."""
    unsafe = {}
    total: dict[str, int] = {}
    for number in range(first, last):
        broken, counts = flight(number, folder / str(number))
        if broken:
            unsafe[number] = broken
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count
    assert unsafe == {}
    return total


@pytest.mark.req("REQ-MEM-003")
def test_hundreds_of_flipped_bits_are_put_right_and_none_is_unsafe(tmp_path: Path) -> None:
    total = fly_shard(0, 3, tmp_path)
    assert total["flips"] == 3 * FLIPS_A_FLIGHT
    assert total["corrected"] > 40  # it does hit what is voted


@pytest.mark.long
@pytest.mark.req("REQ-MEM-003")
@pytest.mark.parametrize("first", range(3, FLIGHTS, SHARD))
def test_ten_thousand_flipped_bits_are_never_unsafe(first: int, tmp_path: Path) -> None:
    fly_shard(first, min(FLIGHTS, first + SHARD), tmp_path)
