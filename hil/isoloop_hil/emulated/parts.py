"""What stands between the two Picos of a rig: DACs, the shift ring, the supply switch, straps, and the wires that listen."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from isoloop.emulator.board import CHANNEL_COUNT, Board, Wiring
from isoloop.emulator.chip import Chip
from isoloop_hil.emulated.ad5696 import OUTPUTS, Ad5696, I2cBus

COUNT_MAX = 65520


class Parts:
    """Wires a rig's chip and a board's. Attach before either runs.

    The board's own registers (595 and 165 of the reference board) are `board`'s; here they only meet the rig's.

    Attributes:
        is_on: the board has supply.
        on_supply: called with True or False when that changes.
        broken: names of wires that are cut: `dac0` .. `dac3`, `ring`, `supply`, `tick`, `rx`.
    """

    def __init__(self, rig: Chip, pins: ModuleType, board_chip: Chip, board: Board, wiring: Wiring, uart: int) -> None:
        self.is_on = False
        self.on_supply: Any = lambda is_on: None
        self.broken: set[str] = set()
        self._board = board
        self._board_chip = board_chip
        self._rig = rig
        self._pins = pins
        self._gpio: Any = rig.mcu.gpio
        self._dacs = [Ad5696(address) for address in pins.DACS]
        self._bus = I2cBus(rig, pins.I2C, self._dacs, pins.I2C_HZ)
        self._gpio[pins.LDAC].add_listener(self._on_ldac)
        self._gpio[pins.POWER].add_listener(self._on_power)
        self._gpio[pins.LATCH].add_listener(self._on_latch)
        self._spi: Any = rig.mcu.spi[pins.SPI]
        self._spi.on_transmit = self._transfer
        self._word = 0
        self._done: Any = rig.mcu.clock.create_alarm(lambda: self._spi.complete_transmit(self._word))
        self._ring = 0  # 32 bits: the 165s above, the 595s below
        self._gpio[pins.STRAP].add_listener(lambda state, before: board.set_strap(is_low=state == 0))
        self._gpio[pins.BENCH_STRAP].add_listener(lambda state, before: board.set_bench_strap(is_low=state == 0))
        board_chip.mcu.gpio[wiring.latch].add_listener(lambda state, before: self._tell(pins.TICK, state != 0, "tick"))
        board_chip.mcu.gpio[wiring.enable].add_listener(lambda state, before: self._tell(pins.ENABLE, state != 0, "enable"))
        self._gpio[pins.TICK].set_input_value(True)
        self._gpio[pins.ENABLE].set_input_value(True)
        board_chip.uart[uart].on_byte = self._up
        rig.uart[pins.UART].on_byte = self._down
        self._board_uart = board_chip.uart[uart]
        self._show()

    @property
    def codes(self) -> list[int]:
        """At the sixteen outputs, in 65536ths of the board's 3V3."""
        return [code for dac in self._dacs for code in dac.codes]

    def _tell(self, gpio: int, level: bool, wire: str) -> None:
        if wire not in self.broken:
            self._gpio[gpio].set_input_value(level)

    def _up(self, byte: int) -> None:
        if self.is_on and "rx" not in self.broken:
            self._rig.uart[self._pins.UART].send(bytes((byte,)))

    def _down(self, byte: int) -> None:
        if self.is_on:
            self._board_uart.send(bytes((byte,)))

    def _on_power(self, state: int, before: int) -> None:
        is_on = state == 1 and "supply" not in self.broken
        if is_on == self.is_on:
            return
        self.is_on = is_on
        for i, dac in enumerate(self._dacs):
            dac.power(is_on and f"dac{i}" not in self.broken)
        if not is_on:
            self._tell(self._pins.TICK, True, "tick")
            self._tell(self._pins.ENABLE, True, "enable")
        self._show()
        self.on_supply(is_on)

    def _on_ldac(self, state: int, before: int) -> None:
        if state == 0:
            for dac in self._dacs:
                dac.load()
            self._show()

    def _show(self) -> None:
        """The board's inputs, and the rig's look at its supply."""
        self._rig.mcu.adc.channel_values[self._pins.SUPPLY - 26] = 2048 if self.is_on else 0
        for channel in range(CHANNEL_COUNT):
            # A converter of twelve bits that adds up sixteen noisy conversions sees finer than one of them.
            self._board.counts[channel] = min(self._dacs[channel // OUTPUTS].codes[channel % OUTPUTS], COUNT_MAX)

    def _transfer(self, sent: int) -> None:
        bits = self._spi.data_bits
        self._word = 0 if "ring" in self.broken else self._ring >> (32 - bits)
        self._ring = (self._ring << bits | sent) & 0xFFFFFFFF
        self._done.schedule(bits * 1e9 / self._spi.clock_frequency)

    def _on_latch(self, state: int, before: int) -> None:
        if state == 0:
            # The 595s that the board drives have no output enable of their own here: the rig looks at that line itself.
            drives = self._board.drive_word & 0x7FFF if self.is_on else 0
            self._ring = drives << 16 | self._ring & 0xFFFF
        elif state == 1 and before == 0:
            self._board.switches = self._ring & 0xFFFF
