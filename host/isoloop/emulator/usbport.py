"""The USB serial port of the emulated chip, seen from the host at the other end of the cable."""

from __future__ import annotations

from typing import Any

from rp2040py.usb.cdc import USBCDC

_FIFO_BYTES = 512
_REFILL_S = 0.001  # a USB frame


class UsbPort:
    """Collects what the chip prints and feeds what it shall read, as fast as it takes it. Attach before the chip runs.

    A chip with a host at its port is not identical to the cycle from run to run: when the bytes come is the host's affair.

    Attributes:
        received: what the chip has sent and nobody has taken.
    """

    def __init__(self, chip: Any) -> None:
        self.received = bytearray()
        self._waiting = bytearray()
        self._cdc: Any = USBCDC(chip.mcu.usb_ctrl)
        self._cdc.on_serial_data = self.received.extend
        self._cdc.on_device_connected = self._refill
        self._alarm: Any = chip.mcu.clock.create_alarm(self._refill)
        chip.on_reset.append(self._waiting.clear)

    def take(self) -> bytes:
        """Everything received so far, which is then forgotten."""
        data = bytes(self.received)
        self.received.clear()
        return data

    def send(self, data: bytes) -> None:
        """Queue bytes for the chip. What a reset finds in the queue is lost with the connection."""
        is_idle = not self._waiting
        self._waiting += data
        if is_idle:
            self._refill()

    @property
    def waiting_bytes(self) -> int:
        """Bytes that the chip has not taken yet."""
        return len(self._waiting) + int(self._cdc.tx_fifo.item_count)

    def _refill(self) -> None:
        fifo = self._cdc.tx_fifo
        count = min(len(self._waiting), _FIFO_BYTES - fifo.item_count)
        for byte in self._waiting[:count]:
            self._cdc.send_serial_byte(byte)
        del self._waiting[:count]
        if self._waiting:
            self._alarm.schedule(_REFILL_S * 1e9)
