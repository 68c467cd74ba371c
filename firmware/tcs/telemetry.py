"""Event and housekeeping reports (PUS services 5 and 3) into the link."""

from array import array
from struct import pack_into

from micropython import const

from tcs import packet
from tcs.frame_kernel import put_values
from tcs.reports import pack_crew, pack_housekeeping, pack_platform, pack_uplink
from tcs.tables import (
    CREW_COUNT,
    CREW_STRUCTURE,
    EV_FIELD_COUNTS,
    EV_SEVERITIES,
    HK_COUNT,
    HK_EVENTS_DROPPED,
    HK_REPORTS_SKIPPED,
    HK_STRUCTURE,
    HK_TICK_HI,
    HK_TICK_LO,
    PLAT_COUNT,
    PLAT_STRUCTURE,
    UPLINK_COUNT,
    UPLINK_STRUCTURE,
)

FAST_S = 60  # housekeeping goes on every tick for this long after the last suspicion

_EVENTS_A_CYCLE = const(2)
_HOUSEKEEPING_SERVICE = const(3)
_STRUCTURE_REPORT = const(25)
_EVENT_SERVICE = const(5)
_STRUCTURE_COUNTER = const(0)  # index in .counters; 1..4 are the event severities


class Telemetry:
    """Packs what the application filled into .hk, .platform, .uplink and .crew, and the queued events. Allocation-free after start-up.

    .wake_tick: before it nothing is due, unless it is urgent.
    .enabled, .intervals_s, .once: what the ground selects, a row for each of these structures in this order.
    """

    def __init__(self, link, events, tick_ms):
        self.hk = array("i", bytes(4 * HK_COUNT))
        self.platform = array("i", bytes(4 * PLAT_COUNT))
        self.uplink = array("i", bytes(4 * UPLINK_COUNT))
        self.crew = array("i", bytes(4 * CREW_COUNT))
        self.enabled = bytearray((1, 1, 0, 1))
        self.intervals_s = array("H", (1, 60, 60, 5))
        self.once = bytearray(4)
        self.counters = array("H", bytes(2 * 5))  # message type counters
        self._link = link
        self._events = events
        self._tick_ms = tick_ms
        self._ticks_per_s = 1000 // tick_ms
        self._next_tick = 0
        self._fast_until = -1
        self.wake_tick = 0

    def is_due(self, tick, suspicious):
        """True when housekeeping should be filled and reported: once a second, and every tick while suspicious and FAST_S after it.

        A due report that finds the line busy stays due and is counted in the field reports_skipped.
        """
        if suspicious:
            self._fast_until = tick + FAST_S * self._ticks_per_s
        if tick > self._fast_until:
            self.wake_tick = self._next_tick
            if tick < self._next_tick:
                return False
        else:
            self.wake_tick = 0
        if self._link.is_busy():
            if self.hk[HK_REPORTS_SKIPPED] < 0xFFFF:
                self.hk[HK_REPORTS_SKIPPED] += 1
            return False
        return True

    def is_wanted(self, row, second):
        """Whether a structure is to be sent in this second: asked for once, or due. Asking uses up the `once`."""
        if self.once[row]:
            self.once[row] = 0
            return True
        return self.enabled[row] and second % self.intervals_s[row] == 0

    def is_calm(self, tick):
        """True when nothing has been suspected for FAST_S."""
        return tick > self._fast_until

    def report_events(self):
        """Send what is queued, a few events a cycle, as far as the link has room."""
        events = self._events
        left = _EVENTS_A_CYCLE
        while events.count and left:
            left -= 1
            number = events.peek(1)
            severity = EV_SEVERITIES[number]
            at = self._open(_EVENT_SERVICE, severity, severity, events.peek(0))
            if at < 0:
                return
            buffer = self._link.buffer
            pack_into(">H", buffer, at, number)
            self._link.close(put_values(events.rows, events.values_at(), EV_FIELD_COUNTS[number], buffer, at + 2))
            events.pop()

    def report_housekeeping(self, tick):
        """Send the events, then .hk as the structure housekeeping where it is wanted. False when the link had no room."""
        self.report_events()
        if self.is_calm(tick) and not self.is_wanted(0, tick // self._ticks_per_s):
            self._next_tick = (tick // self._ticks_per_s + 1) * self._ticks_per_s
            return True
        hk = self.hk
        hk[HK_TICK_LO] = tick & 0xFFFF
        hk[HK_TICK_HI] = tick >> 16
        hk[HK_EVENTS_DROPPED] = self._events.dropped
        at = self._open_structure(HK_STRUCTURE, tick)
        if at < 0:
            return False
        self._link.close(pack_housekeeping(self._link.buffer, at, hk))
        self._next_tick = (tick // self._ticks_per_s + 1) * self._ticks_per_s
        return True

    def report_platform(self, tick):
        """Send .platform as the structure platform. False when the link had no room."""
        at = self._open_structure(PLAT_STRUCTURE, tick)
        if at < 0:
            return False
        self._link.close(pack_platform(self._link.buffer, at, self.platform))
        return True

    def report_uplink(self, tick):
        """Send .uplink as the structure uplink. False when the link had no room."""
        at = self._open_structure(UPLINK_STRUCTURE, tick)
        if at < 0:
            return False
        self._link.close(pack_uplink(self._link.buffer, at, self.uplink))
        return True

    def report_crew(self, tick):
        """Send .crew as the structure crew. False when the link had no room."""
        if self._link.is_busy():
            return False
        at = self._open_structure(CREW_STRUCTURE, tick)
        if at < 0:
            return False
        self._link.close(pack_crew(self._link.buffer, at, self.crew))
        return True

    def _open_structure(self, structure, tick):
        at = self._open(_HOUSEKEEPING_SERVICE, _STRUCTURE_REPORT, _STRUCTURE_COUNTER, tick)
        if at < 0:
            return at
        pack_into(">H", self._link.buffer, at, structure)
        return at + 2

    def _open(self, service, subtype, counter, tick):
        at = self._link.open()
        if at < 0:
            return at
        counters = self.counters
        count = counters[counter]
        counters[counter] = (count + 1) & 0xFFFF
        return packet.open_telemetry(self._link.buffer, at, service, subtype, count, tick, self._tick_ms)
