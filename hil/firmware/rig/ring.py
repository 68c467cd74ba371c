"""The shift registers: two 165 take the board's drives in, two 595 show it its position switches, in one ring."""

import machine
from micropython import const

_PATTERN = const(0xA53C)


class Ring:
    """One transfer moves 16 bits each way. The 595s' last output goes into the first 165, so the ring can test itself."""

    def __init__(self, pins):
        pin = machine.Pin
        self._latch = pin(pins.LATCH, pin.OUT, value=1)
        spi = machine.SPI(pins.SPI, baudrate=pins.SPI_HZ, sck=pin(pins.SPI_SCK), mosi=pin(pins.SPI_MOSI), miso=pin(pins.SPI_MISO))
        self._transfer = spi.write_readinto
        self._out = bytearray(2)
        self._in = bytearray(2)
        self.switches = 0

    def exchange(self, switches):
        """Show these switches and return the drives as they are now."""
        self.switches = switches
        self._latch.value(0)  # loads the 165s
        self._latch.value(1)
        drives = self._shift(switches)
        self._latch.value(0)
        self._latch.value(1)  # the 595s take over
        return drives

    def is_closed(self):
        """True when a pattern comes back after it has been through all four chips. Shows nothing of it."""
        self._shift(_PATTERN)
        self._shift(self.switches)
        closed = self._shift(self.switches) == _PATTERN
        self.exchange(self.switches)
        return closed

    def _shift(self, word):
        self._out[0] = word >> 8
        self._out[1] = word & 0xFF
        self._transfer(self._out, self._in)
        return self._in[0] << 8 | self._in[1]
