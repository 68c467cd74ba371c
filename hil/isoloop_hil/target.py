"""Target `rig:FILE.toml`: a real board whose pins a rig drives (docs/hil.md). The board keeps the pace; the plant is this host's."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from isoloop import __version__, images
from isoloop.dictionary import load_dictionary
from isoloop.errors import TargetError, UsageError
from isoloop.link.decoder import LinkDecoder, StructureReport
from isoloop.link.keys import read_key
from isoloop.link.telecommand import Credentials
from isoloop.plant import Plant, PlantConfig, adc_table
from isoloop.targets import Identity, Nor, TickAnswer
from isoloop_hil import memory
from isoloop_hil.console import LATE, NO_DAC, ON, TICKED, RigIdentity, RigPort, why
from isoloop_hil.find import find_port
from isoloop_hil.rig_file import ANY_IMAGE, RELEASE_IMAGE, RigFile, load_rig_file

TICK_MS, BAUD = 100, 115_200
"""Of a board whose memory says nothing else: what it is asked with who it is."""
SILENT_MAX_S = 12.0
"""A watchdog bites after 8 s and a boot takes one: who is silent for longer has died."""
IDENTITY_TICKS = 30
"""The structure `platform` comes with the first second's reports; a line at 115 200 baud carries them within another."""
MAINTENANCE_S = 20.0


@dataclass
class RigStatistics:
    """What a flight was like for the rig.

    Attributes:
        ticks: flown.
        late: counts that came so late that the board may have sampled the ones before.
        silent: ticks in which the board did nothing: reset, hung or stopped by an erase.
        supply_min_mv: lowest seen of the board's supply.
    """

    ticks: int = 0
    late: int = 0
    silent: int = 0
    supply_min_mv: int = 65535


_MEASURED, _IDEAL = (np.array(column, np.float64) for column in zip(*adc_table(), strict=True))


def voltages(counts: Any) -> bytes:
    """Counts that put a real RP2040's converter where the plant's has these: past its four wide codes."""
    return np.rint(np.interp(np.frombuffer(bytes(counts), np.uint16), _MEASURED, _IDEAL)).astype(np.uint16).tobytes()


