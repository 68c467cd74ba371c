"""Flight parameters: the dictionary's defaults, overlaid by the newest valid record."""

from array import array
from struct import pack_into, unpack_from

from tcs import store as records
from tcs.crc import crc16
from tcs.tables import (
    P_COUNT,
    PARAM_DEFAULTS,
    PARAM_FLIGHT,
    PARAM_MAXS,
    PARAM_MINS,
    PARAM_NUMBERS,
    ST_REASON_NONE,
    ST_REASON_NOT_IN_FLIGHT,
    ST_REASON_OUT_OF_RANGE,
    ST_REASON_UNKNOWN_ID,
)

SOURCE_DEFAULTS = 0
SOURCE_SLOT_A = 1
SOURCE_SLOT_B = 2


class Params:
    """.values is array('i') indexed by P_*. Every value is within its range, whatever the record says."""

    def __init__(self):
        self.values = array("i", PARAM_DEFAULTS)
        self.source = SOURCE_DEFAULTS
        self.sequence = 0
        self.packed = bytearray(6 * P_COUNT)  # payload of a record, filled by pack()
        self.refused = 0  # entries of the record with an unknown number or a value out of range

    def load(self, store):
        """Overlay the newest valid record of the store; without one the defaults stand."""
        record = store.newest(records.KIND_PARAMETERS)
        if record is None:
            return
        slot, self.sequence, payload = record
        self.source = SOURCE_SLOT_A + slot
        for at in range(0, len(payload) - 5, 6):
            number, value = unpack_from("<Hi", payload, at)
            if not self._set(number, value):
                self.refused += 1

    def find(self, number):
        """Index of a parameter by its number; -1 when there is none. Allocation-free, as all below but restore()."""
        index = 0
        while index < P_COUNT:
            if PARAM_NUMBERS[index] == number:
                return index
            index += 1
        return -1

    def may_set(self, number, value):
        """ST_REASON_* against changing a parameter in flight."""
        index = self.find(number)
        if index < 0:
            return ST_REASON_UNKNOWN_ID
        if not PARAM_FLIGHT[index]:
            return ST_REASON_NOT_IN_FLIGHT
        if value < PARAM_MINS[index] or value > PARAM_MAXS[index]:
            return ST_REASON_OUT_OF_RANGE
        return ST_REASON_NONE

    def set(self, number, value):
        """Change a parameter that may_set() allows."""
        self.values[self.find(number)] = value

    def pack(self):
        """Fill .packed with all parameters; returns its CRC."""
        index = 0
        while index < P_COUNT:
            pack_into("<Hi", self.packed, 6 * index, PARAM_NUMBERS[index], self.values[index])
            index += 1
        return crc16(self.packed, 0, 6 * P_COUNT)

    def restore(self, store, kind):
        """Take from the newest record of a kind what may change in flight; False when there is none. Allocates."""
        record = store.newest(kind)
        if record is None:
            return False
        for at in range(0, len(record[2]) - 5, 6):
            number, value = unpack_from("<Hi", record[2], at)
            if self.may_set(number, value) == ST_REASON_NONE:
                self.set(number, value)
        return True

    def _set(self, number, value):
        index = self.find(number)
        if index < 0 or value < PARAM_MINS[index] or value > PARAM_MAXS[index]:
            return False
        self.values[index] = value
        return True
