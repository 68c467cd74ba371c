"""Sixteen conversions of every channel on the RP2040's converter. Viper on the registers: bytecode takes five times as long."""

import micropython
from micropython import const

_SIO = const(0xD0000000)
_OUT_SET = const(5)  # words
_OUT_CLR = const(6)
_ADC = const(0x4004C000)
_CS = const(0)
_RESULT = const(1)
_ENABLE_START = const(5)  # EN and START_ONCE
_READY = const(0x100)
_INPUT_SHIFT = const(12)
_CONVERSIONS = const(16)
_SETTLE = const(40)  # turns of a loop of about 15 cycles: 5 us for the multiplexer and the converter's capacitor


@micropython.viper
def convert(counts: ptr16, rows: ptr32):
    """Fill counts with the sums of 16 twelve-bit conversions, 0..65520. rows: see tcs.hal.rp2. Allocation-free.

    A conversion takes 2 us: 0.6 ms for all of them.
    """
    sio = ptr32(_SIO)
    adc = ptr32(_ADC)
    n = rows[0]
    every = rows[1]
    at = 2
    while n > 0:
        sio[_OUT_CLR] = every
        sio[_OUT_SET] = rows[at]
        start = rows[at + 1] << _INPUT_SHIFT | _ENABLE_START
        wait = _SETTLE
        while wait > 0:
            wait -= 1
        total = 0
        left = _CONVERSIONS
        while left > 0:
            adc[_CS] = start
            while not adc[_CS] & _READY:
                pass
            total += adc[_RESULT]
            left -= 1
        counts[rows[at + 2]] = total
        at += 3
        n -= 1
