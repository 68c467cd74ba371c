"""`isoloop emulate`: an emulated board to talk to."""

from __future__ import annotations

import contextlib

from isoloop.errors import EXIT_OK


def emulate(scenario: str, target: str, pty: bool) -> int:
    """Fly until Ctrl-C; the first line on standard output is the port's URL.

    Raises:
        IsoloopError: no such scenario or target; the target died.
    """
    from isoloop.flight.emulate import emulate as fly_on
    from isoloop.flight.serve import PtyServer, SocketServer
    from isoloop.schema import load_scenario
    from isoloop.targets import open_target

    loaded = load_scenario(scenario)
    pins = open_target(target)
    port: PtyServer | SocketServer = PtyServer() if pty else SocketServer()
    try:
        print(port.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            fly_on(loaded, pins, port)
    finally:
        port.close()
    return EXIT_OK
