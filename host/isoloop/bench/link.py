"""Figures of the link: hostile bytes, bit errors, forged telecommands, and how much of the line is used."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from isoloop import paths
from isoloop.bench import link_loss
from isoloop.cli.bench import Row
from isoloop.dictionary import load_dictionary
from isoloop.errors import TargetError
from isoloop.link import cobs
from isoloop.link.crc import crc16_ccitt_false
from isoloop.link.decoder import LinkDecoder, StructureReport
from isoloop.link.packet import TelemetryPacket
from isoloop.link.telecommand import KEY_BYTES, Credentials, build_packet, frame
from isoloop.targets.interpreter import find_interpreter

COMMAND = "isoloop bench link"
BER = 1e-4
FUZZ_SCRIPT = """
import sys
from micropython import heap_lock, heap_unlock
from tcs.authentication import Authentication
from tcs.counter_log import CounterLog
from tcs.store import Store
from tcs.telecommand import Telecommand
from tcs.uplink import Uplink

class Memory:
    def __init__(self):
        self.pages = [bytearray(b"\\xff" * 256) for _ in range(256)]
    def nor_read(self, sector, page, buffer):
        buffer[:] = self.pages[sector * 16 + page]
    def nor_program(self, sector, page, buffer):
        kept = self.pages[sector * 16 + page]
        for at in range(256):
            kept[at] &= buffer[at]
    def nor_erase(self, sector):
        for page in range(16):
            self.pages[sector * 16 + page][:] = b"\\xff" * 256

memory = Memory()
uplink = Uplink()
command = Telecommand()
log = CounterLog(memory)
guard = Authentication(Store(memory), log, b"emulated")
read = sys.stdin.buffer.readinto
chunk = bytearray(1024)

def main():
    packets = parsed = accepted = faults = 0
    while True:
        count = read(chunk)
        if not count:
            break
        is_taken = False
        log.tidy()  # once a second in flight
        while True:
            heap_lock()
            try:
                if not is_taken:
                    is_taken = True
                    uplink.take(chunk, count)
                length = uplink.next_packet()
                reason = command.parse(uplink.packet, length) if length else -1
                if reason == 0:
                    command.parse_arguments(uplink.packet)
            except MemoryError:
                faults += 1
                length = 0
            heap_unlock()
            if not length:
                break
            packets += 1
            if reason == 0:
                parsed += 1
                if guard.check(uplink.packet, command.tag_at, command.counter) == 0:
                    accepted += 1
    print(packets, parsed, accepted, faults, uplink.bad_frames, uplink.dropped_bytes, guard.failures, guard.replays)

main()
"""


def measure(full: bool) -> list[Callable[[], list[Row]]]:
    """The measurements, to be made one after the other."""
    frames, noise_bytes, noisy = (2_000_000, 100_000_000, 1_000_000) if full else (60_000, 2_000_000, 60_000)
    return [
        lambda: _fuzz_rows(frames, noise_bytes),
        lambda: _bit_error_rows(noisy),
        lambda: _forgery_rows(2000 if full else 200),
        lambda: _line_rows(1000 if full else 60),
        _board_rows,
    ]


def hostile_frames(count: int, seed: int) -> bytes:
    """Frames that no board may obey: damaged ones, random ones, and ones with a right error control but another's tag."""
    dice = random.Random(seed)
    rows = list(load_dictionary().telecommands)
    stranger = Credentials(b"stranger", bytes(32))
    out = bytearray()
    for number in range(count):
        row = rows[dice.randrange(len(rows))]
        kind = number % 5
        values = tuple(bytes(KEY_BYTES) if arg.is_key else arg.min for arg in row.args)
        packet = build_packet(row, values, number & 0x3FFF, number + 1 & 0x3FFFFFFF, stranger)
        if kind == 1:
            packet = dice.randbytes(dice.randrange(1, 110))
        elif kind == 2:
            body = bytearray(packet[:-2])
            body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
            packet = bytes(body) + crc16_ccitt_false(bytes(body)).to_bytes(2, "big")
        elif kind == 3:
            packet = packet[: dice.randrange(1, len(packet))]
        block = bytearray(cobs.encode(packet))
        if kind == 4:
            block[dice.randrange(len(block))] = dice.randrange(256)
        out += block + b"\0"
    return bytes(out)


