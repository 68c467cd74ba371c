"""Flies the application as it is, and flips a bit of its live state wherever the tick frame's spare word says so. Never flashed.

Live state is every array and bytearray that can be reached from the application. Word 7 of the frame: 0 nothing, else the number of the
flip: odd ones choose among all bits, even ones among all arrays first, so that short ones have their share.
"""

from array import array

import tcs.app
import tcs.hal.unix

found = []
app = None


def walk(held, seen, depth):
    """Collect arrays and bytearrays."""
    if isinstance(held, (array, bytearray)):
        if len(held) and not any(held is other for other, _ in found):
            found.append((held, width(held)))
        return
    if depth > 9 or id(held) in seen:
        return
    if isinstance(held, (list, tuple)):
        seen.add(id(held))
        for value in held:
            walk(value, seen, depth + 1)
    elif hasattr(held, "__dict__") and not isinstance(held, type):
        seen.add(id(held))
        for value in held.__dict__.values():
            walk(value, seen, depth + 1)


def width(held):
    """Bits of an element."""
    text = str(held)
    return 32 if "'i'" in text or "'I'" in text else 16 if "'H'" in text or "'h'" in text else 8


def flip(number):
    """Flip one bit."""
    if not found:
        walk(app, set(), 0)
    draw = number * 1103515245 + 12345
    draw = (draw ^ draw >> 7) * 69069 & 0x3FFFFFFFFF
    index = draw // 64 % len(found)
    held, bits = found[index]
    if number & 1:
        draw %= sum(len(held) * bits for held, bits in found)
        for held, bits in found:
            if draw < len(held) * bits:
                break
            draw -= len(held) * bits
    else:
        draw = (draw // 7919) % (len(held) * bits)
    value = held[draw // bits] ^ 1 << draw % bits
    if bits == 32 and value >= 1 << 31:
        value -= 1 << 32
    elif bits == 32 and value < -(1 << 31):
        value += 1 << 32
    held[draw // bits] = value


build = tcs.app.App.__init__
receive = tcs.hal.unix.UnixBoard.sample


def built(self, *arguments):
    """Remember the application."""
    global app
    app = self
    build(self, *arguments)


def sample(self):
    """A tick, and what flips before it is looked at."""
    receive(self)
    if self._head[7] and app is not None:
        flip(self._head[7])


tcs.app.App.__init__ = built
tcs.hal.unix.UnixBoard.sample = sample

import start  # noqa: E402

start.run()
