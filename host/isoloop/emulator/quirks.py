"""Every known fault of the emulator (rp2040py 0.3.6) that concerns us, put right here and nowhere else; the firmware knows none of them.

Private API, so the version is pinned in the `pico` extra, and `check_version()` says so when another one is installed.
"""

from __future__ import annotations

from array import array
from collections import deque
from importlib.metadata import version
from typing import Any

import numpy as np
from rp2040py.peripherals.dma import RPDMAChannel
from rp2040py.peripherals.ssi import CMD_BLOCK_ERASE, CMD_PAGE_PROGRAM, CMD_READ_STATUS_1, CMD_SECTOR_ERASE, RPSSI
from rp2040py.peripherals.uart import RPUART, TXFE, UARTCR, UARTDR, UARTTXINTR
from rp2040py.sio import RPSIO
from rp2040py.utils.logging import ConsoleLogger, LogLevel

from isoloop.emulator import divider
from isoloop.emulator.errors import EmulatorError
from isoloop.targets.nor import ERASE_MS, PAGE_SIZE

PAGE_PROGRAM_MS = 0.4
BLOCK_ERASE_MS = 150
"""Typical times of the Pico's W25Q16JV flash, as ERASE_MS."""

_STATUS_BUSY = 1
_PROGRAM_HEAD = 4  # command and address
_TX_FULL = 1 << 5
_TX_BUSY = 1 << 3
_FIFO_BYTES = 32
_UARTIFLS = 0x34
_LEVELS_AT_RESET = 0x12
_TX_THRESHOLDS_BYTES = (4, 8, 16, 24, 28)
_BITS_PER_BYTE = 10

RP2040PY_VERSION = "0.3.6"


def check_version() -> None:
    """Refuse another release than the one these corrections were written for."""
    installed = version("rp2040py")
    if installed != RP2040PY_VERSION:
        raise EmulatorError(f"rp2040py {installed} is installed, {RP2040PY_VERSION} is needed: pip install 'isoloop[pico]'")


class _Uart(RPUART):
    """The UART with a transmit interrupt that can be cleared.

    The original sets the transmit flag again in every check, so that it never clears and the first `machine.UART()` spins in its
    interrupt handler for ever. On silicon the flag rises when the transmit FIFO drains below its threshold. Here a byte leaves the moment
    it is written, so that is after every write.
    """

    def check_interrupts(self) -> None:
        self.rp2040.set_interrupt(self.irq, bool(self._interrupt_status & self._interrupt_mask))

    def write_uint32(self, offset: int, value: int) -> None:
        super().write_uint32(offset, value)
        if offset == UARTDR:
            self._interrupt_status |= UARTTXINTR
            self.check_interrupts()


class _Sio(RPSIO):
    """The hardware divider in whole numbers, without its double charge, where the compiled processor finds it.

    The original adds 8 cycles to the count, not to the clock, at each operand written: 16 a division. On silicon the divider runs beside
    the core and the code waits by executing instructions, which are counted already. It also divides floating-point numbers, which
    are not exact, and answers 0 as divisor by the unsigned dividend alone.
    """

    divider: array[int]
    """Operands, results and status. Compiled code holds its address, so it is never replaced."""

    def reset(self) -> None:
        super().reset()
        self.divider[:] = divider.at_reset()

    def read_uint32(self, offset: int) -> int | float:
        if not divider.OFFSET <= offset < divider.OFFSET_END:
            return super().read_uint32(offset)
        return int(divider.read(np.frombuffer(self.divider, np.int64), (offset - divider.OFFSET) >> 2))

    def write_uint32(self, offset: int, value: int) -> None:
        if not divider.OFFSET <= offset < divider.OFFSET_END:
            super().write_uint32(offset, value)
        else:
            divider.write(np.frombuffer(self.divider, np.int64), (offset - divider.OFFSET) >> 2, value & 0xFFFFFFFF)


class _Flash(RPSSI):
    """The flash chip behind its controller, with the time that its work takes.

    The original has erased a sector before the next command comes. On silicon the status register says busy meanwhile, and MicroPython's
    boot ROM routine waits for it with interrupts off. Programming past the end of a page goes on at the page's beginning.
    """

    busy_until_ns = 0.0
    busy_ns = 0.0  # of all commands so far
    time_ratio = 1.0

    def _shift_byte(self, byte_out: int) -> int:
        answer = int(super()._shift_byte(byte_out))
        if self._tx_buffer[0] == CMD_READ_STATUS_1 and self.rp2040.clock.nanos < self.busy_until_ns:
            answer |= _STATUS_BUSY
        return answer

    def _apply_command(self) -> None:
        command = bytes(self._tx_buffer)
        enabled = self._write_enabled
        if enabled and command[:1] == bytes((CMD_PAGE_PROGRAM,)) and len(command) > _PROGRAM_HEAD:
            self._program(int.from_bytes(command[1:_PROGRAM_HEAD], "big"), command[_PROGRAM_HEAD:])
            self._write_enabled = False
            self._tx_buffer = bytearray()
            self._be_busy(PAGE_PROGRAM_MS)
            return
        super()._apply_command()
        if enabled and command[:1] in (bytes((CMD_SECTOR_ERASE,)), bytes((CMD_BLOCK_ERASE,))):
            self._be_busy(ERASE_MS if command[0] == CMD_SECTOR_ERASE else BLOCK_ERASE_MS)

    def _program(self, address: int, data: bytes) -> None:
        flash = self.rp2040.flash
        page = address // PAGE_SIZE * PAGE_SIZE
        for i, byte in enumerate(data):
            flash[page + (address + i) % PAGE_SIZE] &= byte

    def _be_busy(self, milliseconds: float) -> None:
        spent_ns = milliseconds * 1e6 * self.time_ratio
        self.busy_until_ns = self.rp2040.clock.nanos + spent_ns
        self.busy_ns += spent_ns


