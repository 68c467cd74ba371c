"""Fly the matrix and write its table: `python tests/matrix/page.py RESULTS.json` flies what is not in RESULTS, then fills the page.

RESULTS keeps what was flown, so that a long run can be broken off and taken up again.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fakes.fault_matrix import Case, matrix, unsafe

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fault_matrix.md"
BEGIN, END = "<!-- outcomes -->\n", "<!-- end of outcomes -->\n"


def fly_case(case: Case) -> tuple[str, list[str], str | None]:
    """A case's name, what it broke, and the segment it named."""
    folder = Path(tempfile.mkdtemp())
    try:
        broken, summary = unsafe(case, folder / "case")
        return case.name, broken, summary["verdict"]["segment"]
    finally:
        shutil.rmtree(folder)


def table(told: dict[str, tuple[list[str], str | None]]) -> str:
    """Outcomes by leak, and every case that was not safe."""
    leaks = sorted({name.split("/")[0] for name in told})
    rows = ["| leak | runs | named right | none or elsewhere | unsafe |", "|---|---|---|---|---|"]
    for leak in leaks:
        runs = {name: row for name, row in told.items() if name.split("/")[0] == leak}
        holed = {part.split("-")[0] for part in leak.split("+")}
        named = Counter("right" if segment in holed else "none" for broken, segment in runs.values() if not broken)
        rows.append(f"| {leak} | {len(runs)} | {named['right']} | {named['none']} | {sum(bool(broken) for broken, _ in runs.values())} |")
    rows.append(f"| all | {len(told)} | | | {sum(bool(broken) for broken, _ in told.values())} |")
    text = "\n".join(rows) + "\n"
    unsafe_rows = [f"| {name} | {'; '.join(broken)} |" for name, (broken, _) in sorted(told.items()) if broken]
    if unsafe_rows:
        text += "\nNot safe:\n\n| case | broken |\n|---|---|\n" + "\n".join(unsafe_rows) + "\n"
    return text


def main(results: Path) -> None:
    """Fly, keep, write."""
    told = {name: (row[0], row[1]) for name, row in json.loads(results.read_text()).items()} if results.is_file() else {}
    cases = [case for case in matrix() if case.name not in told]
    with ProcessPoolExecutor(2) as pool:
        for name, broken, segment in pool.map(fly_case, cases):
            told[name] = (broken, segment)
            results.write_text(json.dumps(told))
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    PAGE.write_text(before + BEGIN + table(told) + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
