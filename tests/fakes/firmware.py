"""The firmware's modules on CPython, and small firmware trees of a test's own."""

from __future__ import annotations

import sys
import types
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"


def on_cpython() -> None:
    """Make `from tcs import ...` work here: the firmware on the path, and a `micropython` module that does nothing.

    Allocation and 31-bit integers are not seen this way; tests/mp runs under MicroPython for that.
    """
    if "micropython" not in sys.modules:
        module = types.ModuleType("micropython")
        for name in ("const", "native", "viper"):
            setattr(module, name, lambda thing: thing)
        for name in ("heap_lock", "heap_unlock"):
            setattr(module, name, lambda: None)
        sys.modules["micropython"] = module
    if str(FIRMWARE) not in sys.path:
        sys.path.append(str(FIRMWARE))


def make_tree(folder: Path, main: str) -> Path:
    """A firmware tree whose main.py is `main` with UnixBoard, Link, Events, Telemetry, Params, Store and tables imported before it."""
    folder.mkdir(parents=True, exist_ok=True)
    head = f"""
import sys
sys.path.append({str(FIRMWARE)!r})
from micropython import heap_lock, heap_unlock
from tcs import tables
from tcs.events import Events
from tcs.hal.unix import UnixBoard
from tcs.link import Link, budget_bytes
from tcs.params import Params
from tcs.store import Store
from tcs.telemetry import Telemetry
"""
    (folder / "main.py").write_text(head + main)
    return folder


TRIVIAL_APP = """
board = UnixBoard()
params = Params()
params.load(Store(board))
p = params.values
tick_ms = p[tables.P_TICK_MS]
link = Link(budget_bytes(p[tables.P_LINK_BAUD], tick_ms))
events = Events(16)
telemetry = Telemetry(link, events, tick_ms)
board.link = link

def run():
    board.sample()
    events.tick = board.tick
    events.emit(tables.EV_BOOT, board.reset_cause)
    events.emit(tables.EV_PARAMETERS_LOADED, params.source, params.sequence)
    while True:
        heap_lock()
        events.tick = board.tick
        if telemetry.is_due(board.tick, False):
            hk = telemetry.hk
            hk[tables.HK_P_COMP_A_PA] = board.counts[0]
            hk[tables.HK_MODE] = p[tables.P_MODE]
            telemetry.report_housekeeping(board.tick)
        else:
            telemetry.report_events()
        heap_unlock()
        board.finish(1 << 14, True)
        board.sample()

run()
"""
"""Reports what it boots with and the counts of channel 0, drives the pump and nothing else."""
