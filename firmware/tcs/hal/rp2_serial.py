"""The downlink's way out of the serial port: a DMA channel feeds the transmitter, so that its bytes cost the processor no interrupt."""

from micropython import const
from rp2 import DMA

from tcs.frame_kernel import copy

_UART_DATA = const(0x40034000)  # data register of port 0 (RP2040 datasheet 4.2.8); it is the first of its port
_UART_STRIDE = const(0x4000)
_DREQ_UART0_TX = const(20)  # table 119 of the datasheet; port 1 is two further
_BYTES = const(0)


class SerialOut:
    """send() while not is_busy(). Takes the port as machine.UART has set it up, whose request lines to the DMA are always on."""

    def __init__(self, port, size):
        """size: most bytes of one send()."""
        self._bytes = bytearray(size)
        dma = self._dma = DMA()
        ctrl = dma.pack_ctrl(size=_BYTES, inc_write=False, treq_sel=_DREQ_UART0_TX + 2 * port)
        dma.config(read=self._bytes, write=_UART_DATA + _UART_STRIDE * port, count=0, ctrl=ctrl)
        # Bound once: a method reference made in the loop would allocate.
        self.is_busy = dma.active

    def send(self, data, at, count):
        """Bytes of data from `at` on. They are the caller's again at once. Allocation-free."""
        dma = self._dma
        copy(self._bytes, 0, data, at, at + count)
        dma.read = self._bytes
        dma.count = count
        dma.active(1)
