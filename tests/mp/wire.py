"""A fixed sequence of events, reports and drains; prints the downlink as hex. Runs under any Python that has the firmware on its path.

Under MicroPython everything between start-up and the print runs with the heap locked. Arguments: budget in bytes a tick, tick in ms.
"""

import sys

from micropython import heap_lock, heap_unlock

from tcs import tables
from tcs.events import Events
from tcs.link import Link
from tcs.telemetry import Telemetry

BUDGET_BYTES = int(sys.argv[1])
TICK_MS = int(sys.argv[2])
TICKS = 400
FIRST_TICK = 267_840_000  # 31 days at 100 Hz, the longest scenario
OUT_BYTES = 200_000

link = Link(BUDGET_BYTES)
events = Events(8)
telemetry = Telemetry(link, events, TICK_MS)
out = bytearray(OUT_BYTES)


def extreme(index, tick):
    """Values at and beyond the ends of every field type, and full runs of non-zero bytes for the stuffing."""
    kind = (index + tick) % 7
    if kind == 0:
        return tables.UNKNOWN
    if kind == 1:
        return 0x3FFFFFFF
    if kind == 2:
        return -0x3FFFFFFF
    if kind == 3:
        return 0x01010101
    if kind == 4:
        return 0
    return index * 7919 + (tick & 0x3FFF) * 61


def fly():
    """Returns how many bytes of out are filled."""
    at = 0
    tick = FIRST_TICK
    last = tick + TICKS
    while tick < last:
        events.tick = tick
        if tick % 3 == 0:
            events.emit(tables.EV_LEAK_ALARM, 1, -5, 0x3FFFFFFF, -0x40000000)
        if tick % 50 == 0:
            n = 0
            while n < 12:
                events.emit(tables.EV_LEAK_CLEARED)
                n += 1
        if telemetry.is_due(tick, tick % 100 < 10):
            hk = telemetry.hk
            index = 2
            while index < tables.HK_COUNT:
                if index != tables.HK_EVENTS_DROPPED and index != tables.HK_REPORTS_SKIPPED:  # telemetry's own
                    hk[index] = extreme(index, tick)
                index += 1
            telemetry.report_housekeeping(tick)
        else:
            telemetry.report_events()
        if tick % 70 == 0:
            telemetry.platform[0] = 70000
            telemetry.report_platform(tick)
        count = link.drain(2048)
        n = 0
        while n < count:
            out[at] = link.buffer[link.drained_at + n]
            at += 1
            n += 1
        tick += 1
    return at


def main():
    """Fly with the heap locked, then print."""
    heap_lock()
    filled = fly()
    heap_unlock()
    at = 0
    while at < filled:
        print("".join(f"{byte:02x}" for byte in out[at : min(filled, at + 64)]))
        at += 64
    print(link.sequence, events.dropped, telemetry.hk[tables.HK_REPORTS_SKIPPED])


main()
