"""The memory chip of the benches that run the flight application on the emulated Pico without its board: what their snippets read."""

FILE = "nor.bin"
"""Put the chip's contents there."""

SNIPPET = f"""
blank = b"\\xff" * 256
pages = {{}}
with open("/{FILE}", "rb") as chip:
    for number in range(256):
        page = chip.read(256)
        if page != blank:
            pages[number] = page
"""
"""Pages that are not erased, by number, and what every other one reads as: the whole chip would take half of the free heap."""
