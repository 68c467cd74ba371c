"""The board under test, as the rig sees it: supply, straps, tick pulses, output enable and serial line."""

import time
from array import array

import machine
from micropython import const

_SERIAL_BYTES = const(2048)
_SUPPLY_WAIT_MS = const(500)
_SETTLE_MS = const(5)
_REFERENCE_MV = const(3300)  # of the rig's own converter


class BoardUnderTest:
    """Off until it is told otherwise."""

    def __init__(self, pins):
        pin = machine.Pin
        self._pins = pins
        self._power = pin(pins.POWER, pin.OUT, value=0)
        self._straps = [pin(gpio, pin.OPEN_DRAIN, value=1) for gpio in (pins.STRAP, pins.BENCH_STRAP)]
        self._enable = pin(pins.ENABLE, pin.IN, pin.PULL_UP)
        self._supply = machine.ADC(pins.SUPPLY)
        self.uart = None
        self.is_on = False
        self._edges = array("i", (0, 0))  # pulses seen, time of the last in ms
        self._tick = pin(pins.TICK, pin.IN, pin.PULL_UP)
        edges = self._edges
        ticks_ms = time.ticks_ms

        def on_pulse(_pin):
            edges[0] += 1
            edges[1] = ticks_ms()

        # hard: a board shifts twice within 0.1 ms, and both must be counted.
        self._tick.irq(on_pulse, pin.IRQ_FALLING, hard=True)

    @property
    def pulses(self):
        """Falls of the board's LATCH so far."""
        return self._edges[0]

    @property
    def pulse_ms(self):
        """When the last one was."""
        return self._edges[1]

    @property
    def is_enabled(self):
        """True while the board drives its valves."""
        return self._enable.value() == 0

    @property
    def supply_mv(self):
        """Of the board's 3V3."""
        return self._supply.read_u16() * _REFERENCE_MV * 2 // 65535

    def open_line(self, baud):
        """Listen to its serial line."""
        pin = machine.Pin
        pins = self._pins
        self.uart = machine.UART(pins.UART, tx=pin(pins.UART_TX), rx=pin(pins.UART_RX))
        self.uart.init(baudrate=baud, timeout=0, txbuf=_SERIAL_BYTES, rxbuf=_SERIAL_BYTES)

    def set_straps(self, maintenance, bench):
        """Close or open them; they count at the board's next start."""
        self._straps[0].value(0 if maintenance else 1)
        self._straps[1].value(0 if bench else 1)

    def power_off(self):
        """Take the supply away and wait until it is gone. False: it stays, somebody else feeds the board."""
        self._power.value(0)
        self.is_on = False
        return self._wait_for_supply(False)

    def power_on(self):
        """Give it supply and wait until it is there. False: it does not come."""
        self._power.value(1)
        self.is_on = self._wait_for_supply(True)
        if not self.is_on:
            self._power.value(0)
        return self.is_on

    def _wait_for_supply(self, is_on):
        end_ms = time.ticks_add(time.ticks_ms(), _SUPPLY_WAIT_MS)
        while (self.supply_mv >= self._pins.SUPPLY_ON_MV) if not is_on else (self.supply_mv < self._pins.SUPPLY_ON_MV):
            if time.ticks_diff(end_ms, time.ticks_ms()) <= 0:
                return False
            time.sleep_ms(1)
        if not is_on:
            while self.supply_mv > self._pins.SUPPLY_OFF_MV:
                if time.ticks_diff(end_ms, time.ticks_ms()) <= 0:
                    return False
                time.sleep_ms(1)
        time.sleep_ms(_SETTLE_MS)
        return True
