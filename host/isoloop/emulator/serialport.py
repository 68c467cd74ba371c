"""A UART of the emulated chip, seen from the other end of the cable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_BITS_PER_BYTE = 10  # start, eight data, stop


class SerialPort:
    """Collects what the chip sends and feeds what it shall receive at the pace of its own baud rate.

    Sent bytes leave the chip the moment they are written (the emulator has no transmit shift register): who needs the pace of the line
    must limit what the firmware hands over.

    Attributes:
        received: what the chip has sent and nobody has taken.
        on_byte: also called with each byte as it is sent.
    """

    def __init__(self, mcu: Any, number: int) -> None:
        self.received = bytearray()
        self.on_byte: Callable[[int], None] = lambda byte: None
        self._uart = mcu.uart[number]
        self._uart.on_byte = self._take
        self._waiting = bytearray()
        self._next: Any = mcu.clock.create_alarm(self._feed)
        self._fed_last = False

    def _take(self, byte: int) -> None:
        self.received.append(byte)
        self.on_byte(byte)

    def take(self) -> bytes:
        """Everything received so far, which is then forgotten."""
        data = bytes(self.received)
        self.received.clear()
        return data

    def text(self) -> str:
        """What has been received, as text, for messages."""
        return self.received.decode(errors="replace")

    def send(self, data: bytes) -> None:
        """Queue bytes for the chip; they arrive one byte time apart. Those that come while its receiver is off or full are lost.

        For the thread that runs the chip, or while the chip stands still: time that has been granted is not taken back.
        """
        idle = not self._waiting
        self._waiting += data
        if idle and self._waiting:
            self._next.schedule(self._byte_ns())

    def _feed(self) -> None:
        byte = self._waiting.pop(0)
        if self._uart.enabled and self._uart.rx_enabled and not self._uart.rx_fifo.full:
            self._uart.feed_byte(byte)
        if self._waiting:
            self._next.schedule(self._byte_ns())

    def _byte_ns(self) -> float:
        # Before the firmware has set a rate the divider is zero; any pace will do, the bytes are lost.
        baud = self._uart.baud_rate if self._uart.baud_divider else 115_200
        return _BITS_PER_BYTE * 1e9 / baud
