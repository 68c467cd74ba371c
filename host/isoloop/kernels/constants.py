"""Constants of the firmware as literals, in the copy that is flashed: a look-up of `module.NAME` costs a board more than adding it.

MicroPython folds a `const()` where it is defined and looks it up everywhere else: 120 cycles for an imported name, 350 for one of a module,
and a place in the importing module's dictionary, on the heap. Folding moves no line and changes no value.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_NAME = re.compile(r"_?[A-Z][A-Z0-9_]*$")
_SMALLEST, _LARGEST = -(2**30), 2**30 - 1
"""What a 32-bit MicroPython keeps without the heap."""
_WORD_BITS = 32
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BINARY: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.LShift: operator.lshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
}
_Edit = tuple[int, int, int, int, str]
"""First line, first byte, last line, byte behind, new text."""


@dataclass
class _Module:
    name: str
    path: Path
    tree: ast.Module
    values: dict[str, int] = field(default_factory=dict)
    """Names of the module's own scope that are integer constants, those that it imports included."""
    modules: dict[str, str] = field(default_factory=dict)
    """Names in it that are modules of the tree."""
    folded: set[ast.expr] = field(default_factory=set)
    """Nodes for which literals stand."""
    is_solved: bool = False
    is_left: bool = False
    """It stays as it is."""

    def value(self, node: ast.AST, modules: dict[str, _Module]) -> int | None:
        """The value of a name or of a module's attribute, where it is a constant that fits a small integer."""
        value = None
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            value = self.values.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and isinstance(node.value, ast.Name):
            origin = modules.get(self.modules.get(node.value.id, ""))
            value = origin.values.get(node.attr) if origin else None
        return value if value is not None and _SMALLEST <= value <= _LARGEST else None


def fold_tree(folder: Path, is_left: Callable[[Path], bool]) -> None:
    """Put literals for constants into every file below `folder`, in place; imports that nothing needs any more go.

    No module of the tree may be imported for what its import does: where only constants are taken from it, it no longer is.

    Args:
        is_left: files that stay as they are and whose constants the others may use.
    """
    modules = dict(_read(folder))
    written = {target for module in modules.values() for target in _written_from_outside(module.tree)}
    for module in modules.values():
        _solve(module, modules, written)
    for module in modules.values():
        module.is_left = is_left(module.path)
        if not module.is_left:
            module.folded = set(_foldable(module, modules))
    kept = _kept_names(modules)
    for module in modules.values():
        if not module.is_left:
            _fold(module, modules, kept)


def of_text(text: str) -> dict[str, int]:
    """Integer constants of a module that imports none."""
    module = _Module("", Path(), ast.parse(text))
    _solve(module, {}, set())
    return module.values


def _read(folder: Path) -> Iterator[tuple[str, _Module]]:
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_bytes()
        if text.startswith(_BYTE_ORDER_MARK):
            continue  # it shifts the columns
        try:
            yield name, _Module(name, path, ast.parse(text))
        except SyntaxError:
            continue  # the compiler says so, in its own words


def _written_from_outside(tree: ast.Module) -> Iterator[str]:
    """Names that somebody assigns as an attribute: whatever they belong to, they are no constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load) and _NAME.match(node.attr):
            yield node.attr


def _bound(tree: ast.Module) -> Iterator[str]:
    """Every name that is bound anywhere in a module, as often as it is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
        elif isinstance(node, ast.Global | ast.Nonlocal):
            yield from node.names * 2
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler) and node.name:
            yield node.name


def _solve(module: _Module, modules: dict[str, _Module], written: set[str]) -> None:
    """Find the module's constants; those of the modules that it imports first."""
    if module.is_solved:
        return
    module.is_solved = True  # a circle of imports finds what is known so far
    bound = list(_bound(module.tree))
    for statement in module.tree.body:
        if isinstance(statement, ast.ImportFrom) and not statement.level:
            for alias in statement.names:
                name, submodule = alias.asname or alias.name, f"{statement.module}.{alias.name}"
                if bound.count(name) > 1 or name in written:
                    continue
                if submodule in modules:
                    module.modules[name] = submodule
                elif statement.module in modules:
                    origin = modules[statement.module]
                    _solve(origin, modules, written)
                    if alias.name in origin.values:
                        module.values[name] = origin.values[alias.name]
        elif isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            value = _value(statement.value, module, modules, written)
            if value is not None and _NAME.match(name) and bound.count(name) == 1 and name not in written:
                module.values[name] = value


def _value(node: ast.expr, module: _Module, modules: dict[str, _Module], written: set[str]) -> int | None:
    """What a constant expression comes to; None for any other."""

    def of(part: ast.expr) -> int | None:
        return _value(part, module, modules, written)

    if isinstance(node, ast.Constant):
        return node.value if type(node.value) is int else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "const" and len(node.args) == 1:
        return of(node.args[0])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = of(node.operand)
        return None if value is None else -value
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = of(node.left), of(node.right)
        if left is None or right is None or (isinstance(node.op, ast.LShift) and not 0 <= right < _WORD_BITS):
            return None
        return _BINARY[type(node.op)](left, right)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in module.modules:
        origin = modules[module.modules[node.value.id]]
        _solve(origin, modules, written)
    return module.value(node, modules)


