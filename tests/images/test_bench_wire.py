"""What the wire costs the board, counted on the chip."""

from pathlib import Path

import pytest

from isoloop.bench import wire_cost


@pytest.mark.req("REQ-LNK-012")
@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_housekeeping_packet_and_the_longest_telecommand_cost_less_than_a_twentieth_of_the_tick(pico_uf2: Path) -> None:
    cost = wire_cost.measure(pico_uf2)
    assert 20_000 < cost.encode < wire_cost.SHARE_MAX * wire_cost.TICK_CYCLES
    assert 20_000 < cost.decode < wire_cost.SHARE_MAX * wire_cost.TICK_CYCLES
    assert cost.encode + cost.decode < wire_cost.SHARE_MAX * wire_cost.TICK_CYCLES
    assert cost.encoding["report"] > cost.encoding["pack"] + cost.encoding["error control"] + cost.encoding["stuffing"]
    assert sum(cost.short.values()) < cost.decode
    # A tick with a telecommand, its answers, its mark and even the collection is over before the next one begins.
    assert cost.tick_quiet < cost.tick_command < cost.tick_collecting < wire_cost.TICK_CYCLES
