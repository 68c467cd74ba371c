"""The reference board around the chip: analogue multiplexer, valve drivers and position switches, output enable and strap.

What hangs on which pin is data (`Wiring`); the behaviour is that of the parts. The plant is somebody else's: write `counts` and `switches`,
read `drive_word`, step in a callback of `every()`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from isoloop.emulator.chip import Chip

CHANNEL_COUNT = 16
CONVERSIONS_PER_COUNT = 16
"""A count is the sum of so many twelve-bit conversions."""
ENABLE_BIT = 1 << 15
PUMP_BIT = 1 << 14
ONE_SHOT_S = 5.0
"""The hardware timer that ends any valve drive, however long the enable line is held."""

_BURST_GAP_NS = 1e6  # conversions further apart belong to two samples


@dataclass(frozen=True)
class Wiring:
    """GPIO numbers.

    Attributes:
        select: address lines of the multiplexer, S0 first.
        multiplexed: channel on each input of the multiplexer on GP26, from input 0; further inputs are open and read 0.
        direct: channel on each of the ADC's other inputs: GP27 and GP28.
        spi: number of the SPI block with the shift registers.
        latch: 74HC595 storage clock (takes over on the rising edge) and 74HC165 load (loads while low).
        enable: output enable of the 595s, active low and pulled high.
        strap: low at boot means maintenance; pulled high.
        bench_strap: low at boot means the bench; pulled high. None: not there.
    """

    select: tuple[int, int, int, int]
    spi: int
    latch: int
    enable: int
    strap: int
    multiplexed: tuple[int, ...] = (0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    direct: tuple[int, ...] = (1, 2)
    bench_strap: int | None = None

    @classmethod
    def of_board_file(cls, pins: Any) -> Wiring:
        """The wiring that a board file of the firmware names."""
        lines = (pins.MUX_SELECT, pins.SPI, pins.LATCH, pins.ENABLE, pins.STRAP)
        return cls(*lines, pins.MUX_CHANNELS, pins.DIRECT_CHANNELS, pins.BENCH_STRAP)


class Board:
    """The parts around one chip. Attach before the chip runs.

    Attributes:
        counts: what each channel reads, 0..65520; any 16 successive conversions of a channel add up to it.
        switches: the switch word on the 165s.
        sampled: what the chip has got of each channel: the sum of its last 16 conversions.
        conversions: converted since the last reset; a sample is 16 a channel.
        shifted_in: the switch word that the chip has read last.
        on_sample: called when a conversion begins that none has come before for a millisecond; `counts` written now still count.
    """

    def __init__(self, chip: Chip, wiring: Wiring) -> None:
        self.counts = array("H", bytes(2 * CHANNEL_COUNT))
        self.switches = 0
        self.sampled = array("H", bytes(2 * CHANNEL_COUNT))
        self.conversions = 0
        self.shifted_in = 0
        self.on_sample: Callable[[], None] = lambda: None
        self._converted_ns = -_BURST_GAP_NS
        self._sums = [0] * CHANNEL_COUNT
        self._input = 0
        self._chip = chip
        self._wiring = wiring
        self._gpio: Any = chip.mcu.gpio
        self._conversions = [0] * CHANNEL_COUNT
        self._shift_out = 0  # 595 shift stages: what the chip has sent, most significant bit first
        self._shift_in = 0  # 165 stages: what it will read
        self._is_loaded = False  # the 165s hold a word of which nothing has been read
        self._latched = 0
        self._is_enabled = False
        self._one_shot: Any = chip.mcu.clock.create_alarm(self._end_drive)
        self._spi: Any = chip.mcu.spi[wiring.spi]
        self._spi.on_transmit = self._transfer
        self._spi_word = 0
        self._spi_done: Any = chip.mcu.clock.create_alarm(lambda: self._spi.complete_transmit(self._spi_word))
        self._conversion: Any = chip.mcu.clock.create_alarm(self._converted)
        chip.mcu.adc.on_adc_read = self._convert
        chip.on_reset.append(self._reset)
        self._gpio[wiring.latch].add_listener(self._on_latch)
        self._gpio[wiring.enable].add_listener(self._on_enable)
        self._gpio[wiring.strap].set_input_value(True)
        if wiring.bench_strap is not None:
            self._gpio[wiring.bench_strap].set_input_value(True)

    @property
    def drive_word(self) -> int:
        """The drives as the valves see them: latched bits, and bit 15 while the 595s' outputs are on."""
        return (self._latched & ~ENABLE_BIT) | (ENABLE_BIT if self._is_enabled else 0)

    def set_strap(self, *, is_low: bool) -> None:
        """Close or open the maintenance strap."""
        self._gpio[self._wiring.strap].set_input_value(not is_low)

    def set_bench_strap(self, *, is_low: bool) -> None:
        """Close or open the bench strap."""
        assert self._wiring.bench_strap is not None
        self._gpio[self._wiring.bench_strap].set_input_value(not is_low)

    def every(self, period_s: float, callback: Callable[[], None]) -> None:
        """Call back once a period of emulated time, from one period after now, until the chip is thrown away."""
        clock = self._chip.mcu.clock
        start_ns = clock.nanos
        number = 0

        def due() -> None:
            nonlocal number
            number += 1
            # From the start, not from the last call: periods of 1/3 s do not drift.
            alarm.schedule(start_ns + (number + 1) * period_s * 1e9 - clock.nanos)
            callback()

        alarm = clock.create_alarm(due)
        alarm.schedule(period_s * 1e9)

    def _reset(self) -> None:
        self._conversion.cancel()
        self._conversions = [0] * CHANNEL_COUNT
        self._sums = [0] * CHANNEL_COUNT
        self.conversions = 0

    def _convert(self, adc_input: int) -> None:
        now_ns = self._chip.mcu.clock.nanos
        is_first = now_ns - self._converted_ns > _BURST_GAP_NS
        self._converted_ns = now_ns
        self._input = adc_input
        self._conversion.schedule(self._chip.mcu.adc.sample_time * 1000)
        if is_first:
            self.on_sample()

    def _converted(self) -> None:
        channel = self._channel_at(self._input)
        value = 0
        if channel is not None:
            step = self._conversions[channel]
            count = self.counts[channel]
            value = count * (step + 1) // CONVERSIONS_PER_COUNT - count * step // CONVERSIONS_PER_COUNT
            self._sums[channel] += value
            step += 1
            if step == CONVERSIONS_PER_COUNT:
                self.sampled[channel] = self._sums[channel]
                self._sums[channel] = 0
                step = 0
            self._conversions[channel] = step
            self.conversions += 1
        self._chip.mcu.adc.complete_adc_read(value, False)

    def _channel_at(self, adc_input: int) -> int | None:
        if adc_input > 0:
            return self._wiring.direct[adc_input - 1] if adc_input <= len(self._wiring.direct) else None
        address = sum(1 << bit for bit, gpio in enumerate(self._wiring.select) if self._is_high(gpio))
        multiplexed = self._wiring.multiplexed
        return multiplexed[address] if address < len(multiplexed) else None

    def _is_high(self, gpio: int) -> bool:
        return int(self._gpio[gpio].value) == 1

    def _transfer(self, sent: int) -> None:
        """One SPI word: the 595s shift it in while the 165s shift theirs out."""
        bits = self._spi.data_bits
        if self._is_loaded:
            self._is_loaded = False
            self.shifted_in = self._shift_in
        self._spi_word = self._shift_in >> (16 - bits)
        self._shift_in = self._shift_in << bits & 0xFFFF
        self._shift_out = (self._shift_out << bits | sent) & 0xFFFF
        self._spi_done.schedule(bits * 1e9 / self._spi.clock_frequency)

    def _on_latch(self, state: int, before: int) -> None:
        if state == 0:
            self._shift_in = self.switches
            self._is_loaded = True
        elif state == 1 and before == 0:
            self._latched = self._shift_out

    def _on_enable(self, state: int, before: int) -> None:
        # Driven low is on; high, or an input in reset that the pull-up decides, is off.
        if state == 0 and not self._is_enabled:
            self._is_enabled = True
            self._one_shot.schedule(ONE_SHOT_S * 1e9)
        elif state != 0:
            self._end_drive()

    def _end_drive(self) -> None:
        self._is_enabled = False
        self._one_shot.cancel()
