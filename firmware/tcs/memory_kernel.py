"""Memory kernels: three copies of a word outvote a flipped bit; one copy and a check word put a block right again.

Restricted integer subset (docs/kernels.md). Allocation-free. Unrolled loops take counts that are multiples of four.
"""

import micropython


@micropython.native
def vote(live: ptr32, second: ptr32, third: ptr32, count: int) -> int:
    """Bitwise majority of three arrays into all of them. Returns the words that differed."""
    wrong = 0
    i = 0
    while i < count:
        x = live[i]
        y = second[i]
        z = third[i]
        if x != y or x != z:
            x = (x & y) | (x & z) | (y & z)
            live[i] = x
            second[i] = x
            third[i] = x
            wrong += 1
        i += 1
    return wrong


@micropython.native
def check(words: ptr32, count: int) -> int:
    """Check word of an array: a flipped bit flips it too. 29 bits."""
    total = 0
    i = 0
    while i < count:
        total ^= words[i] ^ words[i + 1] ^ words[i + 2] ^ words[i + 3]
        i += 4
    return (total & 0xFFFF) ^ ((total >> 3) & 0x1FFFE000)
