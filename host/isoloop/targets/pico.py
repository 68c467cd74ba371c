"""Target `pico`: the release UF2 in the emulated RP2040, wired as the reference board, against the same plant (docs/targets.md).

The host's ticks are edges of emulated time, a millisecond before the firmware's: what the firmware does between two edges is that tick's
answer, whether it was quick, late or being reset.
"""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from isoloop import __version__
from isoloop.errors import TargetError
from isoloop.images import ImageInfo
from isoloop.targets.base import Identity, TickAnswer
from isoloop.targets.nor import SECTOR_SIZE, SECTORS, Nor

if TYPE_CHECKING:
    from isoloop.emulator.board import Board
    from isoloop.emulator.chip import Chip

BOOT_MAX_S = 10.0
"""Board time within which a booted firmware takes its first sample, and then its second: past the watchdog's 8 s."""
_LEAD_NS = 1_000_000
_SAMPLE_CONVERSIONS = 256
_STORAGE_START = (2048 - 1408) * 1024
"""Of the flash that rp2.Flash addresses; MICROPY_HW_FLASH_STORAGE_BASE of the RPI_PICO board."""


class Sampled(NamedTuple):
    """What the firmware has read from its pins in one tick.

    Attributes:
        tick: by the firmware's count: since its first sample after power-on, in emulated time.
        counts: the sums of the conversions that it has made.
        switches: the word that it has shifted in last before it worked on them.
    """

    tick: int
    counts: array[int]
    switches: int


