"""The reference board on an RP2040: converter, shift registers, UART, flash sectors, watchdog, strap. Which pin is what: the board file."""

import io
import sys
import time
from array import array

import machine
from micropython import const

from tcs.hal import rp2_nor, rp2_usb
from tcs.hal.rp2_adc import convert
from tcs.hal.rp2_serial import SerialOut
from tcs.tables import ST_RESET_CAUSE_COMMAND, ST_RESET_CAUSE_POWER_ON, ST_RESET_CAUSE_WATCHDOG

CHANNELS = const(16)
_ADC_GPIO = const(26)
_PAGE_SIZE = const(256)
_SERIAL_BYTES = const(2048)  # a tick of 100 ms at 115 200 baud brings 1152 bytes, the port's default buffer holds 256
_WATCHDOG_MS = const(8000)  # the RP2040's counts down twice as fast as documented and holds 8.3 s
_ENABLE_BIT = const(0x8000)
_VALVE_BITS = const(0x3FFF)
_IOCTL_ERASE = const(6)
_SCRATCH = const(0x4005800C)  # watchdog scratch registers 0..2: kept over every reset but power-on
_CLOCK_MARK = const(0x2C4C4B21)
_COMMAND_MARK = const(0x2C4C4B22)
_MAINTENANCE_MARK = const(0x2C4C4B23)
_LEAVE_TICKS = const(4)  # a tick of 100 ms carries 1152 bytes: the reports that are on their way get out

FLY = const(0)
MAINTENANCE = const(1)  # neither application nor watchdog, the REPL free
BENCH = const(2)


def way_to_boot(pins):
    """FLY, MAINTENANCE or BENCH: by straps, and by what the firmware was told before this reset. Read once, before the board is made."""
    is_told = _is_warm() and machine.mem32[_SCRATCH + 8] == _MAINTENANCE_MARK
    if is_told:
        machine.mem32[_SCRATCH + 8] = _COMMAND_MARK  # the next reset flies again
    if is_told or _is_low(pins.STRAP):
        return MAINTENANCE
    return BENCH if pins.BENCH_STRAP is not None and _is_low(pins.BENCH_STRAP) else FLY


def enter_maintenance():
    """Reset into maintenance, now. Whatever the valves' drives are ends with the reset."""
    machine.mem32[_SCRATCH + 4] = _CLOCK_MARK
    machine.mem32[_SCRATCH + 8] = _MAINTENANCE_MARK
    machine.reset()


