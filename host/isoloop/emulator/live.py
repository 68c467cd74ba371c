"""An emulated Pico that stands on the table: it runs by itself, its USB serial port a pseudo-terminal that any program opens.

    with LiveBoard(uf2) as board:
        subprocess.run(["mpremote", "connect", board.port, "exec", "print(1)"])

For trying `isoloop flash`, `serial:` and mpremote without a board (`python -m isoloop.emulator`), and for testing them. It sleeps in real
time and works as quickly as the host can.
"""

from __future__ import annotations

import contextlib
import os
import select
import tempfile
import threading
import time
import tty
from array import array
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from isoloop.emulator.board import Board, Wiring
from isoloop.emulator.chip import Chip
from isoloop.emulator.errors import EmulatorError
from isoloop.emulator.usbport import UsbPort

QUIET_COUNTS = (31291, 31291, 31291, 25947, 17647, 17647, 17647, 27793, *(38584,) * 7, 32760)
QUIET_SWITCHES = 0b10_01_01_01_01_01_01
"""A loop at rest: what a board without a plant sees."""

_SLICE_S = 0.004
_READ_BYTES = 4096
_OUT_MAX_BYTES = 1 << 16
_GONE_S = 0.4
"""How long the port is away after a reset, as a real one is while the host enumerates it again."""