class _DmaChannel(RPDMAChannel):
    """A channel that a reset stops. The original's stays busy and goes on with its old transfer once it is set up again."""

    def reset(self) -> None:
        self.abort()
        self._ctrl = 0
        self._trans_count = 0
        super().reset()


class _PacedUart(_Uart):
    """A UART whose bytes leave at the line's pace, out of a transmit FIFO of 32, as `pace_uart()` makes of one.

    The transmit flag rises when the FIFO drains to the threshold of the register for it (RP2040 datasheet 4.2.8, UARTIFLS): half, at reset.
    The DMA is asked for a byte while the FIFO has room.
    """

    def pace(self) -> None:
        """Attach the FIFO."""
        self._levels = _LEVELS_AT_RESET
        self._sending: deque[int] = deque()
        self._sent: Any = self.rp2040.clock.create_alarm(self._shift_out)

    def reset(self) -> None:
        super().reset()
        self._levels = _LEVELS_AT_RESET
        self._sending.clear()
        self._sent.cancel()
        self.rp2040.dma.clear_dreq(self.dreq.tx)  # until it is enabled

    @property
    def flags(self) -> int:
        waiting = len(self._sending)
        full = _TX_FULL if waiting >= _FIFO_BYTES else 0
        return (int(super().flags) & ~TXFE) | (_TX_BUSY if waiting else TXFE) | full

    def read_uint32(self, offset: int) -> int:
        return self._levels if offset == _UARTIFLS else int(super().read_uint32(offset))

    def write_uint32(self, offset: int, value: int) -> None:
        if offset == _UARTIFLS:
            self._levels = value & 0x3F
        elif offset == UARTCR:
            self._ctrl_register = value
            self._ask()
        elif offset != UARTDR:
            RPUART.write_uint32(self, offset, value)
        elif len(self._sending) < _FIFO_BYTES:  # what does not fit is lost, as on silicon
            self._sending.append(value & 0xFF)
            if len(self._sending) == 1:
                self._schedule()
            self._ask()

    def _ask(self) -> None:
        ask = self.rp2040.dma.set_dreq if self.enabled and len(self._sending) < _FIFO_BYTES else self.rp2040.dma.clear_dreq
        ask(self.dreq.tx)

    def _schedule(self) -> None:
        self._sent.schedule(_BITS_PER_BYTE * 1e9 / self.baud_rate)

    def _shift_out(self) -> None:
        byte = self._sending.popleft()
        if self._sending:
            self._schedule()
        self._ask()
        if len(self._sending) == _TX_THRESHOLDS_BYTES[min(self._levels & 7, 4)]:
            self._interrupt_status |= UARTTXINTR
            self.check_interrupts()
        if self.on_byte:
            self.on_byte(byte)


USB_READ_DELAY_US = 1000
"""One poll of an empty bulk endpoint a USB frame, as a real host does.

At the original 10 us the fake host's empty packets eat 70 % of the chip's cycles.
"""


CLK_PERI_HZ = 48_000_000
"""What MicroPython's start-up makes of the peripheral clock. The original keeps 125 MHz and so takes every UART for 2.6 times as fast."""


def apply(mcu: Any) -> None:
    """Correct a freshly made `RP2040`, before it runs."""
    # Its console logger reports every register it does not model; none of those matters to MicroPython.
    mcu.logger = ConsoleLogger(LogLevel.ERROR)
    for uart in mcu.uart:
        # The bus holds these objects already, so they change class in place.
        uart.__class__ = _Uart
    for channel in mcu.dma.channels:
        channel.__class__ = _DmaChannel
    mcu.sio.__class__ = _Sio
    mcu.sio.divider = divider.at_reset()
    mcu.ssi.__class__ = _Flash
    mcu.clk_peri = CLK_PERI_HZ
    mcu.usb_ctrl.read_delay_microseconds = USB_READ_DELAY_US


def pace_uart(mcu: Any, number: int) -> None:
    """Let a UART send at the pace of its baud rate instead of at once. Not for `run_python`, whose output should cost no emulated time."""
    uart = mcu.uart[number]
    uart.__class__ = _PacedUart
    uart.pace()