class Rp2Board:
    """See tcs.hal. `pins` is a board file."""

    def __init__(self, pins):
        pin = machine.Pin
        self._enable = pin(pins.ENABLE, pin.OUT, value=1)  # before anything else
        self._latch = pin(pins.LATCH, pin.OUT, value=1)
        self.counts = array("H", bytes(2 * CHANNELS))
        self.switches = 0
        self.tick = 0
        self.reset_cause = _reset_cause()
        self.rx = bytearray(_SERIAL_BYTES)
        self.rx_count = 0
        self.link = None
        self.unique_id = machine.unique_id()
        self.bench = 0
        self._front_end = _front_end(pins)
        self.fresh = 0
        for channel in pins.MUX_CHANNELS + pins.DIRECT_CHANNELS:
            self.fresh |= 1 << channel
        spi = machine.SPI(
            pins.SPI,
            baudrate=pins.SPI_HZ,
            sck=pin(pins.SPI_SCK),
            mosi=pin(pins.SPI_MOSI),
            miso=pin(pins.SPI_MISO),
        )
        # Bound once: a method reference made in the loop would allocate.
        self._transfer = spi.write_readinto
        self._drives = bytearray(2)
        self._seen = bytearray(2)
        self._driven = -1  # no transfer yet
        self._uart = machine.UART(pins.UART, tx=pin(pins.UART_TX), rx=pin(pins.UART_RX))
        self._serial_out = SerialOut(pins.UART, _SERIAL_BYTES)
        self._flash, self._blocks = rp2_nor.make_nor(pins)
        self._usb = rp2_usb.UsbLink() if pins.LINK_ON_USB else None
        self._leave_in = -1
        self._watchdog = None
        self._tick_ms = 0
        self._next_ms = 0
        self._started = False

    def begin(self, tick_ms, baud):
        """Start the clock's grid, the link and the watchdog, which cannot be stopped again."""
        self._tick_ms = tick_ms
        self._uart.init(baudrate=baud, timeout=0, rxbuf=_SERIAL_BYTES)
        self._watchdog = machine.WDT(timeout=_WATCHDOG_MS)

    def sample(self):
        """Sleep until the next tick, then convert every channel and take what came up the UART. Allocation-free.

        A tick that has gone by is left out: the number says so.
        """
        if self._started:
            left = time.ticks_diff(self._next_ms, time.ticks_ms())
            self.tick += 1
            while left <= -self._tick_ms:
                left += self._tick_ms
                self._next_ms = time.ticks_add(self._next_ms, self._tick_ms)
                self.tick += 1
            if left > 0:
                time.sleep_ms(left)
        else:
            self._start()
        self._next_ms = time.ticks_add(self._next_ms, self._tick_ms)
        convert(self.counts, self._front_end)
        if self._driven < 0:
            self._driven = 0
            self._exchange(0)  # shifted, not latched: it only reads
        # Reading waits for one more character than there is, 0.3 ms: not where there is none.
        count = self._uart.readinto(self.rx) or 0 if self._uart.any() else 0
        if self._usb is not None:
            count = self._usb.read(self.rx, count)
        self.rx_count = count

    def finish(self, drive_word, fed):
        """One transfer: drives out, end switches in (for the next tick). Then watchdog and downlink. Allocation-free."""
        driven = drive_word & _VALVE_BITS if drive_word & _ENABLE_BIT else 0
        if driven != self._driven:
            # Off between two drives, so that the one-shot behind the enable line times each of them anew.
            self._enable.value(1)
            self._driven = driven
        self._exchange(drive_word & ~_ENABLE_BIT)
        self._latch.value(0)
        self._latch.value(1)
        if driven:
            self._enable.value(0)
        if fed:
            self._watchdog.feed()
            _keep_clock(self.tick)
        if not self._serial_out.is_busy():  # after a late tick it may be: what waits goes with the next one
            link = self.link
            count = link.drain(_SERIAL_BYTES)
            if count:
                self._serial_out.send(link.buffer, link.drained_at, count)
                if self._usb is not None:
                    self._usb.write(link.buffer, link.drained_at, count)
        if self._leave_in >= 0:
            if self._leave_in == 0:
                self._enable.value(1)
                enter_maintenance()
            self._leave_in -= 1

    def leave_for_maintenance(self):
        """See tcs.hal."""
        self._leave_in = _LEAVE_TICKS
        return True

    def last_words(self, error):
        """Leave every valve where it is and tell the link, as text between delimiters, what has happened. The watchdog's bite follows."""
        self._enable.value(1)
        text = io.BytesIO()
        sys.print_exception(error, text)
        told = b"\x00" + text.getvalue() + b"\x00"
        while self._serial_out.is_busy():
            pass
        self._uart.write(told)
        if self._usb is not None:
            self._usb.write(told, 0, len(told))
            self._usb.end()

    def ticks_us(self):
        """Clock for measuring a cycle; it wraps as time.ticks_us."""
        return time.ticks_us()

    def nor_read(self, sector, page, buffer):
        """Read a page of 256 bytes into buffer."""
        if len(buffer) != _PAGE_SIZE:
            raise ValueError("page size")
        self._flash.readblocks(self._blocks[sector], buffer, page * _PAGE_SIZE)

    def nor_program(self, sector, page, buffer):
        """Clear the bits of a page that are clear in buffer, 256 bytes."""
        if len(buffer) != _PAGE_SIZE:
            raise ValueError("page size")
        self._flash.writeblocks(self._blocks[sector], buffer, page * _PAGE_SIZE)

    def nor_erase(self, sector):
        """Set every bit of a sector. The processor stands still for 45 ms, at worst 400 ms."""
        self._flash.ioctl(_IOCTL_ERASE, self._blocks[sector])

    def _start(self):
        # The system wakes sleepers on whole milliseconds: begin on one, and every later tick is one.
        time.sleep_ms(1)
        self._next_ms = time.ticks_ms()
        self._started = True
        if self.reset_cause != ST_RESET_CAUSE_POWER_ON:
            # The watchdog bit after 8 s without a tick; a commanded reset is immediate. ticks_ms counts from the reset.
            gap_ms = self._next_ms + (_WATCHDOG_MS if self.reset_cause == ST_RESET_CAUSE_WATCHDOG else 0)
            self.tick = _kept_clock() + gap_ms // self._tick_ms + 1

    def _exchange(self, word):
        out = self._drives
        out[0] = word >> 8
        out[1] = word & 0xFF
        self._latch.value(0)  # loads the 165s; the 595s take over again what they show already
        self._latch.value(1)
        self._transfer(out, self._seen)
        self.switches = self._seen[0] << 8 | self._seen[1]


def reset(board):
    """Restart on command: told from the watchdog's bite at the next boot."""
    board._enable.value(1)
    machine.mem32[_SCRATCH + 8] = _COMMAND_MARK
    machine.reset()


def _reset_cause():
    # A brown-out looks like a power-on to this chip.
    cause = ST_RESET_CAUSE_POWER_ON
    if _is_warm():
        cause = ST_RESET_CAUSE_COMMAND if machine.mem32[_SCRATCH + 8] == _COMMAND_MARK else ST_RESET_CAUSE_WATCHDOG
    machine.mem32[_SCRATCH + 8] = 0
    return cause


def _is_warm():
    """True after a reset that was no power-on: the scratch registers hold what was written."""
    return machine.reset_cause() == machine.WDT_RESET and machine.mem32[_SCRATCH + 4] == _CLOCK_MARK


def _is_low(gpio):
    return machine.Pin(gpio, machine.Pin.IN, machine.Pin.PULL_UP).value() == 0


def _keep_clock(tick):
    machine.mem32[_SCRATCH] = tick
    machine.mem32[_SCRATCH + 4] = _CLOCK_MARK


def _kept_clock():
    return machine.mem32[_SCRATCH]


def _front_end(pins):
    """Rows of convert(): their number, all address lines; then for each input the lines to set, the converter input, the channel."""
    pin = machine.Pin
    for gpio in pins.MUX_SELECT:
        pin(gpio, pin.OUT, value=0)
    rows = []
    for address, channel in enumerate(pins.MUX_CHANNELS):
        bits = 0
        for i, gpio in enumerate(pins.MUX_SELECT):
            bits |= (address >> i & 1) << gpio
        rows += (bits, 0, channel)
    for i, channel in enumerate(pins.DIRECT_CHANNELS):
        rows += (0, i + 1, channel)
    for i in range(1 + len(pins.DIRECT_CHANNELS)):
        machine.ADC(_ADC_GPIO + i)
    every = 0
    for gpio in pins.MUX_SELECT:
        every |= 1 << gpio
    return array("i", [len(rows) // 3, every] + rows)
