"""Figures as a reader writes them."""

from __future__ import annotations

import math
from typing import Any


def amount(value: float | None, unit: str = "", digits: int = 3, *, keep_zeros: bool = False) -> str:
    """A quantity with `digits` significant digits, grouped by thin spaces; "unknown" for None. Zeros at the end go unless kept."""
    if value is None or not math.isfinite(value):
        return "unknown"
    if value == 0:
        text = "0"
    else:
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        text = f"{value:,.{min(decimals, 6)}f}".replace(",", "\u202f")
        if not keep_zeros and "." in text:
            text = text.rstrip("0").rstrip(".")
    return f"{text}\u00a0{unit}" if unit else text


def seconds(value: float | None) -> str:
    """A time or delay in s, to the millisecond where it has any; with h:mm:ss beside it from ten minutes on."""
    if value is None:
        return "unknown"
    text = f"{value:.3f}".rstrip("0").rstrip(".") + "\u00a0s"
    if abs(value) < 600:
        return text
    return f"{text} ({clock(value)})"


def clock(value: float) -> str:
    """d hh:mm:ss or h:mm:ss."""
    whole = round(abs(value))
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    sign = "-" if value < 0 else ""
    if days:
        return f"{sign}{days} d {hours:02d}:{rest // 60:02d}:{rest % 60:02d}"
    return f"{sign}{hours}:{rest // 60:02d}:{rest % 60:02d}"


def interval(low: float, high: float, unit: str = "", digits: int = 3) -> str:
    """Two bounds of one quantity, with the same digits."""
    return f"{amount(low, '', digits, keep_zeros=True)} to {amount(high, unit, digits, keep_zeros=True)}"


def plain(value: Any) -> str:
    """A JSON value as a reader writes it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(plain(item) for item in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items())
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"
    return str(value)
