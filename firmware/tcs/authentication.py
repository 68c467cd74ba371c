"""Who commands: a truncated HMAC-SHA-256 and a counter that only rises (as CCSDS SDLS authentication does it).

The tag covers the board's id and the packet from its first byte up to the tag. Hashing allocates, and nothing else in the link does.
"""

from hashlib import sha256
from struct import pack

from micropython import const

from tcs.store import KIND_KEY
from tcs.tables import ST_REASON_AUTHENTICATION, ST_REASON_NO_KEY, ST_REASON_NONE, ST_REASON_REPLAY, ST_REASON_STORAGE

TAG_SIZE = 8
KEY_SIZE = 32
ID_SIZE = 8
_BLOCK_SIZE = const(64)
_WRAP = b"isoloop key wrap"  # what is hashed begins otherwise than with an id and a packet, so no tag gives it away
_EMULATED_ID = b"emulated"
_NO_ID = b"\xff\xff\xff\xff\xff\xff\xff\xff"  # what the memory of an emulated chip says


def test_key():
    """The published key of emulated boards."""
    return sha256(b"isoloop published test key").digest()


class Authentication:
    """Key and id from their record, else the published test key where the board is emulated. A real board without a record has none."""

    def __init__(self, store, counter_log, unique_id):
        self.counter_log = counter_log
        self.failures = 0
        self.replays = 0
        self._inner = None
        self._outer = None
        self._is_emulated = unique_id == _EMULATED_ID or unique_id == _NO_ID
        # One name for all of them: the ground need not know which emulator it talks to.
        self.board_id = _EMULATED_ID if self._is_emulated else unique_id
        record = store.newest(KIND_KEY)
        if record is not None and len(record[2]) == ID_SIZE + KEY_SIZE:
            self.board_id = bytes(record[2][:ID_SIZE])
            if self.may_use(record[2]):
                self.use(record[2])
        elif self._is_emulated:
            self.use(self.board_id + test_key())

    def may_use(self, record):
        """False for the published key on a real board."""
        return self._is_emulated or bytes(record[ID_SIZE:]) != test_key()

    def use(self, record):
        """Take the key of a record (board id, key) from now on. Allocates."""
        padded = bytes(record[ID_SIZE:]) + bytes(_BLOCK_SIZE - KEY_SIZE)
        self._inner = bytes(byte ^ 0x36 for byte in padded)
        self._outer = bytes(byte ^ 0x5C for byte in padded)

    def pad(self, counter):
        """32 bytes that the key gives for a counter once: a new key travels XORed with them. Allocates."""
        inner = sha256(self._inner)
        inner.update(_WRAP)
        inner.update(self.board_id)
        inner.update(pack(">I", counter))
        outer = sha256(self._outer)
        outer.update(inner.digest())
        return outer.digest()

    def check(self, packet, end, counter):
        """Reason to refuse packet[:end] and the tag behind it, else ST_REASON_NONE and the counter is used up. Allocates when it hashes."""
        if self._inner is None:
            return ST_REASON_NO_KEY
        if counter <= self.counter_log.value:
            self.replays = min(0xFFFF, self.replays + 1)
            return ST_REASON_REPLAY
        inner = sha256(self._inner)
        inner.update(self.board_id)
        inner.update(memoryview(packet)[:end])
        outer = sha256(self._outer)
        outer.update(inner.digest())
        tag = outer.digest()
        difference = 0
        for at in range(TAG_SIZE):
            difference |= tag[at] ^ packet[end + at]
        if difference:
            self.failures = min(0xFFFF, self.failures + 1)
            return ST_REASON_AUTHENTICATION
        # Marked before it is obeyed: after a reset at any moment it is not obeyed twice.
        return ST_REASON_NONE if self.counter_log.advance(counter) else ST_REASON_STORAGE