def _foldable(module: _Module, modules: dict[str, _Module]) -> Iterator[ast.expr]:
    """Nodes that literals can stand for. Not within f-strings, whose positions the parser does not tell."""
    left = {node for text in ast.walk(module.tree) if isinstance(text, ast.JoinedStr) for node in ast.walk(text)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.expr) and node not in left and module.value(node, modules) is not None:
            yield node


def _used(module: _Module) -> set[str]:
    """Names that a module still loads when its literals stand."""
    gone = {part for node in module.folded for part in ast.walk(node)}
    return {node.id for node in ast.walk(module.tree) if isinstance(node, ast.Name) and node not in gone}


def _kept_names(modules: dict[str, _Module]) -> dict[str, set[str]]:
    """By module, what its imports must go on to bind: what it uses itself, and what others may take from it, by whatever way."""
    every = list(modules.values())
    taken = {
        node.attr for module in every for node in ast.walk(module.tree) if isinstance(node, ast.Attribute) and node not in module.folded
    }
    texts = (node for module in every for node in ast.walk(module.tree) if isinstance(node, ast.Constant))
    taken |= {node.value for node in texts if isinstance(node.value, str)}
    kept = {module.name: _used(module) | taken for module in every}
    while True:
        # What stays in one module's import must stay in the module that it is imported from.
        asked = {alias.name for module in every for statement in _imports(module) for alias in _left(statement, module, kept[module.name])}
        if all(asked <= names for names in kept.values()):
            return kept
        kept = {name: names | asked for name, names in kept.items()}


def _imports(module: _Module) -> Iterator[ast.ImportFrom]:
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.ImportFrom))


def _left(statement: ast.ImportFrom, module: _Module, kept: set[str]) -> list[ast.alias]:
    """The names of an import that stay: all but constants and modules that nothing needs, at the top of a module that is folded."""
    if module.is_left or statement not in module.tree.body:
        return statement.names

    def stays(alias: ast.alias) -> bool:
        name = alias.asname or alias.name
        value = module.values.get(name)
        is_needless = name in module.modules or (value is not None and _SMALLEST <= value <= _LARGEST)
        return name in kept or not is_needless

    return [alias for alias in statement.names if stays(alias)]


def _fold(module: _Module, modules: dict[str, _Module], kept: dict[str, set[str]]) -> None:
    text = module.path.read_bytes()
    lines = text.splitlines(keepends=True)
    edits: list[_Edit] = []
    for node in module.folded:
        value = module.value(node, modules)
        assert value is not None
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        literal = _literal(value) + "\n" * (node.end_lineno - node.lineno)
        if lines[node.end_lineno - 1][node.end_col_offset :].lstrip().startswith(b"."):
            literal = f"({literal})"  # 3.to_bytes would be a float
        edits.append((node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, literal))
    for statement in module.tree.body:
        if isinstance(statement, ast.ImportFrom):
            edits += _shortened(statement, _left(statement, module, kept[module.name]), lines)
    if edits:
        module.path.write_bytes(_edited(text, edits))


def _shortened(statement: ast.ImportFrom, kept: list[ast.alias], lines: list[bytes]) -> Iterator[_Edit]:
    """The import with no more than these names. Its lines stay, empty."""
    if len(kept) == len(statement.names):
        return
    assert statement.end_lineno is not None
    assert statement.end_col_offset is not None
    names = ", ".join(f"{alias.name} as {alias.asname}" if alias.asname else alias.name for alias in kept)
    before = lines[statement.lineno - 1][: statement.col_offset].strip()
    behind = lines[statement.end_lineno - 1][statement.end_col_offset :].strip()
    is_alone = not before and (not behind or behind.startswith(b"#"))
    text = f"from {statement.module} import {names}" if kept else "" if is_alone else "pass"
    if is_alone:
        text += "\n" * (statement.end_lineno - statement.lineno)
    else:
        text += "\\\n" * (statement.end_lineno - statement.lineno)
    yield statement.lineno, statement.col_offset, statement.end_lineno, statement.end_col_offset, text


def _literal(value: int) -> str:
    if value == _SMALLEST:
        return f"(-0x{_LARGEST:X} - 1)"  # its positive is a long integer
    return str(value) if value >= 0 else f"({value})"


def _edited(text: bytes, edits: list[_Edit]) -> bytes:
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for first, at, last, behind, new in sorted(edits, reverse=True):
        text = text[: starts[first - 1] + at] + new.encode() + text[starts[last - 1] + behind :]
    return text
