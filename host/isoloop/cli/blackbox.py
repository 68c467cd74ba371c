"""`isoloop blackbox`: the captures of a board's black box, fetched over its link, checked and written down."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from isoloop.errors import EXIT_EXPECTATION, EXIT_OK, EXIT_TARGET, InputError, OutputError, UsageError

if TYPE_CHECKING:
    from isoloop.link.black_box import Assembly, Capture
    from isoloop.link.decoder import Report
    from isoloop.link.session import GroundLink

_ROUNDS = 20
"""Requests without a new piece, after which a capture is given up."""
_PATIENCE_S = 2.0


def blackbox(port: str | None, replay: Path | None, out: Path, timeout_s: float, key: Path | None, baud: int) -> int:
    """Write blackbox-N.bin and blackbox-N.csv of every capture. 0 all of them, 1 one that is incomplete or wrong, 3 no answer.

    Args:
        replay: a log of the link, or a run's link.bin, whose captures are wanted instead of a board's.

    Raises:
        IsoloopError: neither or both of port and log; no such key, port or log; the port is in use; another dictionary; the folder cannot
            be written.
    """
    if (port is None) == (replay is None):
        raise UsageError("blackbox needs either a PORT or --replay FILE")
    return _from_board(str(port), out, timeout_s, key, baud) if replay is None else _from_log(replay, out)


def capture_text(capture: Capture) -> str:
    """A capture in a line."""
    from isoloop.dictionary import load_dictionary

    cause = load_dictionary().groups["leak_class"].get(capture.trigger, str(capture.trigger)) if capture.trigger else "the ground"
    at_s = capture.trigger_tick * capture.tick_ms / 1000
    return f"capture {capture.number}: {len(capture.samples)} ticks around {at_s:g} s, by {cause}"


def _from_log(log: Path, out: Path) -> int:
    from isoloop.link.black_box import Collector
    from isoloop.link.bytelog import read_log
    from isoloop.link.decoder import LinkDecoder, PieceReport, refusal

    decoder = LinkDecoder()
    collector = Collector()
    code = EXIT_OK
    numbers: list[int] = []
    for _, direction, data in read_log(log):
        if direction != "<":
            continue
        for report in decoder.feed(data):
            if not isinstance(report, PieceReport):
                continue
            record = collector.add(report.transaction, report.number, report.data)
            if record is not None:
                numbers.append(report.transaction)
                code = max(code, _keep(record, out, numbers.count(report.transaction)))
        if decoder.foreign_hash is not None:
            text = refusal("what was recorded comes from a firmware that", decoder.foreign_hash, decoder.dictionary.hash)
            raise InputError(log, None, None, text)
    for number, pieces in collector.incomplete():
        print(f"capture {number} is incomplete: {pieces} of 16 pieces came")
        code = EXIT_EXPECTATION
    if not numbers and code == EXIT_OK:
        print(f"no capture has come down in {log}")
    return code


def _from_board(port: str, out: Path, timeout_s: float, key: Path | None, baud: int) -> int:
    from isoloop.link.black_box import Assembly
    from isoloop.link.decoder import CapturesReport
    from isoloop.link.keys import find_credentials
    from isoloop.link.session import GroundLink

    with GroundLink(port, baud, find_credentials(key), timeout_s=timeout_s) as link:
        listed: list[Report] = []
        outcome = link.command("box_report", None, timeout_s, listed.append)
        entries = next((report.captures for report in reversed(listed) if isinstance(report, CapturesReport)), None)
        if not outcome.is_completed or entries is None:
            print(f"no list of captures within {timeout_s:g} s")
            return EXIT_TARGET
        if not entries:
            print("the black box holds no capture")
        code = EXIT_OK
        for entry in sorted(entries, key=lambda entry: entry.number):
            assembly = Assembly(entry.number)
            _fetch(link, assembly, timeout_s)
            if assembly.gaps():
                print(f"capture {entry.number} is incomplete: {len(assembly.pieces)} of 16 pieces came")
                code = EXIT_EXPECTATION
            else:
                code = max(code, _keep(assembly.record(), out))
    return code


def _keep(record: bytes, out: Path, nth: int = 1) -> int:
    """Check a record and write it down; the exit code. nth: of this number, where a log holds those of several boards."""
    from isoloop.flight.recorder import capture_csv
    from isoloop.link.black_box import CaptureError, read_capture

    try:
        capture = read_capture(record)
    except CaptureError as error:
        print(error)
        return EXIT_EXPECTATION
    path = out / (f"blackbox-{capture.number}.csv" if nth == 1 else f"blackbox-{capture.number}-{nth}.csv")
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".bin").write_bytes(record)
        path.write_text(capture_csv(capture), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from None
    print(f"{capture_text(capture)}: {path}")
    return EXIT_OK


def _fetch(link: GroundLink, assembly: Assembly, timeout_s: float) -> None:
    """Ask for what is missing until nothing is, or nothing more comes."""
    from isoloop.link.decoder import PieceReport

    def take(report: Report) -> None:
        if isinstance(report, PieceReport):
            assembly.add(report.transaction, report.number, report.data)

    rounds = 0
    while assembly.gaps() and rounds < _ROUNDS:
        first, count = assembly.gaps()[0]
        had = len(assembly.pieces)
        link.command("box_downlink", {"capture": assembly.number, "first": first, "count": count}, timeout_s, take)
        quiet_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < quiet_s and first + count - 1 not in assembly.pieces:
            for report in link.poll(_PATIENCE_S / 4):
                size = len(assembly.pieces)
                take(report)
                if len(assembly.pieces) > size:
                    quiet_s = time.monotonic() + _PATIENCE_S
        rounds = 0 if len(assembly.pieces) > had else rounds + 1
