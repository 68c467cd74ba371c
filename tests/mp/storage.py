"""Saves records and marks counters with the heap locked, on a memory of byte arrays; prints how many succeeded and what is found after."""

from array import array

from micropython import heap_lock, heap_unlock

from tcs.black_box import RECORDING, BlackBox
from tcs.counter_log import CounterLog
from tcs.events import Events
from tcs.store import KIND_BLACK_BOX, KIND_SAFE_STATE, Store

ROUNDS = 60


class Memory:
    """Sixteen sectors of sixteen pages; nothing in it allocates."""

    def __init__(self):
        self.pages = [bytearray(b"\xff" * 256) for _ in range(256)]
        self.counts = array("H", bytes(32))
        self.switches = 0x1555
        self.fresh = 0xFFFF

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
store.look()
counter = CounterLog(memory)
box = BlackBox(store, memory, Events(4), 100, (array("i", bytes(64)), array("i", bytes(64)), array("i", bytes(64))))
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
tick = 0
while tick < 900:
    box.step(0x4000, 0, 0, 2 if tick >= 200 else 0, tick)
    if tick == 500:
        box.trigger(0, tick)
    if not box.save():
        store.tidy()
        box.look_again()
    tick += 1
heap_unlock()
print(box.state == RECORDING, Store(memory).newest(KIND_BLACK_BOX)[1])
print(done, Store(memory).newest(KIND_SAFE_STATE)[1], CounterLog(memory).value)
