"""Write what is generated from the dictionary: `python -m isoloop.dictionary.generate [--check]`.

Runs in a checkout only. `--check` writes nothing and exits 1 when a file is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from isoloop.dictionary.emit_commands import render_command_table
from isoloop.dictionary.emit_firmware import render_reports, render_tables
from isoloop.dictionary.emit_markdown import render_markdown
from isoloop.dictionary.loader import load_dictionary
from isoloop.dictionary.model import Dictionary

ROOT = Path(__file__).resolve().parents[3]


def outputs(dictionary: Dictionary) -> dict[str, str]:
    """Every generated file: path from the repository's root to its text."""
    return {
        "firmware/tcs/tables.py": render_tables(dictionary),
        "firmware/tcs/reports.py": render_reports(dictionary),
        "firmware/tcs/command_table.py": render_command_table(dictionary),
        "docs/dictionary.md": render_markdown(dictionary),
    }


def stale_files(root: Path, dictionary: Dictionary) -> list[str]:
    """Paths of the generated files that do not say what the table says."""
    stale = []
    for name, text in outputs(dictionary).items():
        path = root / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    return stale


def main(arguments: list[str]) -> int:
    """Generate, or check with `--check`. Returns the exit code."""
    dictionary = load_dictionary()
    if not (ROOT / "firmware").is_dir():
        print("isoloop.dictionary.generate works in a checkout of the repository only", file=sys.stderr)
        return 2
    if arguments == ["--check"]:
        stale = stale_files(ROOT, dictionary)
        for name in stale:
            print(f"{name} is stale: run python -m isoloop.dictionary.generate", file=sys.stderr)
        return 1 if stale else 0
    if arguments:
        print("usage: python -m isoloop.dictionary.generate [--check]", file=sys.stderr)
        return 2
    for name, text in outputs(dictionary).items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
