"""The Cortex-M0+ of the emulated chip as machine code: plain instructions on plain memory, and on the divider, until something else is met.

Semantics: ARMv6-M Architecture Reference Manual (DDI 0419E), A6.7. Cycles: those of rp2040py, which has them from the Cortex-M0+ Technical
Reference Manual, so that a count does not depend on who executed it.
"""

from __future__ import annotations

from typing import Any

import numba
from numba import types

from isoloop.emulator import thumb_decode as d
from isoloop.emulator.divider import OFFSET, OFFSET_END, WORDS
from isoloop.emulator.divider import read as read_divider
from isoloop.emulator.divider import write as write_divider
from isoloop.jit import c_entry

FLAGS = 0
"""Index in `state`: N, Z, C and V as bits 3..0."""
POLLED_ADDRESS = 1
POLLED_VALUE = 2
"""A register outside memory that may be read here, and what it holds; address -1: none."""
LOADED_ADDRESS = 3
"""Set on return: the word that the instruction left to others loads; -1 where it is no load of a word."""
SPENT = 4
"""Cycles of the last call. Zeroed by the caller, so that it holds whatever interrupts the caller between call and return."""
STATE_WORDS = 5

SRAM_BYTES = 264 * 1024
ROM_BYTES = 16 * 1024
FLASH_BYTES = 16 * 1024 * 1024
_SRAM = 0x20000000
_FLASH = 0x10000000
_CPUID = 0xD0000000  # which of the two processors: 0
_DIVIDER = 0xD0000000 + OFFSET
_DIVIDER_END = 0xD0000000 + OFFSET_END
_ALL = 0xFFFFFFFF
_TOP = 0x80000000
_SP = 13
_LR = 14
_PC = 15

_BYTE = 1
_HALF = 2
_WORD = 4


_types: Any = types
_carray: Any = numba.carray  # type: ignore[attr-defined,unused-ignore]
_int = _types.int64
_BYTES, _HALFWORDS, _WORDS, _LONGS = (_types.CPointer(t) for t in (_types.uint8, _types.uint16, _types.uint32, _types.int64))
_MEMORY = (_BYTES, _HALFWORDS, _WORDS)


