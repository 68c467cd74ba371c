"""`python -m isoloop.emulator`: an emulated Pico with the release image on a pseudo-terminal, to flash and to fly without a board."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path

from isoloop.errors import EXIT_OK, IsoloopError


def main(arguments: list[str] | None = None) -> int:
    """Run until Ctrl-C; the first line on standard output is the port."""
    parser = argparse.ArgumentParser(prog="python -m isoloop.emulator", description="An emulated Pico on a pseudo-terminal, until Ctrl-C.")
    parser.add_argument("--bench", action="store_true", help="bench strap closed: isoloop run ms22 --target serial:PORT")
    parser.add_argument("--maintenance", action="store_true", help="maintenance strap closed: MicroPython's prompt")
    parser.add_argument("--flash", type=Path, metavar="FILE", help="keep the flash in this file from one run to the next")
    options = parser.parse_args(arguments)
    try:
        from isoloop.emulator.live import LiveBoard
        from isoloop.flash.bootsel import release_image

        kept = options.flash.read_bytes() if options.flash and options.flash.exists() else None
        uf2 = release_image().path
        with LiveBoard(uf2, bench=options.bench, maintenance=options.maintenance, files={}, flash=kept) as board:
            board.wait(0.5)
            print(board.port, flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                while True:
                    time.sleep(1)
            if options.flash:
                options.flash.write_bytes(board.flash())
    except (IsoloopError, OSError) as error:
        print(f"isoloop.emulator: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 2)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