class RigTarget:
    """One board on its rig. See isoloop.targets.base.Target.

    Attributes:
        rig: the rig's port, for tests that look closer.
        file: what the rig file says.
        statistics: since start().
        credentials: with which the board is commanded; without a key file the test key, which emulated boards alone take.
    """

    keeps_counters = True
    """Its memory knows the counter of the last telecommand, whatever flight that was in."""

    clock_starts_anew = True
    """After a power cut its ticks count from 0: nothing on the board keeps the time."""

    def __init__(self, file: RigFile) -> None:
        """
        Raises:
            UsageError: the rig is not plugged in, or is none.
            InputError: the key file is none.
            TargetError: its port is busy or vanishes.
        """
        self.name = f"rig:{file.label}"
        self.stall_ms = 0
        self.file = file
        self.statistics = RigStatistics()
        self.credentials = read_key(file.key) if file.key is not None else Credentials()
        self.rig = RigPort(find_port(file.rig, f"the rig of {file.label}"), file.boot_s)
        self._tick_ms = TICK_MS
        self._is_flying = False
        self._is_due = False  # the first tick's counts are what the board shall wake up to
        self._counts = bytes(32)
        self._switches = 0
        self._silent_ticks = 0
        self._identity: Identity | None = None
        try:
            self.rig_identity: RigIdentity = self.rig.identify()
        except BaseException:
            self.rig.close()
            raise

    def start(self, nor: Nor, reset_cause: int) -> None:
        """Power off; at the first time also make sure of the board's memory. A board that flew before is powered on here and now.

        The first time the board wakes up in the first tick(), to that tick's counts. What it is reset by it finds out itself.
        """
        self.stall_ms = 0
        if self._is_flying:
            answer = self.rig.power(ON, self._counts, self._switches)
            # The plant has stood still meanwhile.
            self.stall_ms = answer.took_ms
            return
        wanted = memory.parameters(nor)
        self._tick_ms = wanted.get("tick_ms", TICK_MS)
        self.identity()
        if self.file.memory == "scenario":
            self._write_memory(nor)
        else:
            memory.refuse_what_differs(nor, self.file.label)
        self.rig.fly(self._tick_ms, wanted.get("link_baud", BAUD))
        self.statistics = RigStatistics()
        self._silent_ticks = 0
        self._is_flying = True
        self._is_due = True

    def tick(self, counts: Any, fresh: int, switches: int, tick: int, uplink: bytes = b"") -> TickAnswer:
        """Show these pins and wait for the end of the board's tick; see Target.tick. A converter always has a new sample."""
        if not self._is_flying:
            raise TargetError(f"target {self.name} is not running")
        self._counts, self._switches = self._shown(counts), switches
        if self._is_due:
            self.rig.power(ON, self._counts, switches)
            self._is_due = False
        answer = self.rig.tick(self._counts, switches, uplink)
        if answer.flags & NO_DAC:
            raise TargetError(f"target {self.name}: at tick {tick} {why(answer.flags)}")
        seen = self.statistics
        seen.ticks += 1
        seen.late += bool(answer.flags & LATE)
        seen.supply_min_mv = min(seen.supply_min_mv, answer.supply_mv)
        if answer.flags & TICKED:
            self._silent_ticks = 0
        else:
            seen.silent += 1
            self._silent_ticks += 1
            if self._silent_ticks * self._tick_ms > SILENT_MAX_S * 1000:
                raise TargetError(f"target {self.name}: no sign of the board or its watchdog for {SILENT_MAX_S:g} s up to tick {tick}")
        # The chip's own watchdog does what the flight loop does for other targets.
        return TickAnswer(answer.drive_word, True, answer.downlink)

    def stop(self) -> None:
        """Power off at once."""
        if self._is_flying and not self._is_due:
            self.rig.power(0)

    def end(self) -> None:
        """The flight is over: the next start() begins with the board's memory."""
        if self._is_flying:
            self._is_flying = False
            self.rig.land()
            self.rig.identify()

    def identity(self) -> Identity:
        """What runs on the board, by its own word: it is powered on for that, sees a loop at rest, and goes off again.

        Raises:
            UsageError: another image or dictionary than the rig file and this host want, or a board on its bench.
            TargetError: no board, or it does not say.
        """
        if self._identity is None:
            told = self._ask_platform()
            image_id = f"{told['image_hash_hi']:04x}{told['image_hash_lo']:04x}"
            self._judge(told, image_id)
            known = images.info("pico")
            is_ours = known is not None and known.image_id.startswith(image_id)
            sha256 = known.sha256 if known is not None and is_ours else image_id
            self._identity = Identity(__version__, f"board in rig {self.file.name} with image {image_id}", sha256)
        return self._identity

    def close(self) -> None:
        """The board goes off, the rig is free."""
        self._is_flying = False
        self.rig.close()

    def _shown(self, counts: Any) -> bytes:
        return voltages(counts) if self.file.converter == "real" else bytes(counts)

    def _ask_platform(self) -> dict[str, int]:
        plant = Plant(PlantConfig.from_preset(), 1, TICK_MS, [])
        counts = self._shown(plant.counts)
        decoder = LinkDecoder()
        self.rig.fly(TICK_MS, BAUD)
        try:
            self.rig.power(ON, counts, plant.switches)
            for _ in range(IDENTITY_TICKS):
                for report in decoder.feed(self.rig.tick(counts, plant.switches).downlink):
                    if isinstance(report, StructureReport) and report.structure.name == "platform":
                        return {row.name: value for row, value in zip(report.structure.fields, report.values, strict=True)}
        finally:
            self.rig.land()
            self.rig.identify()
        raise TargetError(
            f"{self.file.label}: the board samples but does not say what it is: check the wires between its UART and the rig (docs/hil.md)"
        )

    def _judge(self, told: dict[str, int], image_id: str) -> None:
        label = self.file.label
        dictionary = load_dictionary().hash
        if told["dictionary_hash"] != dictionary:
            raise UsageError(
                f"{label}: the board was made with dictionary 0x{told['dictionary_hash']:04X}, this isoloop has 0x{dictionary:04X}: "
                "isoloop flash puts this version on it"
            )
        wanted = self.file.image
        if wanted == RELEASE_IMAGE:
            known = images.info("pico")
            wanted = known.image_id if known is not None else ANY_IMAGE
        if wanted != ANY_IMAGE and not wanted.startswith(image_id):
            raise UsageError(
                f"{label}: image {image_id} runs on the board, {wanted[:8]} is to be tested: isoloop flash puts it there, "
                f"or say image = \"{image_id}\" in [board]"
            )

    def _write_memory(self, nor: Nor) -> None:
        self.rig.ask("power maintenance")
        port = find_port(self.file.board, f"the board of {self.file.label}")
        end_s = time.monotonic() + MAINTENANCE_S
        while True:
            try:
                memory.write(port, nor)
                break
            except TargetError:
                # Its port comes a second after its supply.
                if time.monotonic() > end_s:
                    raise
                time.sleep(0.5)
        self.rig.ask("power off")


def open_rig(place: str) -> RigTarget:
    """The target of a rig file.

    Raises:
        InputError, UsageError, TargetError: as RigTarget.
    """
    if not place:
        raise UsageError("rig: wants a rig file, such as rig:bench.toml (docs/hil.md)")
    return RigTarget(load_rig_file(place))
