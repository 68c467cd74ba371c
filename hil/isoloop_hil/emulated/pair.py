"""Two emulated Picos wired to each other, advanced together in emulated time: the rig, and the board under test.

    with LivePair(rig_uf2, board_uf2) as pair:
        open_target(f"rig:{file_with(pair.port)}")

Both images are what would be flashed. The chips take turns of 0.1 ms, so an edge reaches the other one up to that much late.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from isoloop.emulator.board import Board, Wiring
from isoloop.emulator.chip import Chip
from isoloop.emulator.live import QUIET_SWITCHES, LiveChip, UsbCable
from isoloop.emulator.quirks import pace_uart
from isoloop.kernels import firmware
from isoloop_hil.emulated.parts import Parts
from isoloop_hil.pins import rig_pins

_TURN_S = 0.0001
_RIG_USB_US, _BOARD_USB_US = 3000, 10000
"""Polls of an idle USB port. A real host polls every millisecond, which were half of what the emulator does in a flight."""


class Pair:
    """The two chips and what is between them. The board has no supply until the rig gives it some.

    Attributes:
        rig, board: the chips.
        is_empty: nothing has been flashed onto the board.
        on_supply: called with True or False when the board's supply comes or goes.
        parts: DACs, ring, supply switch: also what may be broken.
        pins_board: the parts of the reference board around its chip.
    """

    def __init__(self, rig_uf2: Path, board_uf2: Path | None) -> None:
        """`board_uf2`: None is a socket with a board in it that nothing has been flashed onto."""
        reference: ModuleType = firmware("boards.reference")
        wiring = Wiring.of_board_file(reference)
        pins = rig_pins()
        self.rig = Chip(rig_uf2, {})
        self.is_empty = board_uf2 is None
        self.board = Chip(board_uf2 or rig_uf2, {})
        self.on_supply: list[Callable[[bool], None]] = []
        self.rig.mcu.usb_ctrl.read_delay_microseconds = _RIG_USB_US
        self.board.mcu.usb_ctrl.read_delay_microseconds = _BOARD_USB_US
        pace_uart(self.rig.mcu, pins.UART)
        pace_uart(self.board.mcu, reference.UART)
        self.pins_board = Board(self.board, wiring)
        self.pins_board.switches = QUIET_SWITCHES
        self.parts = Parts(self.rig, pins, self.board, self.pins_board, wiring, reference.UART)
        self.parts.on_supply = self._on_supply
        self._debt_s = 0.0
        self._has_run = False

    def run_for(self, seconds: float) -> None:
        """So much emulated time for both, in turns."""
        self._debt_s += seconds
        while self._debt_s > 0:
            self._debt_s -= _TURN_S
            self.rig.run_for(_TURN_S)
            if self.parts.is_on and not self.is_empty:
                self._has_run = True
                self.board.run_for(_TURN_S)

    def _on_supply(self, is_on: bool) -> None:
        # A board that comes back keeps its flash and nothing else.
        if is_on and self._has_run:
            self.board.power_cycle()
        for told in self.on_supply:
            told(is_on)


class LivePair(LiveChip):
    """A pair that runs by itself; `port` is the rig's, `board_port` the board's data cable, which carries no supply."""

    def __init__(self, rig_uf2: Path, board_uf2: Path | None) -> None:
        self.pair = Pair(rig_uf2, board_uf2)
        self._board_cable = UsbCable(self.pair.board)
        self._board_cable.is_in = False
        self.board_port = self._board_cable.port
        super().__init__(self.pair.rig, self.pair.run_for, [self._board_cable])
        self.pair.on_supply.append(self._on_supply)

    def _on_supply(self, is_on: bool) -> None:
        self._board_cable.is_in = is_on and not self.pair.is_empty
        if not is_on:
            self._board_cable.unplug()