class Received(NamedTuple):
    """What the firmware's receiver made of some bytes.

    Attributes:
        packets: with a right error control; parsed: telecommands among them; accepted: of those.
        faults: allocations outside the tag check.
        bad_frames, dropped_bytes, wrong_tags, replays: as the firmware counts them, up to 65535.
    """

    packets: int
    parsed: int
    accepted: int
    faults: int
    bad_frames: int
    dropped_bytes: int
    wrong_tags: int
    replays: int


def fuzz(data: bytes, command: tuple[str, ...] | None = None) -> Received:
    """Feed bytes to the firmware's receiver under MicroPython.

    Raises:
        TargetError: it raised or died.
    """
    with tempfile.TemporaryDirectory(prefix="isoloop-bench-") as folder:
        script = Path(folder) / "fuzz.py"
        script.write_text(FUZZ_SCRIPT)
        done = subprocess.run(
            [*(command or find_interpreter().command), str(script)],
            input=data, capture_output=True, check=False, env={**os.environ, "MICROPYPATH": f".frozen:{paths.firmware_dir()}"},
        )  # fmt: skip
    if done.returncode:
        raise TargetError("the firmware's receiver died of hostile bytes", (done.stdout + done.stderr).decode("utf-8", "replace"))
    return Received(*(int(text) for text in done.stdout.split()))


def _row(name: str, value: float, unit: str, want: str, ok: bool) -> Row:
    return Row(name, value, unit, want, ok, COMMAND, wall_time=False)


