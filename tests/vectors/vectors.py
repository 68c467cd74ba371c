"""The vectors: the flight application fed with every kind of counts and parameters, its whole state hashed as it goes.

One file for CPython (kernels compiled by numba), for any MicroPython and for the Pico: the same ticks give the same hashes everywhere.

    python vectors.py ticks=50000 seed=1 every=1000          one line "tick hash" every 1000 ticks
    python vectors.py ticks=4321 dump=1                      and the whole state after the last of them
"""

import binascii
import gc
import sys
from array import array

# Ends of the range, and either side of every threshold and of the converter's wide codes.
EXTREMES = array("i", (0, 65520, 1, 65535, 3275, 3276, 3277, 6551, 6552, 62244, 62245, 58968, 32760, 8176, 8192, 24560, 24576, 57344))
CASES = 8  # kinds of parameter sets; see choose()
COUNT_Q = 10
# Counts of a healthy loop at 20 C: compensator, pump, radiators, cabin, temperatures, supply.
NOMINAL = (31292, 31292, 31292, 25945, 17647, 17647, 17647, 27776, 38584, 38584, 38584, 38584, 38584, 38584, 38584, 32760)
ROOTS = (
    "sensing",
    "data_path",
    "inventory",
    "detector",
    "leak_rate",
    "watches",
    "valves",
    "isolation",
    "localisation",
    "recovery",
    "diagnosis",
    "crew",
)
# What they hold depends on the machine, or is no state of a stage.
PASSED_OVER = ("App", "Telemetry", "Link", "Board", "Params", "Store", "Events")
STEADY_SCENES = (0, 0, 0, 1, 1, 2)
CALM_SCENES = (0, 0, 0, 3, 3, 3, 3, 3, 3, 5, 11, 11)


class Board:
    """The hal seam with nothing behind it: valves go where they are driven, at once."""

    def __init__(self):
        self.counts = array("H", [0] * 16)
        self.fresh = 0
        self.switches = 0
        self.tick = 0
        self.reset_cause = 0
        self.rx = bytearray(16)
        self.rx_count = 0
        self.link = None
        self.unique_id = b"emulated"
        self.home()

    def home(self):
        """Radiators open, bypass shut."""
        self.switches = 0
        for valve in range(6):
            self.switches |= 1 << (2 * valve)
        self.switches |= 1 << 13

    def follow(self, drive_word):
        """Move the valves that are driven."""
        if drive_word & 0x8000:
            for valve in range(7):
                drive = (drive_word >> (2 * valve)) & 3
                if drive in (1, 2):
                    self.switches = self.switches & ~(3 << (2 * valve)) | drive << (2 * valve)

    def ticks_us(self):
        return 0

    def nor_read(self, sector, page, buffer):
        for i in range(len(buffer)):
            buffer[i] = 255

    def nor_program(self, sector, page, buffer):
        pass

    def nor_erase(self, sector):
        pass


def nothing(*_arguments):
    """What a stage that is left out does."""


