"""The emulated DMA and the serial port that it feeds: what a reset leaves, and when the port asks for bytes."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rp2040py", reason="the emulator is not installed: pip install 'isoloop[pico]'")

from rp2040py.rp2040 import RP2040

from isoloop.emulator import quirks

UART_1 = 0x40038000
DATA, CONTROL, BAUD = 0x00, 0x30, 0x24
ENABLED = 0x301
DMA = 0x50000000
RAM = 0x20000000
FIFO_BYTES = 32
DREQ_UART_1_TX = 22
COUNT = 200


@pytest.fixture
def mcu() -> Any:
    chip = RP2040()
    quirks.apply(chip)
    quirks.pace_uart(chip, 1)
    chip.write_uint32(UART_1 + BAUD, 26)
    for i in range(COUNT):
        chip.write_uint8(RAM + i, i)
    return chip


def start(mcu: Any) -> None:
    """Channel 0: bytes from memory to the port, as fast as it asks."""
    control = 1 | 1 << 4 | DREQ_UART_1_TX << 15 | 1 << 21
    for at, value in ((0x00, RAM), (0x04, UART_1 + DATA), (0x08, COUNT), (0x0C, control)):
        mcu.write_uint32(DMA + at, value)


def is_busy(mcu: Any) -> bool:
    return bool(mcu.read_uint32(DMA + 0x0C) >> 24 & 1)


def run_for(mcu: Any, milliseconds: float) -> None:
    end_ns = mcu.clock.nanos + milliseconds * 1e6
    while mcu.clock.nanos < end_ns:
        mcu.clock.tick(min(10_000, end_ns - mcu.clock.nanos))


@pytest.mark.req("REQ-TGT-002")
def test_dma_feeds_the_port_at_its_pace_and_loses_nothing(mcu: Any) -> None:
    sent: list[int] = []
    mcu.uart[1].on_byte = sent.append
    mcu.write_uint32(UART_1 + CONTROL, ENABLED)
    start(mcu)
    run_for(mcu, 5)
    assert 50 < len(sent) < 62  # 115 200 baud
    # The port is set up again with its FIFO full: it must not ask for what it has no room for.
    mcu.write_uint32(UART_1 + CONTROL, ENABLED)
    run_for(mcu, 15)
    assert sent == list(range(COUNT))
    assert not is_busy(mcu)


@pytest.mark.req("REQ-TGT-002")
def test_reset_stops_a_transfer_for_good(mcu: Any) -> None:
    sent: list[int] = []
    mcu.uart[1].on_byte = sent.append
    mcu.write_uint32(UART_1 + CONTROL, ENABLED)
    start(mcu)
    run_for(mcu, 1)
    mcu.dma.reset()
    mcu.uart[1].reset()
    assert not is_busy(mcu)
    count = len(sent)
    mcu.write_uint32(UART_1 + CONTROL, ENABLED)
    mcu.write_uint32(DMA + 0x10, 1 | 1 << 4 | DREQ_UART_1_TX << 15 | 1 << 21)  # set up again, not triggered
    run_for(mcu, 5)
    assert len(sent) == count
    assert not is_busy(mcu)


@pytest.mark.req("REQ-TGT-002")
def test_port_that_is_off_asks_for_nothing(mcu: Any) -> None:
    start(mcu)
    run_for(mcu, 2)
    assert is_busy(mcu)
    assert mcu.read_uint32(DMA + 0x08) == COUNT
