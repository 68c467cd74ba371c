"""Sixteen voltages: four AD5696 whose supply and reference is the board's own 3V3, so that its converter and they agree.

Sixteen bits, not twelve: a count is the sum of sixteen conversions, and steps of a whole conversion on several channels at once are
what the firmware takes for a broken data path.
"""

import machine
from micropython import const

_OUTPUTS = const(4)
_WRITE_INPUT = const(0x10)  # command in the upper half, the output's bit in the lower; LDAC lets it through
_READ = const(0x00)


class Dacs:
    """Outputs 0..15, in counts: sums of 16 twelve-bit conversions, as the board reads them, are 65536ths of the reference."""

    def __init__(self, pins):
        pin = machine.Pin
        self._addresses = pins.DACS
        self._ldac = pin(pins.LDAC, pin.OUT, value=1)
        self._i2c = machine.I2C(pins.I2C, sda=pin(pins.I2C_SDA), scl=pin(pins.I2C_SCL), freq=pins.I2C_HZ)
        self._frame = bytearray(3)
        self._told = bytearray(2)

    def set(self, counts):
        """Show these counts, all at once. Raises OSError when a DAC does not answer."""
        self._ldac.value(1)
        frame = self._frame
        send = self._i2c.writeto
        channel = 0
        for address in self._addresses:
            for output in range(_OUTPUTS):
                count = counts[channel]
                frame[0] = _WRITE_INPUT | 1 << output
                frame[1] = count >> 8
                frame[2] = count & 0xFF
                send(address, frame)
                channel += 1
        self._ldac.value(0)

    def read_back(self, address):
        """What the four outputs of a DAC show, in counts."""
        shown = []
        for output in range(_OUTPUTS):
            self._i2c.writeto(address, bytes((_READ | 1 << output, 0, 0)), False)
            self._i2c.readfrom_into(address, self._told)
            shown.append(self._told[0] << 8 | self._told[1])
        return shown

    def missing(self):
        """Addresses that nobody answers at. Asked one by one: a scan would have to bend the bus by hand."""
        lost = []
        for address in self._addresses:
            try:
                self._i2c.readfrom(address, 2)
            except OSError:
                lost.append(address)
        return lost
