"""The flight stages with chosen parameters, a board that is only data, and engineering values as counts.

Runs under CPython and under MicroPython: no typing, no pytest, nothing of the host package.
"""

from array import array

from tcs import app as flight
from tcs import tables
from tcs.events import Events as EventQueue

UNKNOWN = -0x40000000
P_COMP_A, P_PUMP, P_RAD1, P_CABIN, T_GAS, T_BAY, V_REF = 0, 3, 4, 7, 8, 14, 15
CHANNELS = 16
LOGGED = 2000  # events kept
ALL = 0xFFFF

KINDS = array("i", (1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3))
LOWS = array("i", (0, 0, 0, 0, 0, 0, 0, 0, -90000, -90000, -90000, -90000, -90000, -90000, -90000, 0))
HIGHS = array("i", (250000, 250000, 250000, 400000, 600000, 600000, 600000, 250000, 90000, 90000, 90000, 90000, 90000, 90000, 90000, 0))
# Points at most 16384 counts apart: their product is an intermediate of the interpolation.
STRAIGHT_ADC = array("i", (0, 16384, 32768, 49152, 65520, 0, 16384, 32768, 49152, 65520))
NOMINAL = (118000, 118000, 118000, 148000, 127000, 127000, 127000, 101300, 20000, 20000, 20000, 20000, 20000, 20000, 20000, 0)

SAFE_STATE_SECTOR = 6
BYPASS = 6
PUMP_BIT = 0x4000
ENABLE_BIT = 0x8000
VALVE_BITS = 0x3FFF
ALL_OPEN = 0b00010101010101  # six radiator valves open, nothing of the bypass
BYPASS_CLOSED = 0b10 << 12


def parameters(**changes):
    """The dictionary's defaults with changes by name, as array('i') indexed by P_*."""
    values = array("i", tables.PARAM_DEFAULTS)
    for name, value in changes.items():
        values[getattr(tables, "P_" + name.upper())] = value
    return values


