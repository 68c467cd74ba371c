"""The hardware divider of the SIO block (RP2040 datasheet, 2.3.1.5) in whole numbers, for the compiled processor and for the bus alike."""

from __future__ import annotations

from array import array
from typing import Any

import numba

DIVIDEND = 0
"""Index in a divider's words, each unsigned."""
DIVISOR = 1
QUOTIENT = 2
REMAINDER = 3
CSR = 4
WORDS = 5

OFFSET = 0x60
"""Of its registers in the block: operands unsigned, operands signed, quotient, remainder, status."""
OFFSET_END = 0x7C

_OPERANDS = 4
_RESULTS = 2  # between a register's number and its index
_QUOTIENT_REGISTER = 4
_CSR_REGISTER = 6
_READY = 1
_DIRTY = 2
_ALL = 0xFFFFFFFF
_TOP = 0x80000000


def at_reset() -> array[int]:
    """The words of a new divider."""
    return array("q", [0, 1, 0, 0, _READY])


@numba.njit(error_model="numpy")
def read(words: Any, register: int) -> Any:
    """What register 0..6 reads; having read the quotient ends a division."""
    if register < _OPERANDS:
        return words[register & 1]
    if register == _QUOTIENT_REGISTER:
        words[CSR] &= _READY
    return words[register - _RESULTS]


@numba.njit(error_model="numpy")
def write(words: Any, register: int, value: int) -> None:
    """Write register 0..6. An operand is divided at once; a result is put back, as a handler does that has interrupted a division."""
    if register < _OPERANDS:
        words[register & 1] = value
        _divide(words, register >= 2)
    elif register < _CSR_REGISTER:
        words[register - _RESULTS] = value
        words[CSR] = _READY | _DIRTY


@numba.njit(error_model="numpy")
def _divide(words: Any, is_signed: bool) -> None:
    """0 as divisor gives the dividend as remainder and a quotient of -1, or +1 below zero."""
    dividend = words[DIVIDEND]
    divisor = words[DIVISOR]
    if is_signed:
        dividend -= (dividend & _TOP) << 1
        divisor -= (divisor & _TOP) << 1
    if divisor == 0:
        quotient = 1 if dividend < 0 else -1
        remainder = dividend
    else:
        # Truncated, where // floors.
        quotient = abs(dividend) // abs(divisor)
        if (dividend < 0) != (divisor < 0):
            quotient = -quotient
        remainder = dividend - quotient * divisor
    words[QUOTIENT] = quotient & _ALL
    words[REMAINDER] = remainder & _ALL
    words[CSR] = _READY | _DIRTY
