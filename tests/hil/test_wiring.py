"""The wiring page and drawing are those of the pin tables."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from isoloop_hil import wiring
from isoloop_hil.pins import rig_pins

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.req("REQ-HIL-006")
def test_wiring_page_and_drawing_are_fresh() -> None:
    assert (DOCS / "hil_wiring.md").read_text() == wiring.page(), "isoloop-rig wiring > docs/hil_wiring.md"
    assert (DOCS / "images" / "hil_wiring.svg").read_text() == wiring.drawing(), "isoloop-rig wiring --svg > docs/images/hil_wiring.svg"
    ElementTree.fromstring(wiring.drawing())


@pytest.mark.req("REQ-HIL-006")
def test_wiring_uses_each_pin_of_the_rig_once_and_every_channel_and_valve() -> None:
    pins = rig_pins()
    ends = [end.partition(" (")[0] for net in wiring.nets() for end in (net.start, net.end)]
    used = Counter(end for end in ends if end.startswith("RIG GP"))
    names = ("I2C_SDA", "I2C_SCL", "LDAC", "SPI_SCK", "SPI_MOSI", "SPI_MISO", "LATCH", "UART_TX", "UART_RX", "TICK", "ENABLE", "POWER")
    wanted = [f"RIG GP{getattr(pins, name)}" for name in (*names, "STRAP", "BENCH_STRAP", "SUPPLY")]
    assert used == Counter(wanted)
    assert sum(net.start.startswith("DAC") and " V" in net.start for net in wiring.nets()) == 16
    assert sum("drive `" in net.note for net in wiring.nets()) == 15
    assert sum("switch `" in net.note for net in wiring.nets()) == 14
