"""Bytes that a control cycle takes from the heap, tick by tick, over the stimulus of the vectors. Runs under MicroPython.

    micropython heap.py ticks=20000 seed=1

Prints a line for each tick that took any, then "ticks bytes" and what was reached: verdicts, isolation, faults.
"""

import gc
import sys

import stimulus_kernel

import vectors
from boards import reference
from tcs import app, tables


class Measured(vectors.Flight):
    """Collection stands still during a cycle, so what was taken can be read off the heap's fill."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.bytes = 0
        self.worst = []

    def cycle(self):
        if self.tick % 100 == 0:
            gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        self.app.cycle(self.tick)
        taken = gc.mem_alloc() - before
        gc.enable()
        if taken:
            self.bytes += taken
            if len(self.worst) < 20:
                self.worst.append((self.tick, taken, (self.epoch - 1) % vectors.CASES))


def measure(ticks, seed=1, epoch=2000):
    """Fly, measure, print."""
    flight = Measured(seed, stimulus_kernel, tables, app, reference, epoch)
    verdicts = set()
    drives = 0
    faults = 0
    for _ in range(ticks):
        flight.step()
        verdicts.add(flight.app.detector.verdict)
        drives |= flight.app.drive_word
        faults |= flight.app.valves.faulted
    for tick, taken, case in flight.worst:
        print("tick", tick, "took", taken, "bytes in case", case)
    print("total", ticks, flight.bytes)
    print("reached", sorted(verdicts), drives, faults)


measure(**{word.split("=")[0]: int(word.split("=")[1]) for word in sys.argv[1:]})
