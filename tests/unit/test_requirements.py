"""docs/requirements.csv and the tests point at each other, both ways."""

import csv
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TESTS = REPOSITORY / "tests"
MARKER = re.compile(r"mark\.req\(([^)]*)\)")
ID = re.compile(r"REQ-[A-Z]{3}-\d{3}")


def requirements() -> dict[str, dict[str, str]]:
    with (REPOSITORY / "docs" / "requirements.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, strict=True))
    assert len({row["id"] for row in rows}) == len(rows), "an ID is given twice"
    return {row["id"]: row for row in rows}


def marked() -> dict[str, list[str]]:
    """Requirement ID to the test files that carry its marker."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for arguments in MARKER.findall(path.read_text(encoding="utf-8")):
            for requirement in ID.findall(arguments):
                found.setdefault(requirement, []).append(str(path.relative_to(REPOSITORY)))
    return found


def test_requirements_every_row_is_complete() -> None:
    for name, row in requirements().items():
        assert ID.fullmatch(name), name
        assert set(row) == {"id", "text", "rationale", "verification"}, name
        assert all(row[column].strip() for column in row), name
        assert row["verification"] in ("test", "analysis", "inspection"), name


def test_requirements_every_marker_names_a_requirement() -> None:
    strangers = {name: files for name, files in marked().items() if name not in requirements()}
    assert not strangers


def test_requirements_every_requirement_has_a_test() -> None:
    missing = [name for name, row in requirements().items() if row["verification"] == "test" and name not in marked()]
    assert not missing, f"no test carries the marker of {', '.join(missing)}"
