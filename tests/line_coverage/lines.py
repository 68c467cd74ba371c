"""Which statements of a MicroPython module can be run at all, and which have been."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

Span = tuple[int, int]
"""First and last line of a statement, of its head where it has a body."""


def statements(path: Path) -> list[Span]:
    """Every statement that leaves code behind."""
    return sorted(set(_walk(ast.parse(path.read_text()).body)))


def functions(path: Path) -> dict[int, list[Span]]:
    """Statements of each function by the line of its `def`, those of functions in it apart."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            within = [one for one in ast.walk(node) if isinstance(one, ast.FunctionDef) and one is not node]
            inner = [range(one.lineno + 1, (one.end_lineno or 0) + 1) for one in within]
            found[node.lineno] = [span for span in sorted(set(_walk(node.body))) if not any(span[0] in lines for lines in inner)]
    return found


def covered(spans: list[Span], hit: set[int]) -> list[Span]:
    """Those of which some line has been run."""
    return [span for span in spans if not hit.isdisjoint(range(span[0], span[1] + 1))]


def _walk(body: list[ast.stmt]) -> Iterator[Span]:
    for node in body:
        if not _is_silent(node):
            blocks = [getattr(node, name) for name in ("body", "orelse", "finalbody") if isinstance(getattr(node, name, None), list)]
            inner = [one.lineno - len(getattr(one, "decorator_list", [])) for block in blocks for one in block]
            last = (node.end_lineno or node.lineno) if not inner else max(node.lineno, min(inner) - 1)
            yield node.lineno, last
        for name in ("body", "orelse", "finalbody"):
            yield from _walk(getattr(node, name, []))
        for handler in getattr(node, "handlers", []):
            yield from _walk(handler.body)


def _is_silent(node: ast.stmt) -> bool:
    """Docstrings, `pass`, `try:`, `global`, and `_NAME = const(...)`, which the compiler puts where it is used."""
    if isinstance(node, ast.Pass | ast.Try | ast.Global | ast.Nonlocal):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Call):
        called = node.value.func
        return node.targets[0].id.startswith("_") and isinstance(called, ast.Name) and called.id == "const"
    return False
