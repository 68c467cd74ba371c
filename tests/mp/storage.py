"""Saves records and marks counters with the heap locked, on a memory of byte arrays; prints how many succeeded and what is found after."""

from micropython import heap_lock, heap_unlock

from tcs.counter_log import CounterLog
from tcs.store import KIND_SAFE_STATE, Store

ROUNDS = 60


class Memory:
    """Sixteen sectors of sixteen pages; nothing in it allocates."""

    def __init__(self):
        self.pages = [bytearray(b"\xff" * 256) for _ in range(256)]

    def nor_read(self, sector, page, buffer):
        source = self.pages[sector * 16 + page]
        at = 0
        while at < 256:
            buffer[at] = source[at]
            at += 1

    def nor_program(self, sector, page, buffer):
        kept = self.pages[sector * 16 + page]
        at = 0
        while at < 256:
            kept[at] &= buffer[at]
            at += 1

    def nor_erase(self, sector):
        page = 0
        while page < 16:
            kept = self.pages[sector * 16 + page]
            at = 0
            while at < 256:
                kept[at] = 255
                at += 1
            page += 1


memory = Memory()
store = Store(memory)
counter = CounterLog(memory)
payload = bytearray(500)
done = 0
number = 0
heap_lock()
while number < ROUNDS:
    done += store.save(KIND_SAFE_STATE, payload, 300)
    done += counter.advance(0x3FFFFF00 + number)
    store.tidy()
    counter.tidy()
    number += 1
heap_unlock()
print(done, Store(memory).newest(KIND_SAFE_STATE)[1], CounterLog(memory).value)