class Flight:
    """One application after another, each with its own parameters; step() is one tick."""

    def __init__(self, seed, stimulus, tables, app_module, board_module, epoch_ticks=4000, lean=0):
        self.epoch_ticks = epoch_ticks
        self.lean = lean
        self.connected = 7
        self.calm = 0
        self.kernel = stimulus
        self.tables = tables
        self.module = app_module
        self.reference = board_module
        self.random = array("i", [0] * stimulus.SIZE)
        self.random[stimulus.RANDOM] = 1 + seed * 7919 % 0xFFFF
        for _ in range(16):
            self.draw(2)
        self.board = Board()
        self.app = None
        self.tick = 0
        self.epoch = 0
        self.scene_left = 0
        self.scalars = []
        self.arrays = []
        self.snapshot = array("i", [0])

    def draw(self, below):
        """A random number 0..below - 1, below up to 2^30."""
        x = self.kernel.draw(self.random)
        if below > 0x7FFF:
            x = (x << 15) | self.kernel.draw(self.random)
        return x % below

    def boot(self):
        """A new application; its parameters are the epoch's."""
        case = self.epoch % CASES
        self.epoch += 1
        flight = self
        original = self.module.Params

        class Chosen(original):
            def load(self, *_rest):
                flight.choose(case, self.values)

        kinds, lows, highs = self.spans(case)
        # Two applications have no room on a chip.
        self.app = self.board.link = self.snapshot = None
        self.arrays = []
        self.scalars = []
        gc.collect()
        self.module.Params = Chosen
        try:
            self.board.home()
            self.app = self.module.App(self.board, kinds, lows, highs, self.reference.ADC)
        finally:
            self.module.Params = original
        if self.lean:
            self.leave_out()
        seen = []
        for name in ROOTS:
            self.walk(name, getattr(self.app, name, None), seen)
        self.snapshot = array("i", [0] * len(self.scalars))
        self.scene_left = 0
        self.calm = (self.epoch + self.epoch // CASES) % 2
        gc.collect()

    def leave_out(self):
        """Leave out what has no kernel in it: an emulated chip takes half as long. Radiators come and go by themselves then."""
        app = self.app
        for name in ("_report", "_report_channels", "_report_inventory", "_drive"):
            if not hasattr(app, name):
                raise AttributeError(name)
            setattr(app, name, nothing)
        app.isolation.step = nothing
        app.diagnosis.judge = nothing
        app.valves.connected = lambda: self.connected

    def choose(self, case, values):
        """0, 1 defaults; 2 the minima; 3 the maxima, both with either tick; 4 an end each; 5 anything each; 6, 7 mixed.

        The coolant takes its turn in all of them.
        """
        tables = self.tables
        low, high = tables.PARAM_MINS, tables.PARAM_MAXS
        for i in range(len(values)):
            if case == 2:
                values[i] = low[i]
            elif case == 3:
                values[i] = high[i]
            elif case == 4:
                values[i] = high[i] if self.draw(2) else low[i]
            elif case == 5 or (case > 5 and self.draw(8) == 0):
                values[i] = min(high[i], low[i] + self.draw(min(0x3FFFFFFF, high[i] - low[i] + 1)))
        if case in (2, 3) and self.draw(2):
            values[tables.P_TICK_MS] = low[tables.P_TICK_MS] if case == 3 else high[tables.P_TICK_MS]
        values[tables.P_COOLANT] = self.epoch // CASES % 3

    def spans(self, case):
        """Calibration: the reference board's; a random one; a flow meter in the cabin's place; nearly nothing fitted."""
        kinds = array("i", self.reference.KINDS)
        lows = array("i", self.reference.LOWS)
        highs = array("i", self.reference.HIGHS)
        if case == 5:
            for i in range(15):
                if kinds[i] == 1:
                    lows[i] = self.draw(100001)
                    highs[i] = lows[i] + self.draw(4000001)
                else:
                    lows[i] = -self.draw(120001)
                    highs[i] = lows[i] + self.draw(300001)
        if case in (1, 4, 7):
            kinds[7] = 4
            lows[7] = 0
            highs[7] = 2500000
        if case == 6:
            for i in range(16):
                if self.draw(4) == 0:
                    kinds[i] = 0
        return kinds, lows, highs

    def walk(self, name, thing, seen):
        """Collect the arrays and integers that a stage is made of, in an order of names."""
        if thing is None:
            return
        if isinstance(thing, (array, memoryview)):  # what the memory watches lies in its blocks
            self.arrays.append((name, thing))
            return
        if isinstance(thing, (tuple, list)):
            for i in range(len(thing)):
                self.walk(name + "." + str(i), thing[i], seen)
            return
        if isinstance(thing, (int, bool)):
            return
        inside = getattr(thing, "__dict__", None)
        if inside is None or type(thing).__name__ in PASSED_OVER or thing in seen:
            return
        seen.append(thing)
        for key in sorted(inside):
            value = inside[key]
            if isinstance(value, (int, bool)):
                self.scalars.append((thing, key, name + "." + key))
            else:
                self.walk(name + "." + key, value, seen)

    def scene(self):
        """What the loop does for the next while: every channel's mode, level, slope and noise anew.

        In a calm epoch nothing jumps: a healthy loop that drifts, leaks at any rate, and loses single channels. Else anything happens.
        """
        kernel = self.kernel
        st = self.random
        kind = self.draw(12)
        self.scene_left = 20 + self.draw(400)
        if self.calm:
            kind = CALM_SCENES[kind] if self.tick % self.epoch_ticks else 0
        if kind < 6:
            kind = STEADY_SCENES[kind]
            self.scene_left += self.draw(600)
        bit = 1 << self.draw(16)
        # 0.8 mm takes 4.7 counts a tick of 100 ms.
        slope = -self.draw(1 << (8 + self.draw(8)))
        only = self.draw(32)
        for i in range(16):
            row = kernel.ROW + i * kernel.STRIDE
            mode = kernel.WALK
            step = 0
            noise = self.draw(40)
            level = NOMINAL[i] << COUNT_Q
            if self.calm:
                noise = 1 + self.draw(3) if i >= 8 else 10 + self.draw(15)  # temperatures that jump together are a data-path fault
                if self.tick % self.epoch_ticks:
                    level = st[row + kernel.LEVEL_Q10]
            elif kind <= 2 and self.draw(4):
                level = st[row + kernel.LEVEL_Q10]
            if kind == 1 and i < 7:
                step = slope
            elif kind == 2:
                step = (self.draw(2049) - 1024) >> (3 * self.calm + self.draw(10))
            elif kind == 6 or kind == 7:
                mode = self.draw(kernel.MODES)
                level = self.draw(0x10000) << COUNT_Q
                step = self.draw(1 << 17) - (1 << 16)
                noise = self.draw(4000)
            elif kind == 8:
                mode = kernel.EXTREMES
                level = EXTREMES[self.draw(len(EXTREMES))] << COUNT_Q
                if self.draw(2):
                    mode = kernel.FROZEN
            elif kind == 9:
                mode = kernel.FLIPPED
            elif kind == 10:
                mode = kernel.FROZEN if self.draw(2) else kernel.SILENT
            elif kind == 11 and (i == only if self.calm else self.draw(4) == 0):
                mode = self.draw(kernel.MODES)
            st[row + kernel.MODE] = mode
            st[row + kernel.LEVEL_Q10] = level
            st[row + kernel.SLOPE_Q10] = step
            st[row + kernel.NOISE_COUNTS] = noise
            st[row + kernel.EXTRA] = bit if mode == kernel.FLIPPED else self.draw(len(EXTREMES))
        if self.lean:
            self.connected = self.draw(8) if self.draw(3) == 0 else 7
        chance = self.draw(128 if self.calm else 16)
        if chance < 3:
            self.board.switches = self.draw(0x4000)
        elif chance < 5:
            self.board.home()
        elif chance < 7:
            self.app.detector.rearm()
        elif chance < 9:
            self.app.isolation.pump_on = not self.app.isolation.pump_on

    def step(self):
        """One tick."""
        if self.tick % self.epoch_ticks == 0:
            self.boot()
        if self.scene_left == 0:
            self.scene()
        self.scene_left -= 1
        board = self.board
        board.fresh = self.kernel.stimulate(board.counts, EXTREMES, len(EXTREMES), self.random)
        board.tick = self.tick
        self.cycle()
        board.follow(self.app.drive_word)
        self.tick += 1

    def cycle(self):
        """The application's part of a tick."""
        self.app.cycle(self.tick)

    def hash(self, value):
        """`value` carried on over the counts, every array and every integer of the stages."""
        value = binascii.crc32(self.board.counts, value)
        for _, words in self.arrays:
            value = binascii.crc32(words, value)
        snapshot = self.snapshot
        for i in range(len(snapshot)):
            thing, key, _ = self.scalars[i]
            snapshot[i] = getattr(thing, key)
        return binascii.crc32(snapshot, value)

    def dump(self):
        """The whole state, one line an array: what to compare at the first tick that differs."""
        print("counts", list(self.board.counts), "fresh", self.board.fresh)
        for name, words in self.arrays:
            print(name, list(words))
        for thing, key, name in self.scalars:
            print(name, int(getattr(thing, key)))


def fly(ticks, seed=1, every=1000, stride=1, first=0, dump=0, epoch=4000, lean=0, plain=0):
    """Fly `ticks`, hashing each `stride`-th; print "tick hash" each `every`-th from tick `first` on, and the last state when asked to.

    epoch: ticks until a new application with other parameters boots. lean: only what has kernels in it. plain: on CPython, do not
    compile the kernels.
    """
    on_host = sys.implementation.name == "cpython"
    if on_host:
        import os
        from pathlib import Path

        from isoloop import kernels

        tree = os.environ.get("VECTORS_FIRMWARE")
        kernels.firmware("tcs.app", Path(tree) if tree else None)
    import stimulus_kernel

    from boards import reference
    from tcs import app, tables

    if on_host and not plain:
        kernels.rebind_stages(kernels.compiled)
        stimulus_kernel = kernels.compile_module(stimulus_kernel)
    flight = Flight(seed, stimulus_kernel, tables, app, reference, epoch, lean)
    value = 0
    for tick in range(1, ticks + 1):
        flight.step()
        if tick % stride == 0:
            value = flight.hash(value)
        if tick >= first and tick % every == 0:
            print(tick, "{:08x}".format(value))  # noqa: UP032 - a Pico's fast path, no f-string
    if dump:
        flight.dump()


def main(arguments):
    """Command line: key=value words."""
    fly(**{word.split("=")[0]: int(word.split("=")[1]) for word in arguments})


if __name__ == "__main__":
    main(sys.argv[1:])
