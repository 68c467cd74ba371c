"""Documentation that is checked: links lead somewhere, the index is complete, tables name what the code knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from isoloop.cli.app import app
from isoloop.schema import expect
from isoloop.schema.event import COMMAND, KINDS, Choice
from isoloop.schema.names import CLASSES
from isoloop.schema.scenario import parse_scenario
from isoloop.schema.toml_file import TomlFile

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


@pytest.mark.parametrize("page", [REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda path: path.name)
def test_docs_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in link:
            assert (page.parent / link).exists(), link


def test_docs_index_names_every_page() -> None:
    linked = set(LINK.findall((DOCS / "index.md").read_text(encoding="utf-8")))
    assert {page.name for page in DOCS.glob("*.md")} - linked == {"index.md"}
    assert {f"{folder.name}/" for folder in DOCS.iterdir() if folder.is_dir() and any(folder.glob("*.md"))} <= linked


def test_docs_scenarios_names_every_kind_field_mode_and_expectation() -> None:
    text = (DOCS / "scenarios.md").read_text(encoding="utf-8")
    rows = {kind: line for line in text.splitlines() for kind in (*KINDS, COMMAND) if line.startswith(f"| `{kind}`") and "|" in line}
    for kind, fields in KINDS.items():
        assert kind in rows
        for name, field in fields.items():
            assert f"`{name}`" in rows[kind], (kind, name)
            if isinstance(field, Choice) and name == "mode":
                assert all(f"`{mode}`" in rows[kind] for mode in field.choices), kind
    for key in (*expect.KEYS, *CLASSES, COMMAND):
        assert f"`{key}`" in text, key


def test_docs_readme_scenario_is_valid() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)
    assert len(blocks) == 1
    assert parse_scenario(TomlFile("README.md", blocks[0])).expect


def test_docs_readme_shows_only_commands_that_exist() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    known = {command.name for command in app.registered_commands}
    shown = set(re.findall(r"^isoloop ([a-z]+)", readme, re.MULTILINE))
    assert shown <= known
    assert shown == known


@pytest.mark.req("REQ-CLI-001")
def test_make_help_lists_every_target() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    phony = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())
    assert phony == set(re.findall(r"^([a-z][a-z-]*):.*## ", makefile, re.MULTILINE))
    assert {"help", "setup", "run", "test", "lint"} <= phony