@c_entry(_types.void(_LONGS, _WORDS, *_MEMORY, *_MEMORY, *_MEMORY, _LONGS, _BYTES, _int))
def execute(
    state_at: Any,
    registers_at: Any,
    sram8_at: Any,
    sram16_at: Any,
    sram32_at: Any,
    flash8_at: Any,
    flash16_at: Any,
    flash32_at: Any,
    rom8_at: Any,
    rom16_at: Any,
    rom32_at: Any,
    divider_at: Any,
    ops_at: Any,
    budget_cycles: int,
) -> None:
    """Execute until so many cycles are spent, or before the first instruction that is not for here.

    Memory comes as bytes, halfwords and words of the same place. Cycles spent stand in `state` then; fewer than budgeted: the instruction
    at the program counter is somebody else's.
    """
    state = _carray(state_at, (STATE_WORDS,))
    regs = _carray(registers_at, (16,))
    sram8 = _carray(sram8_at, (SRAM_BYTES,))
    sram16 = _carray(sram16_at, (SRAM_BYTES // 2,))
    sram32 = _carray(sram32_at, (SRAM_BYTES // 4,))
    flash8 = _carray(flash8_at, (FLASH_BYTES,))
    flash16 = _carray(flash16_at, (FLASH_BYTES // 2,))
    flash32 = _carray(flash32_at, (FLASH_BYTES // 4,))
    rom8 = _carray(rom8_at, (ROM_BYTES,))
    rom16 = _carray(rom16_at, (ROM_BYTES // 2,))
    rom32 = _carray(rom32_at, (ROM_BYTES // 4,))
    divider = _carray(divider_at, (WORDS,))
    ops = _carray(ops_at, (1 << 16,))

    flags = state[FLAGS]
    n = flags >> 3 & 1
    z = flags >> 2 & 1
    c = flags >> 1 & 1
    v = flags & 1
    polled = state[POLLED_ADDRESS]
    loaded = -1
    pc = _int(regs[_PC]) & 0xFFFFFFFE
    cycles = 0
    while cycles < budget_cycles:
        if pc >> 24 == 0x10:
            opcode = _int(flash16[(pc & 0xFFFFFF) >> 1])
        elif _SRAM <= pc < _SRAM + SRAM_BYTES:
            opcode = _int(sram16[(pc - _SRAM) >> 1])
        elif pc < ROM_BYTES:
            opcode = _int(rom16[pc >> 1])
        else:
            break
        op = ops[opcode]
        spent = 1
        following = pc + 2
        low = opcode & 7
        middle = opcode >> 3 & 7
        width = 0  # of a load or store, which the end of the loop does
        is_store = False
        is_signed = False
        address = 0
        target = low
        result = 0
        # The sum behind every addition, subtraction and comparison: a + b + carry, b inverted to subtract. into -1: flags alone; -2: none.
        into = -2
        a = 0
        b = 0
        carry = 0
        # What sets N and Z alone.
        logical = -2

        if op == d.LDR_IMM or op == d.STR_IMM:
            address = _int(regs[middle]) + (opcode >> 4 & 0x7C)
            width = _WORD
            is_store = op == d.STR_IMM
        elif op == d.MOV_IMM:
            result = opcode & 0xFF
            logical = opcode >> 8 & 7
        elif op == d.CMP_IMM:
            into = -1
            a = _int(regs[opcode >> 8 & 7])
            b = opcode & 0xFF ^ _ALL
            carry = 1
        elif op == d.B_COND:
            condition = opcode >> 8 & 0xF
            base = condition >> 1
            if base == 0:
                holds = z
            elif base == 1:
                holds = c
            elif base == 2:
                holds = n
            elif base == 3:
                holds = v
            elif base == 4:
                holds = c & (z ^ 1)
            elif base == 5:
                holds = n ^ v ^ 1
            else:
                holds = (n ^ v ^ 1) & (z ^ 1)
            if holds != condition & 1:
                following = (pc + 4 + (((opcode & 0xFF) ^ 0x80) - 0x80) * 2) & _ALL
                spent = 2
        elif op == d.LDR_SP or op == d.STR_SP:
            address = _int(regs[_SP]) + (opcode & 0xFF) * 4
            target = opcode >> 8 & 7
            width = _WORD
            is_store = op == d.STR_SP
        elif op == d.LDR_LITERAL:
            address = (pc + 4 & 0xFFFFFFFC) + (opcode & 0xFF) * 4
            target = opcode >> 8 & 7
            width = _WORD
        elif op == d.LDRB_IMM or op == d.STRB_IMM:
            address = _int(regs[middle]) + (opcode >> 6 & 0x1F)
            width = _BYTE
            is_store = op == d.STRB_IMM
        elif op == d.LDRH_IMM or op == d.STRH_IMM:
            address = _int(regs[middle]) + (opcode >> 5 & 0x3E)
            width = _HALF
            is_store = op == d.STRH_IMM
        elif d.STR_REG <= op <= d.LDRSH_REG:
            address = _int(regs[middle]) + _int(regs[opcode >> 6 & 7])
            is_store = op <= d.STRB_REG
            is_signed = op == d.LDRSB_REG or op == d.LDRSH_REG
            if op == d.STR_REG or op == d.LDR_REG:
                width = _WORD
            elif op == d.STRH_REG or op == d.LDRH_REG or op == d.LDRSH_REG:
                width = _HALF
            else:
                width = _BYTE
        elif op <= d.ASR_IMM or op == d.LSL or op == d.LSR or op == d.ASR or op == d.ROR:
            logical = low
            if op <= d.ASR_IMM:
                if op == d.OTHER:
                    break
                result = _int(regs[middle])
                shift = opcode >> 6 & 0x1F
                if shift == 0 and op != d.LSL_IMM:
                    shift = 32
            else:
                result = _int(regs[low])
                shift = _int(regs[middle]) & 0xFF
            if op == d.ASR_IMM or op == d.ASR:
                result -= (result & _TOP) << 1
                shift = min(shift, 32)
            if shift == 0:
                pass
            elif op == d.ROR:
                shift &= 31
                result = result >> shift | result << (32 - shift)
                c = result >> 31 & 1
            elif shift > 32:
                result = 0
                c = 0
            elif op == d.LSL_IMM or op == d.LSL:
                result <<= shift
                c = result >> 32 & 1
            else:
                c = result >> (shift - 1) & 1
                result >>= shift
        elif op == d.ADD_REG:
            into = low
            a = _int(regs[middle])
            b = _int(regs[opcode >> 6 & 7])
        elif op == d.SUB_REG:
            into = low
            a = _int(regs[middle])
            b = _int(regs[opcode >> 6 & 7]) ^ _ALL
            carry = 1
        elif op == d.ADD_IMM3:
            into = low
            a = _int(regs[middle])
            b = opcode >> 6 & 7
        elif op == d.SUB_IMM3:
            into = low
            a = _int(regs[middle])
            b = opcode >> 6 & 7 ^ _ALL
            carry = 1
        elif op == d.ADD_IMM8:
            into = opcode >> 8 & 7
            a = _int(regs[into])
            b = opcode & 0xFF
        elif op == d.SUB_IMM8:
            into = opcode >> 8 & 7
            a = _int(regs[into])
            b = opcode & 0xFF ^ _ALL
            carry = 1
        elif op == d.AND:
            result = _int(regs[low]) & _int(regs[middle])
            logical = low
        elif op == d.EOR:
            result = _int(regs[low]) ^ _int(regs[middle])
            logical = low
        elif op == d.ORR:
            result = _int(regs[low]) | _int(regs[middle])
            logical = low
        elif op == d.BIC:
            result = _int(regs[low]) & (_int(regs[middle]) ^ _ALL)
            logical = low
        elif op == d.MVN:
            result = _int(regs[middle]) ^ _ALL
            logical = low
        elif op == d.TST:
            result = _int(regs[low]) & _int(regs[middle])
            logical = -1
        elif op == d.MUL:
            # Exact modulo 2^32: the product wraps modulo 2^64.
            result = _int(regs[low]) * _int(regs[middle])
            logical = low
        elif op == d.ADC:
            into = low
            a = _int(regs[low])
            b = _int(regs[middle])
            carry = c
        elif op == d.SBC:
            into = low
            a = _int(regs[low])
            b = _int(regs[middle]) ^ _ALL
            carry = c
        elif op == d.RSB:
            into = low
            a = _int(regs[middle]) ^ _ALL
            carry = 1
        elif op == d.CMP:
            into = -1
            a = _int(regs[low])
            b = _int(regs[middle]) ^ _ALL
            carry = 1
        elif op == d.CMN:
            into = -1
            a = _int(regs[low])
            b = _int(regs[middle])
        elif op == d.MOV_HIGH or op == d.ADD_HIGH:
            source = opcode >> 3 & 0xF
            to = opcode >> 4 & 8 | low
            result = pc + 4 if source == _PC else _int(regs[source])
            if op == d.ADD_HIGH:
                result += pc + 4 if to == _PC else _int(regs[to])
            if to == _PC:
                following = result & 0xFFFFFFFE
                spent = 2
            elif to == _SP:
                regs[_SP] = result & 0xFFFFFFFC
            else:
                regs[to] = result & _ALL
        elif op == d.CMP_HIGH:
            into = -1
            source = opcode >> 3 & 0xF
            to = opcode >> 4 & 8 | low
            if source == _PC or to == _PC:
                break
            a = _int(regs[to])
            b = _int(regs[source]) ^ _ALL
            carry = 1
        elif op == d.BX or op == d.BLX:
            following = _int(regs[opcode >> 3 & 0xF])
            if following >> 28 == 0xF or opcode >> 3 & 0xF == _PC:
                break
            following &= 0xFFFFFFFE
            if op == d.BLX:
                regs[_LR] = pc + 2 | 1
            spent = 2
        elif op == d.ADR:
            regs[opcode >> 8 & 7] = ((pc + 4 & 0xFFFFFFFC) + (opcode & 0xFF) * 4) & _ALL
        elif op == d.ADD_RD_SP:
            regs[opcode >> 8 & 7] = (_int(regs[_SP]) + (opcode & 0xFF) * 4) & _ALL
        elif op == d.ADD_SP:
            regs[_SP] = (_int(regs[_SP]) + (opcode & 0x7F) * 4) & 0xFFFFFFFC
        elif op == d.SUB_SP:
            regs[_SP] = (_int(regs[_SP]) - (opcode & 0x7F) * 4) & 0xFFFFFFFC
        elif op == d.SXTH:
            regs[low] = ((_int(regs[middle]) & 0xFFFF ^ 0x8000) - 0x8000) & _ALL
        elif op == d.SXTB:
            regs[low] = ((_int(regs[middle]) & 0xFF ^ 0x80) - 0x80) & _ALL
        elif op == d.UXTH:
            regs[low] = _int(regs[middle]) & 0xFFFF
        elif op == d.UXTB:
            regs[low] = _int(regs[middle]) & 0xFF
        elif op == d.PUSH:
            count = 0
            for i in range(9):
                count += opcode >> i & 1
            address = _int(regs[_SP]) - 4 * count
            if address & 3 or address < _SRAM or address + 4 * count > _SRAM + SRAM_BYTES:
                break
            regs[_SP] = address
            word = (address - _SRAM) >> 2
            for i in range(8):
                if opcode >> i & 1:
                    sram32[word] = regs[i]
                    word += 1
                    spent += 1
            if opcode >> 8 & 1:
                sram32[word] = regs[_LR]
        elif op == d.POP:
            count = 0
            for i in range(9):
                count += opcode >> i & 1
            address = _int(regs[_SP])
            if address & 3 or address < _SRAM or address + 4 * count > _SRAM + SRAM_BYTES:
                break
            word = (address - _SRAM) >> 2
            if opcode >> 8 & 1:
                following = _int(sram32[word + count - 1])
                if following >> 28 == 0xF:
                    break
                following &= 0xFFFFFFFE
                spent = 3
            for i in range(8):
                if opcode >> i & 1:
                    regs[i] = sram32[word]
                    word += 1
                    spent += 1
            regs[_SP] = address + 4 * count
        elif op == d.LDM or op == d.STM:
            base = opcode >> 8 & 7
            count = 0
            for i in range(8):
                count += opcode >> i & 1
            address = _int(regs[base])
            if address & 3:
                break
            if address >= _SRAM and address + 4 * count <= _SRAM + SRAM_BYTES:
                word = (address - _SRAM) >> 2
                if op == d.STM:
                    if opcode >> base & 1:
                        break
                    for i in range(8):
                        if opcode >> i & 1:
                            sram32[word] = regs[i]
                            word += 1
                else:
                    for i in range(8):
                        if opcode >> i & 1:
                            regs[i] = sram32[word]
                            word += 1
            elif op == d.LDM and address >= _FLASH and address + 4 * count <= _FLASH + FLASH_BYTES:
                word = (address - _FLASH) >> 2
                for i in range(8):
                    if opcode >> i & 1:
                        regs[i] = flash32[word]
                        word += 1
            else:
                break
            if not opcode >> base & 1:
                regs[base] = address + 4 * count
            spent += count
        elif op == d.REV:
            result = _int(regs[middle])
            regs[low] = (result & 0xFF) << 24 | (result & 0xFF00) << 8 | result >> 8 & 0xFF00 | result >> 24
        elif op == d.REV16:
            result = _int(regs[middle])
            regs[low] = (result & 0x00FF00FF) << 8 | result >> 8 & 0x00FF00FF
        elif op == d.REVSH:
            result = _int(regs[middle])
            result = (result & 0xFF) << 8 | result >> 8 & 0xFF
            regs[low] = ((result ^ 0x8000) - 0x8000) & _ALL
        elif op == d.B:
            following = (pc + 4 + (((opcode & 0x7FF) ^ 0x400) - 0x400) * 2) & _ALL
            spent = 2
        elif op == d.WIDE:
            if pc >> 24 == 0x10:
                second = _int(flash16[(pc + 2 & 0xFFFFFF) >> 1])
            elif _SRAM <= pc < _SRAM + SRAM_BYTES - 2:
                second = _int(sram16[(pc + 2 - _SRAM) >> 1])
            elif pc < ROM_BYTES - 2:
                second = _int(rom16[(pc + 2) >> 1])
            else:
                break
            if second & 0xD000 == 0xD000:  # BL
                sign = opcode >> 10 & 1
                i1 = second >> 13 & 1 ^ sign ^ 1
                i2 = second >> 11 & 1 ^ sign ^ 1
                offset = i1 << 23 | i2 << 22 | (opcode & 0x3FF) << 12 | (second & 0x7FF) << 1
                regs[_LR] = pc + 4 | 1
                following = (pc + 4 + offset - (sign << 24)) & _ALL
            elif opcode == 0xF3BF and 0x8F40 <= second < 0x8F70:  # DSB, DMB, ISB
                following = pc + 4
            else:
                break
            spent = 3
        elif op != d.NOP:
            break

        if into > -2:
            total = a + b + carry
            result = total & _ALL
            c = total >> 32
            v = ((a ^ result) & (b ^ result)) >> 31 & 1
            n = result >> 31
            z = _int(result == 0)
            if into >= 0:
                regs[into] = result
        elif logical > -2:
            result &= _ALL
            n = result >> 31
            z = _int(result == 0)
            if logical >= 0:
                regs[logical] = result
        elif width > 0:
            address &= _ALL
            if address & (width - 1):
                break
            if _SRAM <= address < _SRAM + SRAM_BYTES:
                spent = 2
                address -= _SRAM
                if is_store:
                    if width == _WORD:
                        sram32[address >> 2] = regs[target]
                    elif width == _BYTE:
                        sram8[address] = regs[target] & 0xFF
                    else:
                        sram16[address >> 1] = regs[target] & 0xFFFF
                else:
                    if width == _WORD:
                        result = _int(sram32[address >> 2])
                    elif width == _BYTE:
                        result = _int(sram8[address])
                    else:
                        result = _int(sram16[address >> 1])
            elif is_store:
                if width != _WORD or not _DIVIDER <= address < _DIVIDER_END:
                    break
                write_divider(divider, (address - _DIVIDER) >> 2, _int(regs[target]))
            else:
                if address >> 24 == 0x10:
                    spent = 2
                    address &= 0xFFFFFF
                    if width == _WORD:
                        result = _int(flash32[address >> 2])
                    elif width == _BYTE:
                        result = _int(flash8[address])
                    else:
                        result = _int(flash16[address >> 1])
                elif address < ROM_BYTES:
                    spent = 2
                    if width == _WORD:
                        result = _int(rom32[address >> 2])
                    elif width == _BYTE:
                        result = _int(rom8[address])
                    else:
                        result = _int(rom16[address >> 1])
                elif width == _WORD and address == polled:
                    spent = 4 if address >> 28 == 4 else 2
                    result = state[POLLED_VALUE]
                elif width == _WORD and address == _CPUID:
                    spent = 1
                elif width == _WORD and _DIVIDER <= address < _DIVIDER_END:
                    result = read_divider(divider, (address - _DIVIDER) >> 2)
                else:
                    if width == _WORD:
                        loaded = address
                    break
            if not is_store:
                if is_signed:
                    if width == _BYTE:
                        result = ((result ^ 0x80) - 0x80) & _ALL
                    else:
                        result = ((result ^ 0x8000) - 0x8000) & _ALL
                regs[target] = result
        pc = following
        cycles += spent

    regs[_PC] = pc
    state[FLAGS] = n << 3 | z << 2 | c << 1 | v
    state[LOADED_ADDRESS] = loaded
    state[SPENT] = cycles
