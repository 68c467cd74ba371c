"""`isoloop flash` and `isoloop doctor`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from isoloop import jsonout
from isoloop.errors import EXIT_OK, UsageError


def flash(
    port: str, board: str, key: Path | None, board_id: str | None, calibration: Path | None, replace: bool, timeout_s: float, json: bool
) -> int:
    """Flash a port or a drive and print what runs there.

    Raises:
        IsoloopError: whatever is in the way, in one sentence.
    """
    from isoloop.flash import Options, bootsel
    from isoloop.flash import flash as install

    if bootsel.is_drive(port):
        if key or board_id or calibration:
            raise UsageError("a drive takes the image alone: flash it first, then its serial port with --key, --board-id or --calibration")
        image = bootsel.copy_image(Path(port))
        if json:
            jsonout.emit({"ok": True, "image_id": image.image_id, "sha256": image.sha256})
        else:
            print(f"{image.path.name} is on the board: sha256 {image.sha256}, telemetered as {image.image_id[:8]}.")
            print("It restarts by itself; isoloop doctor shows its port, isoloop flash PORT gives it a key of its own.")
        return EXIT_OK
    options = Options(board, key, _board_id(board_id), calibration, replace, timeout_s)
    done = install(port, options, lambda line: None if json else print(line, flush=True))
    if json:
        document = asdict(done) | {"board_id": done.board_id.hex(), "key_file": str(done.key_file)}
        jsonout.emit({"ok": True, **document})
    else:
        print(f"{done.machine} on {done.port} runs package {done.image_id[:8]} from folder {done.folder}: its own word over the link.")
    return EXIT_OK


def doctor(port: str | None, json: bool) -> int:
    """Print what is there and what is missing.

    Raises:
        IsoloopError: the port does not open.
    """
    from isoloop.flash.doctor import examine

    if json:
        jsonout.emit({"ok": True, "findings": [asdict(finding) for finding in examine(port)]})
        return EXIT_OK
    section = ""
    for finding in examine(port):
        if finding.section != section:
            section = finding.section
            print(section)
        mark = {True: "ok", False: "--", None: "  "}[finding.ok]
        print(f"  {mark} {finding.name:<12} {finding.value}" + (f"\n{'':18}> {finding.hint}" if finding.hint else ""))
    return EXIT_OK


def _board_id(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != 8:
        raise UsageError(f"--board-id wants 16 hexadecimal digits, not '{text}'")
    return found
