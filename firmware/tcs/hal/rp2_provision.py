"""What `isoloop flash` runs on a board in maintenance: give it its records, change the folder that counts."""

import os

from tcs.hal import rp2_nor
from tcs.store import KINDS, ROUND, Store

_SLOT = "/slot"


def save(pins, kind, payload):
    """Write a record into the board's own sectors, making room where there is none. True when it stands there."""
    store = Store(rp2_nor.Memory(*rp2_nor.make_nor(pins)))
    for _ in range(KINDS + 1):
        if store.save(kind, payload, len(payload)):
            record = store.newest(kind)
            return record is not None and record[2] == payload
        if not _make_room(store):
            return False
    return False


def switch(folder, made_for):
    """Let this folder count from the next start on; "" lets the frozen package count. One small write: before it the old one counts."""
    if not folder:
        os.remove(_SLOT)
        return
    with open(_SLOT + ".new", "w") as file:
        file.write("%s %s" % (folder, made_for))
    os.rename(_SLOT + ".new", _SLOT)


def _make_room(store):
    for _ in range(ROUND):
        if store.tidy():
            return True
    return False
