"""The memory chip of the benches that run the flight application on the emulated Pico without its board, for their snippets."""

FILE = "nor.bin"
"""Put the chip's contents there."""

SNIPPET = f"""
from tcs.frame_kernel import fill_page
blank = b"\\xff" * 256
pages = {{}}
with open("/{FILE}", "rb") as chip:
    for number in range(256):
        page = chip.read(256)
        if page != blank:
            pages[number] = page
class Feigned:
    def nor_read(self, sector, page, buffer):
        fill_page(buffer, 0, pages.get(sector * 16 + page, blank), 0, 256)
    def nor_program(self, sector, page, buffer): pass
    def nor_erase(self, sector): pass
"""
"""What a board of theirs is a class of. `pages` are those that are not erased, by number: the whole chip would take half of the free heap.

Reading allocates nothing: a cycle reads under heap_lock.
"""
