"""A packet -> one telecommand of the dictionary with its arguments, or the reason why it is none.

Layout: 6 bytes primary header, 5 bytes PUS-C telecommand header, counter u32, function u8 (service 8) and arguments, tag, error control.
"""

from array import array

from micropython import const

from tcs.authentication import TAG_SIZE
from tcs.command_table import ARG_MAXS, ARG_MINS, ARG_TYPES, TC_FIRST_ARG, TC_KEYS
from tcs.packet import APID
from tcs.tables import (
    ST_REASON_APID,
    ST_REASON_LENGTH,
    ST_REASON_MALFORMED,
    ST_REASON_NONE,
    ST_REASON_OUT_OF_RANGE,
    ST_REASON_SERVICE,
)

ARGUMENTS_AT = 15
_FUNCTIONS = const(8)  # the service whose first argument is the function
_MIN_LENGTH = const(25)  # headers, counter, tag, error control
_MAX_ARGS = const(8)
_U8 = const(0x42)  # "B"
_U16 = const(0x48)  # "H"
_KEY = const(0x73)  # "s": 32 bytes, whose place in the packet is the argument
_KEY_SIZE = const(32)


class Telecommand:
    """.index in the command table, .args, .counter, .tag_at; .request_id, .sequence_control and .acks for the verification reports.

    Allocation-free.
    """

    def __init__(self):
        self.index = -1
        self.args = array("i", bytes(4 * _MAX_ARGS))
        self.counter = 0
        self.tag_at = 0
        self.packet_id = 0
        self.sequence_control = 0
        self.acks = 0  # bit 3 acceptance, 2 start, 1 progress, 0 completion

    def parse(self, packet, length):
        """ST_REASON_*. Arguments out of range are found by parse_arguments(), after authentication."""
        self.packet_id = packet[0] << 8 | packet[1]
        self.sequence_control = packet[2] << 8 | packet[3]
        self.acks = 0
        self.index = -1
        if length < _MIN_LENGTH or packet[4] << 8 | packet[5] != length - 7:
            return ST_REASON_MALFORMED
        # Version 0, a telecommand, with a secondary header; unsegmented; PUS version 2.
        if packet[0] & 0xF8 != 0x18 or packet[2] & 0xC0 != 0xC0 or packet[6] & 0xF0 != 0x20:
            return ST_REASON_MALFORMED
        if self.packet_id & 0x7FF != APID:
            return ST_REASON_APID
        if packet[11] & 0xC0:
            return ST_REASON_MALFORMED
        self.acks = packet[6] & 0x0F
        self.counter = packet[11] << 24 | packet[12] << 16 | packet[13] << 8 | packet[14]
        self.tag_at = length - 2 - TAG_SIZE
        service = packet[7]
        key = service << 16 | packet[8] << 8
        if service == _FUNCTIONS and self.tag_at > ARGUMENTS_AT:
            key |= packet[ARGUMENTS_AT]
        if key not in TC_KEYS:
            return ST_REASON_SERVICE
        self.index = TC_KEYS.index(key)
        return ST_REASON_NONE

    def parse_arguments(self, packet):
        """ST_REASON_* of the arguments' length and ranges."""
        at = ARGUMENTS_AT + 1 if packet[7] == _FUNCTIONS else ARGUMENTS_AT
        row = TC_FIRST_ARG[self.index]
        end = TC_FIRST_ARG[self.index + 1]
        if self._size(row, end) != self.tag_at - at:
            return ST_REASON_LENGTH
        n = 0
        while row < end:
            kind = ARG_TYPES[row]
            if kind == _U8:
                value = packet[at]
                at += 1
            elif kind == _KEY:
                self.args[n] = at
                at += _KEY_SIZE
                n += 1
                row += 1
                continue
            else:
                value = packet[at] << 8 | packet[at + 1]
                at += 2
                if kind != _U16:
                    if value & 0x8000:
                        value -= 0x10000
                    if value < -0x4000 or value > 0x3FFF:  # beyond what an integer holds without allocating
                        return ST_REASON_OUT_OF_RANGE
                    value = value * 0x10000 + (packet[at] << 8 | packet[at + 1])
                    at += 2
            if value < ARG_MINS[row] or value > ARG_MAXS[row]:
                return ST_REASON_OUT_OF_RANGE
            self.args[n] = value
            n += 1
            row += 1
        return ST_REASON_NONE

    @staticmethod
    def _size(row, end):
        size = 0
        while row < end:
            kind = ARG_TYPES[row]
            size += 1 if kind == _U8 else 2 if kind == _U16 else _KEY_SIZE if kind == _KEY else 4
            row += 1
        return size
