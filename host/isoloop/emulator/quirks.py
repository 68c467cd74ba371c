"""Every known fault of the emulator (rp2040py 0.3.6) that concerns us, put right here and nowhere else; the firmware knows none of them.

Private API, so the version is pinned in the `pico` extra, and `check_version()` says so when another one is installed.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from rp2040py.peripherals.uart import RPUART, UARTDR, UARTTXINTR
from rp2040py.sio import RPSIO
from rp2040py.utils.logging import ConsoleLogger, LogLevel

from isoloop.emulator.errors import EmulatorError

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
    """The hardware divider without its double charge.

    The original adds 8 cycles to the count, not to the clock, at each operand written: 16 a division. On silicon the divider runs beside
    the core and the code waits by executing instructions, which are counted already.
    """

    def update_hardware_divider(self, signed: bool) -> None:
        cycles = self.rp2040.core.cycles
        super().update_hardware_divider(signed)
        self.rp2040.core.cycles = cycles


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
    mcu.sio.__class__ = _Sio
    mcu.clk_peri = CLK_PERI_HZ
    mcu.usb_ctrl.read_delay_microseconds = USB_READ_DELAY_US
