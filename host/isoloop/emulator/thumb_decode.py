"""Which instruction a halfword is: the sixteen-bit encodings of ARMv6-M (Architecture Reference Manual DDI 0419E, A5.2) as numbers.

`OTHER` is what `thumb.execute` leaves to the emulator's own processor: exceptions, special registers, waiting, hints, what is undefined.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OTHER = 0
LSL_IMM = 1
LSR_IMM = 2
ASR_IMM = 3
ADD_REG = 4
SUB_REG = 5
ADD_IMM3 = 6
SUB_IMM3 = 7
MOV_IMM = 8
CMP_IMM = 9
ADD_IMM8 = 10
SUB_IMM8 = 11
AND = 12
EOR = 13
LSL = 14
LSR = 15
ASR = 16
ADC = 17
SBC = 18
ROR = 19
TST = 20
RSB = 21
CMP = 22
CMN = 23
ORR = 24
MUL = 25
BIC = 26
MVN = 27
ADD_HIGH = 28
CMP_HIGH = 29
MOV_HIGH = 30
BX = 31
BLX = 32
LDR_LITERAL = 33
STR_REG = 34
STRH_REG = 35
STRB_REG = 36
LDRSB_REG = 37
LDR_REG = 38
LDRH_REG = 39
LDRB_REG = 40
LDRSH_REG = 41
STR_IMM = 42
LDR_IMM = 43
STRB_IMM = 44
LDRB_IMM = 45
STRH_IMM = 46
LDRH_IMM = 47
STR_SP = 48
LDR_SP = 49
ADR = 50
ADD_RD_SP = 51
ADD_SP = 52
SUB_SP = 53
SXTH = 54
SXTB = 55
UXTH = 56
UXTB = 57
PUSH = 58
POP = 59
REV = 60
REV16 = 61
REVSH = 62
NOP = 63
STM = 64
LDM = 65
B_COND = 66
B = 67
WIDE = 68
"""Of two halfwords: BL, barriers, special registers."""

_PATTERNS = {
    "00000": LSL_IMM,
    "00001": LSR_IMM,
    "00010": ASR_IMM,
    "0001100": ADD_REG,
    "0001101": SUB_REG,
    "0001110": ADD_IMM3,
    "0001111": SUB_IMM3,
    "00100": MOV_IMM,
    "00101": CMP_IMM,
    "00110": ADD_IMM8,
    "00111": SUB_IMM8,
    **{
        f"010000{number:04b}": op
        for number, op in enumerate((AND, EOR, LSL, LSR, ASR, ADC, SBC, ROR, TST, RSB, CMP, CMN, ORR, MUL, BIC, MVN))
    },
    "01000100": ADD_HIGH,
    "01000101": CMP_HIGH,
    "01000110": MOV_HIGH,
    "010001110....000": BX,
    "010001111....000": BLX,
    "01001": LDR_LITERAL,
    **{
        f"0101{number:03b}": op
        for number, op in enumerate((STR_REG, STRH_REG, STRB_REG, LDRSB_REG, LDR_REG, LDRH_REG, LDRB_REG, LDRSH_REG))
    },
    "01100": STR_IMM,
    "01101": LDR_IMM,
    "01110": STRB_IMM,
    "01111": LDRB_IMM,
    "10000": STRH_IMM,
    "10001": LDRH_IMM,
    "10010": STR_SP,
    "10011": LDR_SP,
    "10100": ADR,
    "10101": ADD_RD_SP,
    "101100000": ADD_SP,
    "101100001": SUB_SP,
    "1011001000": SXTH,
    "1011001001": SXTB,
    "1011001010": UXTH,
    "1011001011": UXTB,
    "1011010": PUSH,
    "1011110": POP,
    "1011101000": REV,
    "1011101001": REV16,
    "1011101011": REVSH,
    "1011111100000000": NOP,
    "11000": STM,
    "11001": LDM,
    **{f"1101{condition:04b}": B_COND for condition in range(14)},
    "11100": B,
    "11110": WIDE,
}


def table() -> NDArray[np.uint8]:
    """The number of each of the 65 536 halfwords. Each matches one pattern at most."""
    opcodes = np.arange(1 << 16)
    ops = np.zeros(1 << 16, np.uint8)
    for pattern, op in _PATTERNS.items():
        bits = pattern.ljust(16, ".")
        mask = int("".join("0" if bit == "." else "1" for bit in bits), 2)
        ops[opcodes & mask == int(bits.replace(".", "0"), 2)] = op
    return ops
