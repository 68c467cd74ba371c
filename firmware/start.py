"""Build the application for this board, run it, record what stopped it."""

import sys


def board_file():
    """The board file that `isoloop flash --board` chose, else the reference board's."""
    try:
        from board_name import NAME
    except ImportError:
        NAME = "reference"
    return getattr(__import__("boards." + NAME), NAME)


def run():
    """Fly; on a board also: maintenance, which leaves the REPL free, or the bench, whose pins are at the other end of a cable."""
    pins = board_file()
    if sys.platform != "rp2":
        from tcs.hal.unix import UnixBoard

        _fly(UnixBoard(), pins)
        return
    from tcs.hal import rp2

    way = rp2.way_to_boot(pins)
    if way == rp2.FLY:
        _fly(rp2.Rp2Board(pins), pins)
    elif way == rp2.BENCH:
        from tcs.hal import bench

        _fly(bench.wait_for_host(pins), pins)


def _fly(board, pins):
    from tcs.app import App
    from tcs.tables import P_LINK_BAUD

    try:
        app = App(board, pins.KINDS, pins.LOWS, pins.HIGHS, pins.ADC)
        board.begin(app.tick_ms, app.params[P_LINK_BAUD])
        app.run()
    except Exception as error:
        board.last_words(error)
        raise
