"""A new command key from the ground: unwrapped with the one that it replaces, written, and in force from the next telecommand on.

It takes a tick of its own, because a tick has one hash. No key leaves the board: what came up is forgotten.
"""

from tcs.authentication import ID_SIZE, KEY_SIZE
from tcs.frame_kernel import copy
from tcs.store import KIND_KEY
from tcs.tables import ST_REASON_NONE, ST_REASON_OUT_OF_RANGE, ST_REASON_STORAGE


class KeyChange:
    """begin() with a telecommand that was obeyed, then step() on the next tick. Its hash may allocate."""

    def __init__(self, store, authentication, reporter):
        self.is_due = False
        self._store = store
        self._authentication = authentication
        self._reporter = reporter
        self._wrapped = bytearray(KEY_SIZE)
        self._payload = bytearray(ID_SIZE + KEY_SIZE)
        self._counter = 0
        self._packet_id = 0
        self._sequence_control = 0
        self._acks = 0

    def begin(self, command, packet):
        """Take the wrapped key out of the packet."""
        at = command.args[0]
        copy(self._wrapped, 0, packet, at, at + KEY_SIZE)
        self._counter = command.counter
        self._packet_id = command.packet_id
        self._sequence_control = command.sequence_control
        self._acks = command.acks
        self.is_due = True

    def step(self, tick):
        """Unwrap, write, use it. Until the record stands the old one is the key."""
        self.is_due = False
        authentication = self._authentication
        payload = self._payload
        copy(payload, 0, authentication.board_id, 0, ID_SIZE)
        pad = authentication.pad(self._counter)
        for at in range(KEY_SIZE):
            payload[ID_SIZE + at] = self._wrapped[at] ^ pad[at]
        reason = ST_REASON_NONE
        if not authentication.may_use(payload):
            reason = ST_REASON_OUT_OF_RANGE
        elif not self._store.save(KIND_KEY, payload, len(payload)):
            reason = ST_REASON_STORAGE
        else:
            authentication.use(payload)
        for at in range(len(payload)):
            payload[at] = 0
        self._reporter.finish(self._packet_id, self._sequence_control, self._acks, reason, tick)
