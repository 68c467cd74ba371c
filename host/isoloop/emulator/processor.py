"""The emulated processor: compiled code for what is plain, rp2040py's own core for the rest (docs/decisions/compiled-processor.md)."""

from __future__ import annotations

import ctypes
import math
from array import array
from typing import Any

import numpy as np
from rp2040py.execute_batch import execute_batch

from isoloop.emulator import thumb, thumb_decode

CYCLE_NS = 8.0

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
        self._execute = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * len(addresses), ctypes.c_int64)(thumb.execute.address)

    def run(self) -> None:
        """Until the simulator is told to stop."""
        simulator, core, clock, mcu = self._simulator, self._core, self._clock, self._mcu
        state, execute, arguments = self._state, self._execute, self._arguments
        pio_0, pio_1 = mcu.pio
        state[thumb.POLLED_ADDRESS] = _NO_ADDRESS
        while not simulator.stopped:
            if not (pio_0.stopped and pio_1.stopped) or mcu.run_pin_low:
                execute_batch(simulator, 1)  # these count every instruction
                continue
            if core.waiting:
                clock.tick(clock.nanos_to_next_alarm)
                state[thumb.POLLED_ADDRESS] = _NO_ADDRESS
                continue
            if not core.interrupts_updated:
                budget = _BUDGET_MAX_CYCLES
                if clock.has_scheduled_alarm:
                    budget = min(max(math.ceil(clock.nanos_to_next_alarm / CYCLE_NS), 1), budget)
                state[thumb.FLAGS] = core.n << 3 | core.z << 2 | core.c << 1 | core.v
                cycles = execute(*arguments, budget)
                flags = state[thumb.FLAGS]
                core.n = flags & 8
                core.z = flags & 4
                core.c = flags & 2
                core.v = flags & 1
                state[thumb.POLLED_ADDRESS] = _NO_ADDRESS
                if cycles:
                    core.cycles += cycles
                    clock.tick(cycles * CYCLE_NS)
                    if cycles >= budget:
                        continue
            clock.tick(core.execute_instruction() * CYCLE_NS)
            loaded = state[thumb.LOADED_ADDRESS]
            if loaded in _POLLED:
                state[thumb.POLLED_ADDRESS] = loaded
                state[thumb.POLLED_VALUE] = mcu.read_uint32(loaded)


def run_as_supplied(simulator: Any) -> None:
    """The same by rp2040py's loop alone, an instruction and a look at the clock at a time."""
    while not simulator.stopped:
        execute_batch(simulator, 1)  # returns every few milliseconds of wall time


def _address(words: array[int]) -> int:
    return words.buffer_info()[0]
