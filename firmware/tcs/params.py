"""Flight parameters: the dictionary's defaults, overlaid by the newest valid record."""

from array import array
from struct import unpack_from

from tcs import store as records
from tcs.tables import PARAM_DEFAULTS, PARAM_MAXS, PARAM_MINS, PARAM_NUMBERS

SOURCE_DEFAULTS = 0
SOURCE_SLOT_A = 1
SOURCE_SLOT_B = 2


class Params:
    """.values is array('i') indexed by P_*. Every value is within its range, whatever the record says."""

    def __init__(self):
        self.values = array("i", PARAM_DEFAULTS)
        self.source = SOURCE_DEFAULTS
        self.sequence = 0
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

    def _set(self, number, value):
        if number not in PARAM_NUMBERS:
            return False
        index = PARAM_NUMBERS.index(number)
        if value < PARAM_MINS[index] or value > PARAM_MAXS[index]:
            return False
        self.values[index] = value
        return True