class UsbCable:
    """The USB port of one chip as a pseudo-terminal: a link that is gone while the chip is reset or without power.

    Attributes:
        port: its path.
        is_in: False: pulled out, or nothing feeds the chip.
    """

    def __init__(self, chip: Chip) -> None:
        self.is_in = True
        self._usb = UsbPort(chip)
        chip.on_reset.append(self._on_reset)
        self._folder = tempfile.TemporaryDirectory(prefix="isoloop-board-")
        self.port = str(Path(self._folder.name) / "ttyACM0")
        self._back_at_s = 0.0
        self._master = -1
        self._out = bytearray()

    def exchange(self) -> None:
        """Carry what has come on either side, without waiting."""
        if self._master < 0:
            if not self.is_in or time.monotonic() < self._back_at_s:
                self._usb.take()
                return
            self.plug()
        self._out += self._usb.take()
        del self._out[:-_OUT_MAX_BYTES]
        if self.is_hung_up():
            self._out.clear()  # nobody has the port open: lost, as on a cable
            return
        if self._usb.waiting_bytes == 0:
            with contextlib.suppress(OSError):
                self._usb.send(os.read(self._master, _READ_BYTES))
        if self._out:
            with contextlib.suppress(OSError):
                del self._out[: os.write(self._master, self._out)]

    def wait(self, seconds: float) -> None:
        """Until somebody writes, at most so long."""
        time.sleep(min(seconds, 0.05)) if self._master < 0 else select.select([self._master], [], [], seconds)
        if self.is_hung_up():
            time.sleep(min(seconds, 0.01))

    def is_hung_up(self) -> bool:
        """True when nobody has the port open."""
        if self._master < 0:
            return True
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        return any(event & select.POLLHUP for _, event in poll.poll(0))

    def plug(self) -> None:
        """The port appears."""
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        name = os.ttyname(slave)
        os.close(slave)  # so that a hang-up tells when nobody has it open
        self._master = master
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.port)
        os.symlink(name, self.port)

    def unplug(self) -> None:
        """The port goes."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.port)
        self._out.clear()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def close(self) -> None:
        """For good."""
        self.unplug()
        self._folder.cleanup()

    def _on_reset(self) -> None:
        self.unplug()
        self._back_at_s = time.monotonic() + _GONE_S


class LiveChip:
    """One emulated chip in a thread of its own, its USB port a pseudo-terminal. Methods may be called from any other thread.

    Attributes:
        port: path of its serial port.
        chip: for looking at it while it stands still (`with board.paused()`).
    """

    def __init__(self, chip: Chip, step: Callable[[float], object] | None = None, further: Sequence[UsbCable] = ()) -> None:
        """
        Args:
            chip: wired and not yet run.
            step: lets so many seconds of emulated time pass, for this chip and whatever else is wired to it; None: `chip.run_for`.
            further: cables of the others.
        """
        self.chip = chip
        self._step = step or chip.run_for
        self._cable = UsbCable(chip)
        self._further = further
        self.port = self._cable.port
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._is_powered = True
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="isoloop-board", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Power on; returns at once, the port is there."""
        self._cable.plug()
        self._thread.start()

    def close(self) -> None:
        """Power off and take the port away."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
        for cable in (self._cable, *self._further):
            cable.close()
        if self._failure is not None:
            raise self._failure

    def wait(self, board_s: float, limit_s: float = 120.0) -> None:
        """Until so much of the board's own time has passed: at half a second a board has booted.

        Raises:
            EmulatorError: not within `limit_s` of wall time.
        """
        end_s, give_up_s = self.chip.time_s + board_s, time.monotonic() + limit_s
        while self.chip.time_s < end_s:
            if time.monotonic() > give_up_s:
                raise EmulatorError(f"the emulated board did not get through {board_s:g} s of its time within {limit_s:g} s")
            time.sleep(0.02)

    @contextlib.contextmanager
    def paused(self) -> Any:
        """Hold the board still meanwhile."""
        with self._lock:
            yield self.chip

    def cut_power(self) -> None:
        """Power off at once, with whatever it is doing; the port goes."""
        with self._lock:
            self._is_powered = False
            self._cable.unplug()

    def restore_power(self) -> None:
        """Power on again, flash as it was left; the port comes back."""
        with self._lock:
            self.chip.power_cycle()
            self._is_powered = True

    def flash(self) -> bytes:
        """What its flash holds now."""
        with self._lock:
            return bytes(self.chip.mcu.flash)

    def _run(self) -> None:
        try:
            self._loop()
        except BaseException as error:
            self._failure = error
            self._cable.unplug()

    def _loop(self) -> None:
        chip = self.chip
        base_s, base_board_s = time.monotonic(), chip.time_s
        while not self._ending.is_set():
            with self._lock:
                if not self._is_powered:
                    ahead_s = 0.01
                else:
                    self._cable.exchange()
                    for cable in self._further:
                        cable.exchange()
                    self._step(_SLICE_S)
                    ahead_s = (chip.time_s - base_board_s) - (time.monotonic() - base_s)
            if ahead_s > 0:
                self._cable.wait(ahead_s)
            else:
                base_s, base_board_s = time.monotonic(), chip.time_s  # it works: do not make up for it later


class LiveBoard(LiveChip):
    """One emulated reference board, by itself on the table."""

    def __init__(
        self,
        uf2: Path,
        *,
        bench: bool = False,
        maintenance: bool = False,
        files: Mapping[str, bytes] | None = None,
        flash: bytes | None = None,
        wiring: Wiring | None = None,
        flash_time_ratio: float = 1.0,
        before: Callable[[Chip], object] = lambda chip: None,
    ) -> None:
        """
        Args:
            uf2: the image that is in its flash.
            bench, maintenance: straps that are closed.
            files: contents of its file system; None: an erased one, which the image formats.
            flash: the whole flash of an earlier board instead, 2 MB.
            wiring: None: the reference board's.
            flash_time_ratio: of the time that erasing and programming take; waiting for it is work for the emulator.
            before: gets the chip before it runs.
        """
        from isoloop.kernels import firmware

        chip = Chip(uf2, files)
        if flash is not None:
            chip.mcu.flash[: len(flash)] = flash
        self.board = Board(chip, wiring or Wiring.of_board_file(firmware("boards.reference")))
        self.board.counts[:] = array("H", QUIET_COUNTS)
        self.board.switches = QUIET_SWITCHES
        self.set_straps(bench=bench, maintenance=maintenance)
        chip.mcu.ssi.time_ratio = flash_time_ratio
        before(chip)
        super().__init__(chip)

    def set_straps(self, *, bench: bool, maintenance: bool) -> None:
        """Close or open them; they count at the next reset."""
        self.board.set_bench_strap(is_low=bench)
        self.board.set_strap(is_low=maintenance)