def _fuzz_rows(frames: int, noise_bytes: int) -> list[Row]:
    accepted = faults = sent = 0
    for seed, at in enumerate(range(0, frames, 100_000)):
        count = min(100_000, frames - at)
        done = fuzz(hostile_frames(count, seed))
        sent += count
        accepted += done.accepted
        faults += done.faults
    size = 0
    for seed in range(-(-noise_bytes // 10_000_000)):
        data = random.Random(1000 + seed).randbytes(min(10_000_000, noise_bytes - size))
        done = fuzz(data)
        size += len(data)
        accepted += done.accepted
        faults += done.faults
    return [
        _row("hostile frames", sent, "frames", f"{frames}", sent == frames),
        _row("random bytes", size / 1e6, "MB", f"{noise_bytes / 1e6:g}", size == noise_bytes),
        _row("accepted of them", accepted, "commands", "0", accepted == 0),
        _row("allocations beside the tag check", faults, "faults", "0", faults == 0),
    ]


def _bit_error_rows(frames: int) -> list[Row]:
    """Housekeeping frames with seeded bit errors into the ground's decoder."""
    structure = load_dictionary().structures_by_name["housekeeping"]
    dice = np.random.default_rng(7)
    size = sum({"u8": 1, "i8": 1, "u16": 2, "i16": 2, "i32": 4}[field.type] for field in structure.fields)
    wrong = received = bits = 0
    done = 0
    while done < frames:
        decoder = LinkDecoder()
        sent: dict[int, bytes] = {}
        stream = bytearray()
        for sequence in range(min(10_000, frames - done)):
            body = dice.bytes(size)
            packet = TelemetryPacket(sequence, 3, 25, 0, sequence, 0, structure.number.to_bytes(2, "big") + body)
            sent[sequence] = body
            stream += cobs.encode(packet.pack()) + b"\0"
        octets = np.frombuffer(bytes(stream), np.uint8).copy()
        hits = dice.integers(0, octets.size * 8, dice.binomial(octets.size * 8, BER))
        np.bitwise_xor.at(octets, hits >> 3, (1 << (hits & 7)).astype(np.uint8))
        bits += octets.size * 8
        for report in decoder.feed(octets.tobytes()):
            body_sent = sent.get(report.time_ms // 1000)
            is_right = isinstance(report, StructureReport) and body_sent is not None and _same(report, body_sent)
            received += is_right
            wrong += not is_right
        done += len(sent)
    length_bits = bits / done
    expected = 1 - (1 - BER) ** length_bits
    loss = 1 - received / done
    return [
        _row(f"wrong packets at BER {BER:g}", wrong, f"of {done}", "0", wrong == 0),
        _row("telemetry lost", 100 * loss, "%", f"<= {100 * expected + 1:.2f}", loss <= expected + 0.01),
    ]


def _same(report: StructureReport, body: bytes) -> bool:
    return struct.unpack(report.structure.struct_format, body) == report.values


def _forgery_rows(count: int) -> list[Row]:
    """Replayed, reordered, truncated, wrongly signed and other boards' telecommands, after good ones."""
    rows = load_dictionary().telecommands_by_name
    ours, wrong_key, other = Credentials(), Credentials(key=bytes(32)), Credentials(b"another!")
    good = bytearray()
    forged = bytearray()
    for number in range(1, count + 1):
        packet = build_packet(rows["ping"], (), number, number, ours)
        good += frame(packet)
        forged += frame(packet)  # replayed and, all being older than the last good one, reordered
        forged += frame(build_packet(rows["ping"], (), number, count + number, wrong_key))
        forged += frame(build_packet(rows["ping"], (), number, count + number, other))
        cut = packet[:-4]
        forged += frame(cut + crc16_ccitt_false(cut).to_bytes(2, "big"))
    right = fuzz(bytes(good)).accepted
    both = fuzz(bytes(good + forged))
    refused = both.wrong_tags + both.replays + both.packets - both.parsed
    return [
        _row("good telecommands accepted", right, "commands", f"{count}", right == count),
        _row("forged ones accepted", both.accepted - right, f"of {4 * count}", "0", both.accepted == right),
        _row("forged ones refused and counted", refused, "commands", f"{4 * count}", refused == 4 * count),
    ]


def _line_rows(losses: int) -> list[Row]:
    """How much of 115 200 baud a leak's full-rate reports use at 10 ms, and that downlink over a connection that is cut."""
    from isoloop.flight import fly
    from isoloop.schema import load_scenario

    text = 'schema = "isoloop.scenario/1"\nname = "line"\nduration_s = 100\ntick_ms = 10\n' + (
        '[[event]]\nat_s = 10\nkind = "leak"\nsegment = "rad2"\nhole_mm = 2.0\n'
    )
    with tempfile.TemporaryDirectory(prefix="isoloop-bench-") as folder:
        path = Path(folder) / "line.toml"
        path.write_text(text)
        summary = fly(load_scenario(path), "unix", Path(folder) / "out")
        data = (Path(folder) / "out" / "link.bin").read_bytes()
    decoder = LinkDecoder()
    busy = 0
    for block in data.split(b"\0"):
        for report in decoder.feed(block + b"\0"):
            if 20_000 <= report.time_ms < 38_000:
                busy += len(block) + 1
    share = 100 * busy / (11_520 * 18)
    late = summary["ticks_late"]
    return [
        _row("of 115200 baud used", share, "%", ">= 95", share >= 95),
        _row("late cycles meanwhile", late, "ticks", "0", late == 0),
        *_loss_rows(data, losses),
    ]


def _loss_rows(data: bytes, losses: int) -> list[Row]:
    """The link lost in the middle of frames and found again, the host itself started anew now and then."""
    found = link_loss.measure(data, losses)
    unsound = found.missed + found.twice + found.wrong
    gaps, counted = found.gaps_true, found.gaps_counted
    return [
        _row("link lost and found", found.losses, "times", f">= {losses}", found.losses >= losses),
        _row("host started anew", found.restarts, "times", "", True),
        _row("whole frames missed, wrong or twice", unsound, f"of {found.received}", "0", unsound == 0),
        _row("frames lost, as counted", counted, f"of {found.sent}", f"{gaps}", counted == gaps),
    ]


def _board_rows() -> list[Row]:
    """What the wire costs the emulated Pico; none of it without the board's image."""
    from isoloop import images
    from isoloop.bench import wire_cost

    uf2 = images.refresh("pico")
    if uf2 is None:
        return []
    cost = wire_cost.measure(uf2)
    limit = wire_cost.SHARE_MAX * wire_cost.TICK_CYCLES

    def percent(cycles: int) -> float:
        return 100 * cycles / wire_cost.TICK_CYCLES

    def judged(name: str, cycles: int) -> Row:
        return _row(name, percent(cycles), "% of tick", f"<= {100 * wire_cost.SHARE_MAX:g}", cycles <= limit)

    def shown(name: str, cycles: int) -> Row:
        return _row(name, cycles, "cycles", "-", True)

    return [
        judged("board: encode housekeeping", cost.encode),
        judged("board: decode longest command", cost.decode),
        judged("board: both in one tick", cost.encode + cost.decode),
        *(shown(f"board: housekeeping, {name}", cycles) for name, cycles in cost.encoding.items()),
        *(shown(f"board: command, {name}", cycles) for name, cycles in cost.longest.items()),
        shown("board: short command, in all", sum(cost.short.values())),
        shown("board: quiet tick", cost.tick_quiet),
        shown("board: tick with a command", cost.tick_command),
        shown("board: and with a collection", cost.tick_collecting),
    ]
