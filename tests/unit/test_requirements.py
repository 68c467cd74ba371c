"""docs/requirements.csv and the tests point at each other, both ways."""

import csv
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TESTS = REPOSITORY / "tests"
MARKER = re.compile(r"mark\.req\(([^)]*)\)")
PENDING_TEXT = """
    REQ-SAF-001 REQ-SAF-002 REQ-SAF-003 REQ-SAF-004 REQ-SAF-005 REQ-SAF-006 REQ-SAF-007 REQ-SAF-008
    REQ-SAF-009 REQ-SAF-010 REQ-SAF-011 REQ-SAF-012 REQ-SAF-013 REQ-SEN-001 REQ-SEN-002 REQ-SEN-003
    REQ-SEN-004 REQ-SEN-005 REQ-SEN-006 REQ-INV-001 REQ-INV-003 REQ-INV-004 REQ-DET-001 REQ-DET-002
    REQ-DET-003 REQ-DET-004 REQ-DET-005 REQ-DET-006 REQ-DET-007 REQ-ISO-001 REQ-ISO-002 REQ-ISO-003
    REQ-ISO-004 REQ-APP-001 REQ-APP-002 REQ-PLT-004 REQ-PRF-001
"""
"""Requirements whose tests are still to be marked. It only shrinks."""
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
    assert not set(missing) - set(ID.findall(PENDING_TEXT)), f"no test carries the marker of {', '.join(missing)}"
