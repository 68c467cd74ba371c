"""The RP2040's converter: where its codes are wide, and the table that a board corrects them with.

Erratum RP2040-E11: the codes 511/512, 1535/1536, 2559/2560 and 3583/3584 take about 9 codes of input each. As a transfer function on
the scale of a count (sum of 16 conversions, dithered by about one code of noise): the output rises with a slope a little above 1, and at
each of the four places goes on by one code (16 counts) while the input goes on by 9 (144 counts).
"""

from __future__ import annotations

CODES = (512, 1536, 2560, 3584)  # the wide code ends here
SUM = 16  # conversions in a count
CODES_MAX = 4095
NOMINAL_WIDTH_CODES = 9.0


def transfer(widths_codes: tuple[float, ...]) -> tuple[list[float], list[float], float]:
    """Ideal counts where each wide code starts and ends, and the slope of the output elsewhere. Inside a wide code 16 counts are passed."""
    full = float(CODES_MAX * SUM)
    gain = (full - len(CODES) * SUM) / (full - SUM * sum(widths_codes))
    starts: list[float] = []
    ends: list[float] = []
    ideal, measured = 0.0, 0.0
    for code, width in zip(CODES, widths_codes, strict=True):
        start_measured = float((code - 1) * SUM)
        ideal += (start_measured - measured) / gain
        starts.append(ideal)
        ideal += width * SUM
        ends.append(ideal)
        measured = float(code * SUM)
    return starts, ends, gain


def adc_table() -> list[tuple[int, int]]:
    """Correction that a board file carries: (measured, ideal) counts, rising, linear between rows; the nominal width of 9 codes."""
    starts, ends, _ = transfer((NOMINAL_WIDTH_CODES,) * len(CODES))
    rows = [(0, 0)]
    for code, start, end in zip(CODES, starts, ends, strict=True):
        rows += [((code - 1) * SUM, round(start)), (code * SUM, round(end))]
    return [*rows, (CODES_MAX * SUM, CODES_MAX * SUM)]
