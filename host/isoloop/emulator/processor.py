"""The emulated processor: compiled code for what is plain, rp2040py's own core for the rest (docs/decisions/compiled-processor.md)."""

from __future__ import annotations

import ctypes
import math
from array import array
from typing import Any

import numpy as np
from rp2040py.execute_batch import execute_batch

from isoloop.emulator import thumb, thumb_decode

CLOCK_HZ = 125_000_000
"""The emulator's system clock, that of a Pico under MicroPython."""
CYCLE_NS = 1e9 / CLOCK_HZ

_OPS = thumb_decode.table()
_NO_ADDRESS = -1
_BUDGET_MAX_CYCLES = 1_000_000  # about 5 ms of wall time: Ctrl-C gets in between two
_POLLED = frozenset(
    (
        0x4003_4018,  # flags of the UARTs
        0x4003_8018,
        0x4003_C00C,  # status of the SPI blocks
        0x4004_000C,
        0x4004_C000,  # control and status of the converter
        0x4004_C008,  # and of its FIFO
    )
)
"""Registers that programs wait for: reading has no effect, and they change by an alarm or by a register that is written."""


def is_native(mcu: Any) -> bool:
    """False where rp2040py was installed without its compiled part: registers are a list then, which compiled code cannot share."""
    return not isinstance(mcu.core.registers, list)


class Processor:
    """Runs one chip. Cycles, emulated time and everything else are those of rp2040py's own loop, which stays the referee (tests)."""

    def __init__(self, simulator: Any) -> None:
        """
        Args:
            simulator: rp2040py's, its chip made and corrected (`quirks.apply`).
        """
        mcu = simulator.rp2040
        self._simulator = simulator
        self._core = mcu.core
        self._mcu = mcu
        self._clock = simulator.clock
        self._registers = np.asarray(mcu.core.registers)
        self._state = array("q", bytes(8 * thumb.STATE_WORDS))
        self._memory = [np.asarray(view) for view in (mcu.sram, mcu.flash, mcu.bootrom)]
        for size, view in zip((thumb.SRAM_BYTES, thumb.FLASH_BYTES, thumb.ROM_BYTES), self._memory, strict=True):
            assert view.nbytes == size
        addresses = [_address(self._state), self._registers.ctypes.data]
        for view in self._memory:
            addresses += [view.ctypes.data] * 3
        addresses += [_address(mcu.sio.divider), _OPS.ctypes.data]
        self._arguments = tuple(ctypes.c_void_p(address) for address in addresses)
        self._execute = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(addresses), ctypes.c_int64)(thumb.execute.address)

    def run(self) -> None:
        """Until the simulator is told to stop."""
        simulator, core, clock, mcu, state = self._simulator, self._core, self._clock, self._mcu, self._state
        pio_0, pio_1 = mcu.pio
        state[thumb.POLLED_ADDRESS] = _NO_ADDRESS
        while not simulator.stopped:
            if not (pio_0.stopped and pio_1.stopped) or mcu.run_pin_low:
                state[thumb.POLLED_ADDRESS] = _NO_ADDRESS
                execute_batch(simulator, 1)  # these count every instruction
                continue
            if core.waiting:
                state[thumb.POLLED_ADDRESS] = _NO_ADDRESS
                clock.tick(clock.nanos_to_next_alarm)
                continue
            if not core.interrupts_updated:
                budget = self._budget_cycles()
                if self._execute_plain(budget) >= budget or simulator.stopped:
                    continue
            spent = core.execute_instruction()
            clock.tick(spent * CYCLE_NS)
            if not (pio_0.stopped and pio_1.stopped):  # this one has started it, and it has run since
                for pio in mcu.pio:
                    if not pio.stopped:
                        pio.advance(spent)
            loaded = state[thumb.LOADED_ADDRESS]
            if loaded in _POLLED:
                state[thumb.POLLED_ADDRESS] = loaded
                state[thumb.POLLED_VALUE] = mcu.read_uint32(loaded)

    def _budget_cycles(self) -> int:
        """Until the next alarm, by the sums as rp2040py rounds them when it adds instruction by instruction."""
        clock = self._clock
        now_ns = clock.nanos
        budget = _BUDGET_MAX_CYCLES
        if now_ns < budget * CYCLE_NS:
            # A sum that passes two powers of two is rounded twice there and once here.
            budget = max(int(now_ns / CYCLE_NS), 1)
        if clock.has_scheduled_alarm:
            left_ns = clock.nanos_to_next_alarm
            if left_ns < budget * CYCLE_NS:
                budget = max(math.ceil(left_ns / CYCLE_NS), 1)
                if budget > 1 and now_ns + (budget - 1) * CYCLE_NS >= now_ns + left_ns:
                    budget -= 1
        return budget

    def _execute_plain(self, budget: int) -> int:
        """Compiled code, and the time that it took. Cycles spent."""
        core, state = self._core, self._state
        state[thumb.FLAGS] = core.n << 3 | core.z << 2 | core.c << 1 | core.v
        state[thumb.SPENT] = 0
        try:
            self._execute(*self._arguments, budget)
        finally:
            # A signal's handler may raise as soon as the call returns: what was executed was, and its flags and time belong to it.
            spent = state[thumb.SPENT]
            flags = state[thumb.FLAGS]
            core.n = bool(flags & 8)
            core.z = bool(flags & 4)
            core.c = bool(flags & 2)
            core.v = bool(flags & 1)
            state[thumb.POLLED_ADDRESS] = _NO_ADDRESS
            if spent:
                core.cycles += spent
                self._clock.tick(spent * CYCLE_NS)
        return spent


def run_as_supplied(simulator: Any) -> None:
    """The same by rp2040py's loop alone, an instruction and a look at the clock at a time."""
    while not simulator.stopped:
        execute_batch(simulator, 1)  # returns every few milliseconds of wall time


def _address(words: array[int]) -> int:
    return words.buffer_info()[0]