class PicoTarget:
    """One emulated board. See isoloop.targets.base.Target.

    Attributes:
        powered: kept when `keep_samples`: for each power-on a row for each sample.
        resets: how often the chip's own watchdog or the firmware has reset it since the last start().
        boot_s: emulated time from power-on to the first sample.
        sampled_at_cycles: the chip's count when the newest sample began.
    """

    name = "pico"
    clock_starts_anew = True
    """After a power cut its ticks count from 0: nothing on the board keeps the time."""

    def __init__(self, uf2: Path, identity: Identity, *, keep_samples: bool = False) -> None:
        """
        Args:
            uf2: the image.
            identity: what it is.
            keep_samples: fill `powered`.

        Raises:
            EmulatorError: the emulator is not installed.
        """
        self.stall_ms = 0
        self.powered: list[list[Sampled]] = []
        self.resets = 0
        self.boot_s = 0.0
        self.sampled_at_cycles = 0
        self._uf2 = uf2
        self._identity = identity
        self._keep_samples = keep_samples
        self._chip: Chip | None = None
        self._board: Board | None = None
        self._nor: Nor | None = None
        self._nor_at = 0
        self._is_on = False
        self._is_awaited = False
        self._edge_ns = 0.0
        self._first_ns = 0.0
        self._tick_ns = 0.0
        self._samples = 0
        self._sample_ns: float | None = None  # of a sample that is not kept yet
        self._switches: int | None = None
        self._has_shifted = False

    @property
    def sampled(self) -> list[Sampled]:
        """Samples since the last power-on. Only with `keep_samples`."""
        return self.powered[-1]

    @property
    def chip(self) -> Chip:
        """The chip, for what a Target does not show. Only after start()."""
        if self._chip is None:
            raise TargetError(f"target {self.name} is not running")
        return self._chip

    def start(self, nor: Nor, reset_cause: int) -> None:
        """Power on, with these sectors in flash; returns when the first conversion has begun and waits for its value.

        The chip finds out itself why it was reset: a power cut is a power-on to it, whatever `reset_cause` says.
        """
        self.stop()
        first = self._chip is None
        if first:
            self._build()
        else:
            self.chip.power_cycle()
        chip = self.chip
        self._nor = nor
        chip.mcu.flash[self._nor_at : self._nor_at + len(nor.data)] = nor.data
        self._is_on = True
        self.resets = 0
        if self._keep_samples:
            self.powered.append([])
        self._tick_ns = 0.0
        self._has_shifted = False
        began_s = chip.time_s
        self._run_to_sample("reach its first sample")
        self._first_ns = chip.mcu.clock.nanos
        self.boot_s = chip.time_s - began_s
        # The plant has stood still meanwhile. At the first boot that is the beginning of the scenario; later it owes that time.
        self.stall_ms = 0 if first else round(self.boot_s * 1000)

    def tick(self, counts: Any, fresh: int, switches: int, tick: int, uplink: bytes = b"") -> TickAnswer:
        """Let one tick of emulated time pass with these pins; see Target.tick. A converter always has a new sample: `fresh` is not told."""
        chip, board = self.chip, self._board
        if not self._is_on or board is None:
            raise TargetError(f"target {self.name} is not running")
        board.counts[:] = array("H", bytes(counts))
        board.switches = switches
        if uplink:
            chip.uart[0].send(uplink)
        if self._tick_ns:
            self._edge_ns += self._tick_ns
            chip.run_for((self._edge_ns - chip.mcu.clock.nanos) / 1e9)
            if self._keep_samples:
                self._keep_sample()
        else:
            self._run_to_sample("take its second sample")
            # Nothing of the second sample has been converted yet. Ticks are tens of milliseconds; the first one may be a little late.
            self._tick_ns = round((chip.mcu.clock.nanos - self._first_ns) / 1e7) * 1e7
            self._edge_ns = self._first_ns + self._tick_ns - _LEAD_NS
            if self._keep_samples:
                self.sampled.append(Sampled(0, array("H", board.sampled), switches))
        # The chip's own watchdog does what the flight loop does for other targets.
        return TickAnswer(board.drive_word, True, chip.uart[0].take())

    def stop(self) -> None:
        """Power off; the sectors are read back."""
        if self._is_on and self._nor is not None:
            self._nor.data[:] = self.chip.mcu.flash[self._nor_at : self._nor_at + len(self._nor.data)]
        self._is_on = False

    def identity(self) -> Identity:
        """What is flashed."""
        return self._identity

    def close(self) -> None:
        """Power off for good."""
        self.stop()
        self._chip = None
        self._board = None

    def _build(self) -> None:
        from isoloop.emulator import Chip
        from isoloop.emulator.board import Board, Wiring
        from isoloop.emulator.quirks import pace_uart
        from isoloop.kernels import firmware

        pins = firmware("boards.reference")
        self._nor_at = _STORAGE_START + pins.NOR_OFFSET
        assert pins.NOR_BYTES == SECTORS * SECTOR_SIZE
        chip = Chip(self._uf2, {})
        pace_uart(chip.mcu, pins.UART)
        self._board = Board(chip, Wiring.of_board_file(pins))
        self._board.on_sample = self._on_sample
        chip.on_reset.append(self._on_reset)
        self._chip = chip

    def _on_sample(self) -> None:
        assert self._board is not None
        self._samples += 1
        self.sampled_at_cycles = self.chip.cycles
        self._sample_ns = self.chip.mcu.clock.nanos
        self._switches = self._board.shifted_in if self._has_shifted else None
        self._has_shifted = True
        if self._is_awaited:
            self.chip.stop()

    def _on_reset(self) -> None:
        self.resets += 1
        self._has_shifted = False

    def _run_to_sample(self, what: str) -> None:
        chip = self.chip
        before, end_s = self._samples, chip.time_s + BOOT_MAX_S
        self._is_awaited = True
        try:
            while self._samples == before:
                if chip.time_s >= end_s:
                    text = chip.uart[0].text()
                    raise TargetError(f"target {self.name}: the firmware did not {what} within {BOOT_MAX_S:g} s of board time", text)
                chip.run_for(end_s - chip.time_s)
        finally:
            self._is_awaited = False

    def _keep_sample(self) -> None:
        """Note what was sampled in this tick, if the firmware did so at all."""
        board = self._board
        assert board is not None
        if self._sample_ns is None or board.conversions % _SAMPLE_CONVERSIONS:
            return
        # After a reset the switches are first read behind the first conversions; in every later tick they are those of the tick before.
        switches = board.switches if self._switches is None else self._switches
        tick = int((self._sample_ns - self._first_ns + _LEAD_NS) // self._tick_ns)  # a late sample is still that tick's
        self.sampled.append(Sampled(tick, array("H", board.sampled), switches))
        self._sample_ns = None


def open_pico() -> PicoTarget:
    """The target with the image of this firmware.

    Raises:
        UsageError: no image, or no emulator.
    """
    from isoloop import images
    from isoloop.errors import UsageError

    if images.refresh("pico") is None:
        raise UsageError("target pico needs its image: build it with python -m isoloop.images build pico (docs/images.md)")
    known = images.info("pico")
    assert known is not None
    return PicoTarget(known.path, identity_of(known))


def identity_of(image: ImageInfo) -> Identity:
    """What summary.json says of an image."""
    return Identity(__version__, f"MicroPython {image.micropython}; RPI_PICO with RP2040", image.sha256)
