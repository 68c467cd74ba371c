"""`isoloop blackbox`: the captures of a board's black box, fetched over its link, checked and written down."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from isoloop.errors import EXIT_EXPECTATION, EXIT_OK, EXIT_TARGET, OutputError

if TYPE_CHECKING:
    from isoloop.link.black_box import Assembly
    from isoloop.link.decoder import Report
    from isoloop.link.session import GroundLink

_ROUNDS = 20
"""Requests without a new piece, after which a capture is given up."""
_PATIENCE_S = 2.0


def blackbox(port: str, out: Path, timeout_s: float, key: Path | None, baud: int) -> int:
    """Write blackbox-N.bin and blackbox-N.csv of every capture. 0 all of them, 1 one that is incomplete or wrong, 3 no answer.

    Raises:
        IsoloopError: no such key or port; the port is in use; another dictionary; the folder cannot be written.
    """
    from isoloop.dictionary import load_dictionary
    from isoloop.flight.recorder import capture_csv
    from isoloop.link.black_box import Assembly, CaptureError, read_capture
    from isoloop.link.decoder import CapturesReport
    from isoloop.link.keys import find_credentials
    from isoloop.link.session import GroundLink

    classes = load_dictionary().groups["leak_class"]
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
            cause = classes.get(entry.trigger, str(entry.trigger)) if entry.trigger else "the ground"
            try:
                if assembly.gaps():
                    raise CaptureError(f"capture {entry.number} is incomplete: {len(assembly.pieces)} of 16 pieces came")
                capture = read_capture(assembly.record())
            except CaptureError as error:
                print(error)
                code = EXIT_EXPECTATION
                continue
            path = out / f"blackbox-{entry.number}.csv"
            try:
                out.mkdir(parents=True, exist_ok=True)
                path.with_suffix(".bin").write_bytes(assembly.record())
                path.write_text(capture_csv(capture), encoding="utf-8")
            except OSError as error:
                raise OutputError(f"{path}: cannot be written ({error.strerror})") from None
            at_s = capture.trigger_tick * capture.tick_ms / 1000
            print(f"capture {entry.number}: {len(capture.samples)} ticks around {at_s:g} s, by {cause}: {path}")
    return code


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