def counts_of(channel, value):
    """Counts of a straight converter at nominal supply for a value in Pa or milli-degC."""
    low = LOWS[channel]
    span = HIGHS[channel] - low
    if KINDS[channel] == 3:
        return 32760
    return 6552 + ((value - low) * 52416 + span // 2) // span


class Noise:
    """A seeded sequence of small integers, the same under every Python."""

    def __init__(self, seed=1):
        self._x = seed

    def below(self, limit):
        """0 .. limit - 1."""
        self._x = (self._x * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._x >> 12) % limit

    def around(self, reach):
        """-reach .. reach, triangular."""
        return self.below(reach + 1) - self.below(reach + 1)


class Board:
    """The board seam as data: set .counts, .fresh, .switches, .tick; .flash holds the safe state's two sectors, others read as erased."""

    def __init__(self):
        self.counts = array("H", [0] * CHANNELS)
        self.fresh = ALL
        self.switches = ALL_OPEN | BYPASS_CLOSED
        self.tick = 0
        self.reset_cause = 0
        self.flash = bytearray(b"\xff" * 8192)
        self.unique_id = b"emulated"
        self.rx = bytearray(256)
        self.rx_count = 0
        self.link = None
        self.fed = []
        self.words = []
        self.ticks_left = 0

    def sample(self):
        """Ends the flight when .ticks_left is used up."""
        if self.ticks_left <= 0:
            raise SystemExit(0)
        self.ticks_left -= 1
        self.tick += 1

    def finish(self, drive_word, fed):
        """Keeps what the cycle answered."""
        self.words.append(drive_word)
        self.fed.append(fed)

    def ticks_us(self):
        """Every cycle takes no time."""
        return 0

    def nor_read(self, sector, page, buffer):
        """A page of 256 bytes."""
        at = self._at(sector, page)
        for i in range(len(buffer)):
            buffer[i] = self.flash[at + i] if at >= 0 else 0xFF

    def nor_program(self, sector, page, buffer):
        """Clears bits."""
        at = self._at(sector, page)
        for i in range(len(buffer)):
            if at >= 0:
                self.flash[at + i] &= buffer[i]

    def nor_erase(self, sector):
        """Sets them all."""
        at = self._at(sector, 0)
        for i in range(4096):
            if at >= 0:
                self.flash[at + i] = 0xFF

    def _at(self, sector, page):
        return (sector - SAFE_STATE_SECTOR) * 4096 + 256 * page if SAFE_STATE_SECTOR <= sector < SAFE_STATE_SECTOR + 2 else -1


class Actuators:
    """Seven valves that travel under drive; .stuck is a mask, .ratio_permille 1000 is open, .switches what their end switches show."""

    def __init__(self, travel_ticks=30):
        self.permille = [1000] * 6 + [0]
        self.stuck = 0
        self.dead_switch = 0
        self._step = 1000 // travel_ticks + 1

    def move(self, word):
        """One tick under a drive word. Nothing moves without the output enable."""
        if not word & ENABLE_BIT:
            return
        for valve in range(7):
            drive = (word >> (2 * valve)) & 3
            if not (self.stuck >> valve) & 1:
                if drive == 1:
                    self.permille[valve] = min(1000, self.permille[valve] + self._step)
                elif drive == 2:
                    self.permille[valve] = max(0, self.permille[valve] - self._step)

    def switches(self):
        """The switch word."""
        word = 0
        for valve in range(7):
            if not (self.dead_switch >> valve) & 1:
                if self.permille[valve] == 1000:
                    word |= 1 << (2 * valve)
                elif self.permille[valve] == 0:
                    word |= 2 << (2 * valve)
        return word

    def are_radiators_shut(self):
        """True when each of the three has a shut valve on both sides."""
        return max(self.permille[:6]) == 0


class Events:
    """Stands for tcs.events.Events and keeps everything: .all holds (number, a, b, c, d)."""

    def __init__(self):
        self.all = []
        self.tick = 0

    def emit(self, number, a=0, b=0, c=0, d=0):
        """Keep one."""
        self.all.append((number, a, b, c, d))


class RecordedEvents(EventQueue):
    """The flight's queue that also keeps every event: allocation-free, so that it may stand under the heap lock."""

    def __init__(self, capacity):
        EventQueue.__init__(self, capacity)
        self.log = array("i", bytes(4 * 6 * LOGGED))
        self.logged = 0

    def emit(self, number, a=0, b=0, c=0, d=0):
        """Queue and keep."""
        log = self.log
        at = 6 * min(self.logged, LOGGED - 1)
        log[at] = self.tick
        log[at + 1] = number
        log[at + 2] = a
        log[at + 3] = b
        log[at + 4] = c
        log[at + 5] = d
        self.logged += 1
        EventQueue.emit(self, number, a, b, c, d)  # super() allocates


class Flight:
    """The whole application on a Board, ticked by hand."""

    def __init__(self, **changes):
        loaded = _Loaded(parameters(**changes))
        originals = (flight.Params, flight.Events)
        flight.Params = lambda: loaded
        flight.Events = RecordedEvents
        try:
            self.board = Board()
            self.app = flight.App(self.board, KINDS, LOWS, HIGHS, STRAIGHT_ADC)
        finally:
            flight.Params, flight.Events = originals
        self.noise = Noise()
        self.actuators = Actuators()
        self.values = list(NOMINAL)
        self.pressure_noise_counts = 40

    def show(self):
        """The present values and their noise as counts."""
        counts = self.board.counts
        for channel in range(CHANNELS):
            reach = self.pressure_noise_counts if channel < P_PUMP else 3
            counts[channel] = counts_of(channel, self.values[channel]) + self.noise.around(reach)

    def cycle(self):
        """One guarded cycle on what the board shows; the link is drained. Returns whether the watchdog was fed."""
        self.board.tick += 1
        fed = self.app.guarded_cycle()
        self.app.link.drain(2048)
        return fed

    def fly(self, ticks, fall_pa=0):
        """Ticks with valves that travel; fall_pa: what every pressure of the loop loses a tick. Calls .check(word) every tick."""
        for _ in range(ticks):
            for channel in range(P_CABIN):
                self.values[channel] = max(2000, self.values[channel] - fall_pa)
            self.show()
            self.board.switches = self.actuators.switches()
            self.cycle()
            self.check(self.app.drive_word)
            self.actuators.move(self.app.drive_word)

    def check(self, word):
        """For a test to override."""

    def events(self):
        """Rows (tick, number, a, b, c, d) of everything emitted, in order."""
        events = self.app.events
        return [tuple(events.log[6 * i : 6 * i + 6]) for i in range(min(events.logged, LOGGED))]

    def numbers(self):
        """The events' numbers, in order."""
        return [row[1] for row in self.events()]


class _Loaded:
    source = 0
    sequence = 0
    refused = 0

    def __init__(self, values):
        self.values = values

    def load(self, _store):
        pass
