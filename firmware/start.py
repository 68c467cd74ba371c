"""Build the application for this board, run it, record what stopped it."""

import sys

from boards import reference


def run():
    """Fly; on a board also: maintenance, which leaves the REPL free, or the bench, whose pins are at the other end of a cable."""
    if sys.platform != "rp2":
        from tcs.hal.unix import UnixBoard

        _fly(UnixBoard())
        return
    from tcs.hal import rp2

    way = rp2.way_to_boot(reference)
    if way == rp2.FLY:
        _fly(rp2.Rp2Board(reference))
    elif way == rp2.BENCH:
        from tcs.hal import bench

        _fly(bench.wait_for_host(reference))


def _fly(board):
    from tcs.app import App
    from tcs.tables import P_LINK_BAUD

    try:
        app = App(board, reference.KINDS, reference.LOWS, reference.HIGHS, reference.ADC)
        board.begin(app.tick_ms, app.params[P_LINK_BAUD])
        app.run()
    except Exception as error:
        board.last_words(error)
        raise
