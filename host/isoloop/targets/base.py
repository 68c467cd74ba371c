"""What every target can do, and which one a name means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from typing import Any, NamedTuple, Protocol

from isoloop.errors import UsageError
from isoloop.targets.nor import Nor

HANG_S = 10.0
"""A firmware that does not answer for this long, in wall time, hangs."""


class TickAnswer(NamedTuple):
    """What the firmware does with one tick.

    Attributes:
        drive_word: bit 2i opens and bit 2i + 1 shuts valve i, bit 14 pump on, bit 15 output enable of the valve drivers.
        fed: every stage has run and the watchdog was fed.
        downlink: bytes that left its UART in this tick.
    """

    drive_word: int
    fed: bool
    downlink: bytes


@dataclass(frozen=True)
class Identity:
    """What runs on a target: version of the firmware, of its MicroPython, and a hash over what was started."""

    version: str
    micropython: str
    image_sha256: str

    def document(self) -> dict[str, str]:
        """As summary.json shows it."""
        return asdict(self)


class Target(Protocol):
    """Something that runs the firmware, one tick at a time.

    Every method may raise TargetError when the firmware dies, hangs or breaks the protocol; close() never does.
    """

    name: str
    stall_ms: int
    """Time that sector erases have stopped the processor for since boot; the flight loop takes it and sets it to 0."""

    def start(self, nor: Nor, reset_cause: int) -> None:
        """Boot the firmware on this non-volatile memory, which it keeps and may change. Boots again when it runs already."""

    def tick(self, counts: Any, fresh: int, switches: int, tick: int, uplink: bytes = b"") -> TickAnswer:
        """Give one tick's pins and take the answer.

        Args:
            counts: buffer of 16 unsigned 16-bit counts.
            fresh: bit i: channel i has a new sample.
            switches: end switches of the valves.
            tick: number of this tick, below 2^30.
            uplink: bytes that come up the UART, at most 2048.
        """

    def stop(self) -> None:
        """Power off at once: nothing is said to the firmware."""

    def identity(self) -> Identity:
        """What runs there."""

    def close(self) -> None:
        """End it, whatever state it is in. May be called twice."""


def _open_unix(core: int | None, hang_s: float) -> Target:
    from isoloop.targets.unix import UnixTarget

    return UnixTarget(core=core, hang_s=hang_s)


def _open_unix32(core: int | None, hang_s: float) -> Target:
    from isoloop import images, paths
    from isoloop.kernels.viper import viper_tree
    from isoloop.targets.interpreter import Interpreter
    from isoloop.targets.unix import UnixTarget

    image = images.find("unix32")
    if image is None:
        raise UsageError("target unix32 needs its image: build it with python -m isoloop.images build unix32 (docs/images.md)")
    # As on the board: the kernels under viper, whose ptr32 is signed where a word is 32 bits.
    firmware = viper_tree(paths.firmware_dir())
    return UnixTarget(Interpreter((str(image),)), firmware, core=core, hang_s=hang_s, name="unix32")


def _open_pico(core: int | None, hang_s: float) -> Target:
    from isoloop.targets.pico import open_pico

    return open_pico()


SERIAL = "serial"
SERIAL_HANG_S = 60.0
"""As HANG_S, of a board on a cable: an emulated one on a busy host takes its time."""


def _open_serial(place: str, hang_s: float) -> Target:
    from isoloop.targets.serial import SerialTarget

    if not place:
        raise UsageError("serial: wants a port, such as serial:/dev/ttyACM0; isoloop doctor lists those of this host")
    return SerialTarget(place, max(hang_s, SERIAL_HANG_S))


PLACED_TARGETS = "isoloop.targets"
"""Entry points of other packages: `NAME = "module:function"` opens `NAME:PLACE`. The rig's is one, so nothing here knows of rigs."""


def _open_placed(kind: str, place: str) -> Target | None:
    for point in entry_points(group=PLACED_TARGETS, name=kind):
        opened: Target = point.load()(place)
        return opened
    return None


OPENERS: dict[str, Callable[[int | None, float], Target]] = {"unix": _open_unix, "unix32": _open_unix32, "pico": _open_pico}
"""Targets by name."""


def open_target(name: str, core: int | None = None, hang_s: float = HANG_S) -> Target:
    """The target of that name, not yet started.

    Args:
        name: such as `unix`.
        core: processor core for it and this process where it runs on this host; None: the one this process is on now.
        hang_s: longest wait for an answer, wall time.

    Raises:
        UsageError: no target has this name, or this host lacks what it needs.
    """
    kind, mark, place = name.partition(":")
    if mark and kind == SERIAL:
        return _open_serial(place, hang_s)
    if mark and (placed := _open_placed(kind, place)) is not None:
        return placed
    if name not in OPENERS:
        raise UsageError(f"there is no target '{name}'; there is {', '.join([*OPENERS, f'{SERIAL}:PORT', 'rig:FILE.toml'])}")
    return OPENERS[name](core, hang_s)
