"""The page of a bench run: delay against leak size for everyone, and the table. Self-contained; no script from elsewhere."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from pathlib import Path

from isoloop.bench import plan
from isoloop.bench.rows import OURS, Row

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 900, 480, 70, 60, 20, 300
COLOURS = ("#6b7280", "#b45309", "#047857", "#7c3aed", "#be185d", "#0e7490", "#4d7c0f", "#a16207")
DECADES = (-1, 6)


def write_page(path: Path, rows: Sequence[Row], notes: Sequence[str]) -> None:
    """Write the page; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    said = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    body = f"<h1>isoloop bench detector</h1>{_plot(rows)}{_table(rows)}<ul>{said}</ul>"
    style = (
        "body{font:14px system-ui,sans-serif;margin:2em;max-width:1200px}"
        "td,th{padding:2px 10px;text-align:right;border-bottom:1px solid #ddd}"
        "td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}.missed{color:#b91c1c;font-weight:600}table{border-collapse:collapse}"
    )
    title = "isoloop bench detector"
    path.write_text(f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{style}</style>{body}\n", encoding="utf-8")


def _plot(rows: Sequence[Row]) -> str:
    """Median delay against leak size, both logarithmic; a peer's line is its best setting at each size."""
    places = {f"leak {size.name}, side by side": size.hole_mm for size in plan.SIZES}
    series: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row.case in places and row.median is not None:
            name = row.method.split(" (")[0]
            series.setdefault(name, []).append((places[row.case], max(row.median, 0.1)))
    if not series:
        return ""
    low, high = math.log10(min(places.values())) - 0.1, math.log10(max(places.values())) + 0.1

    def x(mm: float) -> float:
        return LEFT + (math.log10(mm) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(seconds: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(seconds) - DECADES[0]) / (DECADES[1] - DECADES[0]) * (HEIGHT - BOTTOM - TOP)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" aria-label="Median delay against leak size">']
    for decade in range(DECADES[0], DECADES[1] + 1):
        place = y(10.0**decade)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place:.1f}" y2="{place:.1f}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{place + 4:.1f}" text-anchor="end" font-size="12">{10.0**decade:g} s</text>')
    for size in plan.SIZES:
        place = x(size.hole_mm)
        place_y = HEIGHT - BOTTOM + 18
        parts.append(f'<text x="{place:.1f}" y="{place_y}" text-anchor="middle" font-size="12">{html.escape(size.name)}</text>')
    for i, (name, points) in enumerate(series.items()):
        colour = "#1d4ed8" if name == OURS else COLOURS[i % len(COLOURS)]
        width = 3 if name == OURS else 1.5
        points.sort()
        path = " ".join(f"{x(mm):.1f},{y(seconds):.1f}" for mm, seconds in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>')
        parts += [f'<circle cx="{x(mm):.1f}" cy="{y(s):.1f}" r="3" fill="{colour}"/>' for mm, s in points]
        place = TOP + 20 + 20 * i
        parts.append(f'<text x="{WIDTH - RIGHT + 20}" y="{place}" font-size="13" fill="{colour}">{html.escape(name)}</text>')
    return "".join([*parts, "</svg>"])


def _table(rows: Sequence[Row]) -> str:
    heads = ("case", "method", "n", "median", "p95", "unit", "want", "ok", "false a year <", "nuisance, days")
    lines = []
    for row in rows:
        days = row.seconds_of_nuisance / 86400.0
        cells = (
            row.case, row.method, row.n, _text(row.median), _text(row.p95), row.unit, row.want,
            "" if row.want == "reported" else "ok" if row.ok else "missed", _text(row.false_per_year), f"{days:.0f}" if days else "",
        )  # fmt: skip
        mark = "" if row.ok else ' class="missed"'
        lines.append(f"<tr{mark}>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>")
    return "<table><tr>" + "".join(f"<th>{name}</th>" for name in heads) + "</tr>" + "".join(lines) + "</table>"


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
