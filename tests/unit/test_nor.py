"""The memory behind the bridge behaves as NOR flash does."""

import pytest

from isoloop.targets.nor import PAGE_SIZE, SECTOR_SIZE, SECTORS, Nor, NorError


def test_programming_only_clears_bits_and_erasing_sets_them() -> None:
    nor = Nor()
    nor.program(4, 15, bytes([0b1100]) * PAGE_SIZE)
    nor.program(4, 15, bytes([0b1010]) * PAGE_SIZE)
    assert nor.read(4, 15) == bytes([0b1000]) * PAGE_SIZE
    assert nor.read(4, 14) == nor.read(5, 0) == b"\xff" * PAGE_SIZE
    nor.erase(4)
    assert nor.read(4, 15) == b"\xff" * PAGE_SIZE
    assert nor.erase_counts[4] == 1


@pytest.mark.parametrize(("sector", "page"), [(SECTORS, 0), (-1, 0), (0, 16), (0, -1)])
def test_pages_that_are_not_there_are_refused(sector: int, page: int) -> None:
    with pytest.raises(NorError, match="there is no page"):
        Nor().read(sector, page)


def test_only_whole_pages_are_programmed() -> None:
    with pytest.raises(NorError, match="256 bytes, not 3"):
        Nor().program(0, 0, b"\0\0\0")


def test_image_is_kept_and_must_be_whole() -> None:
    image = bytes(SECTOR_SIZE * SECTORS)
    assert Nor(image).data == image
    with pytest.raises(ValueError, match="65536 bytes, not 1"):
        Nor(b"\0")
    with pytest.raises(ValueError, match="4096 bytes"):
        Nor().write_record(0, bytes(SECTOR_SIZE + 1))
