"""A quad 16-bit DAC on an I2C bus, as far as a rig uses it: writes of input registers, read-back, LDAC (Analog Devices AD5696)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

OUTPUTS = 4
_FRAME_BYTES = 3  # command and address, then 16 bits
_NOTHING, _WRITE_INPUT = 0, 1


class Ad5696:
    """One part.

    Attributes:
        address: seven bits.
        is_powered: without supply it answers to nothing and forgets.
        codes: at the outputs, in 65536ths of the reference.
    """

    def __init__(self, address: int) -> None:
        self.address = address
        self.is_powered = False
        self.codes = [0] * OUTPUTS
        self._inputs = [0] * OUTPUTS
        self._frame = bytearray()
        self._told = b""

    def power(self, is_on: bool) -> None:
        """Supply comes or goes: outputs at zero either way (RSTSEL low)."""
        self.is_powered = is_on
        self._inputs = [0] * OUTPUTS
        self.codes = [0] * OUTPUTS

    def begin(self, is_read: bool) -> None:
        """Addressed."""
        if not is_read:
            self._frame.clear()

    def write(self, byte: int) -> bool:
        """One byte; True is an acknowledge."""
        if len(self._frame) == _FRAME_BYTES:
            return False
        self._frame.append(byte)
        if len(self._frame) < _FRAME_BYTES:
            return True
        command, which = self._frame[0] >> 4, self._frame[0] & 0xF
        named = [output for output in range(OUTPUTS) if which >> output & 1]
        if command == _WRITE_INPUT:
            for output in named:
                self._inputs[output] = self._frame[1] << 8 | self._frame[2]
        elif command == _NOTHING and len(named) == 1:
            self._told = self.codes[named[0]].to_bytes(2, "big")
        else:
            return False  # no other command is used here, and a wrong one must show
        return True

    def read(self) -> int:
        """The next byte of the register that was asked for."""
        byte, self._told = (self._told or b"\xff")[0], self._told[1:]
        return byte

    def load(self) -> None:
        """LDAC falls: the outputs become what the input registers say."""
        if self.is_powered:
            self.codes = list(self._inputs)


class I2cBus:
    """The bus of one chip with the DACs on it; bytes take the time of the bus."""

    def __init__(self, chip: Any, number: int, dacs: list[Ad5696], hz: int) -> None:
        self._dacs = {dac.address: dac for dac in dacs}
        self._i2c: Any = chip.mcu.i2c[number]
        self._talks_to: Ad5696 | None = None
        self._byte_ns = 9e9 / hz
        self._then: Callable[[], object] = lambda: None
        self._alarm: Any = chip.mcu.clock.create_alarm(lambda: self._then())
        self._i2c.on_connect = self._connect
        self._i2c.on_write_byte = self._write
        self._i2c.on_read_byte = self._read

    def _connect(self, address: int, mode: Any) -> None:
        dac = self._dacs.get(address)
        self._talks_to = dac if dac is not None and dac.is_powered else None
        if self._talks_to is not None:
            self._talks_to.begin(int(mode) == 1)
        is_there = self._talks_to is not None
        self._after_a_byte(lambda: self._i2c.complete_connect(is_there))

    def _write(self, byte: int) -> None:
        ack = self._talks_to is not None and self._talks_to.write(byte)
        self._after_a_byte(lambda: self._i2c.complete_write(ack))

    def _read(self, _ack: bool) -> None:
        byte = 0xFF if self._talks_to is None else self._talks_to.read()
        self._after_a_byte(lambda: self._i2c.complete_read(byte))

    def _after_a_byte(self, then: Callable[[], object]) -> None:
        self._then = then
        self._alarm.schedule(self._byte_ns)
