"""What is flashed starts here: build the application for this board, run it, record what stopped it."""

import sys

from boards import reference
from tcs.app import App

if sys.platform == "rp2":
    from tcs.hal.rp2 import Rp2Board as Board
else:
    from tcs.hal.unix import UnixBoard as Board

App(Board(), reference.KINDS, reference.LOWS, reference.HIGHS, reference.ADC).run()
