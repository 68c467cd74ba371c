"""`isoloop-rig`: find, test and emulate a rig. Exit codes as of `isoloop`."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path

from isoloop.errors import EXIT_OK, IsoloopError, OutputError, UsageError

EXIT_FAILED = 1


def main(arguments: list[str] | None = None) -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="isoloop-rig", description="A rig for hardware in the loop: docs/hil.md.")
    commands = parser.add_subparsers(dest="command", required=True)
    test = commands.add_parser("test", help="the rig's self-test: 0 good, 1 a check failed, 3 no answer")
    test.add_argument("file", metavar="FILE.toml", help="rig file")
    test.add_argument("--json", action="store_true", help="one JSON document")
    who = commands.add_parser("board", help="power the board on and say what runs there, compared with what the rig file wants")
    who.add_argument("file", metavar="FILE.toml", help="rig file")
    emulate = commands.add_parser("emulate", help="an emulated rig with an emulated board in it, until Ctrl-C; prints the rig file's path")
    emulate.add_argument("--file", type=Path, default=Path("emulated-rig.toml"), help="the rig file to write (default: %(default)s)")
    wiring = commands.add_parser("wiring", help="the wiring table and drawing, from the pin tables of rig and board file")
    wiring.add_argument("--svg", action="store_true", help="the drawing instead of the table")
    options = parser.parse_args(arguments)
    try:
        if options.command == "test":
            return _test(options.file, options.json)
        if options.command == "board":
            return _board(options.file)
        if options.command == "wiring":
            return _wiring(options.svg)
        return _emulate(options.file)
    except IsoloopError as error:
        if getattr(options, "json", False):
            print(json.dumps({"ok": False, "error": error.document()}))
        print(f"isoloop-rig: {error}", file=sys.stderr)
        return error.exit_code


def _test(file: str, as_json: bool) -> int:
    from isoloop_hil.console import RigPort
    from isoloop_hil.find import find_port
    from isoloop_hil.rig_file import load_rig_file

    rig_file = load_rig_file(file)
    port = RigPort(find_port(rig_file.rig, f"the rig of {file}"), rig_file.boot_s)
    try:
        identity = port.identify()
        checks = port.self_test()
    finally:
        port.close()
    good = all(check.is_good for check in checks)
    if as_json:
        rows = [{"name": check.name, "ok": check.is_good, "seen": check.seen} for check in checks]
        print(json.dumps({"ok": good, "rig": identity.unique_id, "image": identity.image_id, "checks": rows}))
    else:
        print(f"rig {identity.unique_id}, image {identity.image_id[:8]}, {identity.micropython}")
        for check in checks:
            print(f"{'good' if check.is_good else 'BAD '} {check.name}: {check.seen}")
    return EXIT_OK if good else EXIT_FAILED


def _board(file: str) -> int:
    from isoloop_hil.target import open_rig

    target = open_rig(file)
    try:
        identity = target.identity()
    finally:
        target.close()
    print(f"{identity.micropython}, sha256 {identity.image_sha256}")
    return EXIT_OK


def _wiring(as_svg: bool) -> int:
    from isoloop_hil.wiring import drawing, page

    print(drawing() if as_svg else page(), end="")
    return EXIT_OK


def _emulate(file: Path) -> int:
    from isoloop import images
    from isoloop.flash.bootsel import release_image
    from isoloop_hil.emulated.pair import LivePair

    rig_uf2 = images.refresh("rig")
    if rig_uf2 is None:
        raise UsageError("an emulated rig needs its image: build it with python -m isoloop.images build rig (docs/images.md)")
    with LivePair(rig_uf2, release_image().path) as pair:
        pair.wait(0.6)
        try:
            file.write_text(
                f'schema = "isoloop.rig/1"\nname = "emulated"\nwait_s = 300\n\n[rig]\nport = "{pair.port}"\n'
                f'\n[board]\nport = "{pair.board_port}"\nmemory = "scenario"\nconverter = "ideal"\n'
            )
        except OSError as error:
            raise OutputError(f"{file} cannot be written ({error.strerror})") from None
        with contextlib.suppress(KeyboardInterrupt):
            print(file, flush=True)
            while True:
                time.sleep(1)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
