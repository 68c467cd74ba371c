"""Valves and pump: what the drive word does to them."""

from __future__ import annotations

from typing import Any

from isoloop.jit import part

from . import layout as L

PUMP_BIT = 1 << 14
ENABLE_BIT = 1 << 15


@part
def drive(S: Any, P: Any, word: int) -> int:
    """Move valves and pump by one tick of this drive word; returns the switch word.

    A valve moves only with the output enable and exactly one of its two drive bits set. A hardware one-shot ends any drive after
    P_DRIVE_LIMIT_S; releasing or reversing the drive arms it again.
    """
    tick_s = P[L.P_TICK_S]
    switches = 0
    for i in range(L.VALVES):
        bits = (word >> (2 * i)) & 3
        sign = 0.0
        if word & ENABLE_BIT:
            if bits == 1:
                sign = 1.0
            elif bits == 2:
                sign = -1.0
        if sign == 0.0 or sign != S[L.DRIVE_SIGN0 + i]:
            S[L.DRIVE_TIME0_S + i] = 0.0
        S[L.DRIVE_SIGN0 + i] = sign
        opening = S[L.VALVE0_RATIO + i]
        if sign != 0.0:
            S[L.DRIVE_TIME0_S + i] += tick_s
            mode = P[L.P_VALVE_MODE0 + i]
            stuck = (mode == L.VALVE_STUCK_OPEN and sign < 0.0) or (mode == L.VALVE_STUCK_CLOSED and sign > 0.0)
            if not stuck and S[L.DRIVE_TIME0_S + i] <= P[L.P_DRIVE_LIMIT_S] + 1e-9:
                opening += sign * tick_s / (P[L.P_VALVE_TRAVEL_S] * P[L.P_VALVE_SLOWNESS0 + i])
                opening = min(max(opening, 0.0), 1.0)
                if opening < L.SHUT_RATIO:
                    opening = 0.0
                elif opening > 1.0 - L.SHUT_RATIO:
                    opening = 1.0
                S[L.VALVE0_RATIO + i] = opening
        made = 0
        if opening >= 1.0:
            made = 1
        elif opening <= 0.0:
            made = 2
        switch = P[L.P_SWITCH_MODE0 + i]
        if switch == L.SWITCH_OPEN:
            made = 0
        elif switch == L.SWITCH_SHORT:
            made = 3
        switches |= made << (2 * i)
    wanted = 0.0
    if word & PUMP_BIT and P[L.P_PUMP_ALLOWED] > 0.0:
        wanted = 1.0
    S[L.PUMP_SPEED_RATIO] = wanted + (S[L.PUMP_SPEED_RATIO] - wanted) * P[L.P_PUMP_KEEP]
    if abs(S[L.PUMP_SPEED_RATIO] - wanted) < 1e-6:
        S[L.PUMP_SPEED_RATIO] = wanted
    return switches
