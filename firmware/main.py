"""What is flashed starts here: build the application for this board, run it, record what stopped it."""

import sys

from boards import reference
from tcs.tables import P_LINK_BAUD


def _start(board):
    from tcs.app import App

    app = App(board, reference.KINDS, reference.LOWS, reference.HIGHS, reference.ADC)
    board.begin(app.tick_ms, app.params[P_LINK_BAUD])
    try:
        app.run()
    except Exception as error:
        board.last_words(error)
        raise


if sys.platform == "rp2":
    from tcs.hal import rp2

    if not rp2.is_strapped(reference):
        _start(rp2.Rp2Board(reference))
else:
    from tcs.hal.unix import UnixBoard

    _start(UnixBoard())
