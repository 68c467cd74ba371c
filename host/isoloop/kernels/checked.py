"""Checked arithmetic: the flight source with every integer operation watched, to prove that no intermediate leaves 31-bit small integers.

The kernels run as checked C (kernels/to_c.py), the stages around them as Python with a watch around each operation. What they compute stays
the same. For a process of its own: importing is what changes.
"""

from __future__ import annotations

import ast
import ctypes
import importlib.abc
import importlib.machinery
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from isoloop.kernels.load import firmware, is_kernel, rebind_stages
from isoloop.kernels.to_c import translate_checked
from isoloop.paths import firmware_dir

SMALL_MAX = (1 << 30) - 1
SMALL_MIN = -(1 << 30)

_FAULT, _LINE, _VALUE = 0, 1, 2
_PEAKS = 3
KINDS = ("", "leaves 31 bits", "divides by zero", "shifts by", "is no index")


class BoundsError(ArithmeticError):
    """An operation left its range; the text names file, line and value."""


class Watch:
    """Checked stages: `look()` raises what the kernels found, `armed` lets plain code raise by itself.

    Attributes:
        armed: false while an application boots: there integers may be long, nothing is under heap_lock.
        peaks: per kernel an array: the largest magnitude seen on each line.
    """

    def __init__(self) -> None:
        self.armed = False
        self.peaks: dict[str, np.ndarray] = {}
        self._sources: dict[str, list[str]] = {}
        self._kernels: dict[str, Any] = {}

    def install(self, tree: Path | None = None) -> None:
        """Import the flight package checked. Nothing of it may have been imported yet.

        Raises:
            RuntimeError: some of it has.
        """
        if any(name == "tcs" or name.startswith("tcs.") for name in sys.modules):
            raise RuntimeError("the flight package is imported already: checked arithmetic needs a process of its own")
        sys.meta_path.insert(0, _Finder(tree or firmware_dir(), self))
        firmware("tcs.app", tree)
        rebind_stages(self.kernel)

    def kernel(self, name: str) -> Any:
        """The checked kernel module `tcs.<name>`."""
        if name not in self._kernels:
            self._kernels[name] = self.compile(firmware(f"tcs.{name}"))
        return self._kernels[name]

    def look(self) -> None:
        """Raise the first fault that a kernel has recorded since the last look.

        Raises:
            BoundsError: there is one.
        """
        for name, record in self.peaks.items():
            if record[_FAULT]:
                line = int(record[_LINE])
                what = f"{KINDS[int(record[_FAULT])]} ({int(record[_VALUE])})"
                told = f"tcs/{name}.py:{line}: {what}: {self._sources[name][line - 1].strip()}"
                record[_FAULT] = 0
                raise BoundsError(told)

    def largest(self, count: int = 10) -> list[tuple[int, str]]:
        """The lines that came nearest the bound: (magnitude, "file:line: text")."""
        found = [
            (int(record[_PEAKS + line]), f"{name}.py:{line}: {self._sources[name][line - 1].strip()}")
            for name, record in self.peaks.items()
            for line in range(1, len(self._sources[name]) + 1)
        ]
        return sorted(found, reverse=True)[:count]

    def compile(self, module: ModuleType) -> Any:
        """A kernel module with every kernel checked; constants and helpers as they are.

        Raises:
            SubsetError: it is outside the restricted subset.
            FileNotFoundError: there is no C compiler.
        """
        name = module.__name__.removeprefix("tcs.")
        assert module.__file__ is not None
        source = Path(module.__file__).read_text()
        self._sources[name] = source.splitlines()
        record = self.peaks[name] = np.zeros(_PEAKS + len(self._sources[name]) + 1, np.int64)
        library = _build(translate_checked(source, module))
        found = {key: value for key, value in vars(module).items() if not key.startswith("__")}
        for key, value in list(found.items()):
            if is_kernel(value, module):
                found[key] = _bind(getattr(library, key), record)
        return SimpleNamespace(**found)


def _build(text: str) -> ctypes.CDLL:
    """Compile and load.

    Raises:
        FileNotFoundError: there is no C compiler.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise FileNotFoundError("checked arithmetic needs a C compiler: apt-get install gcc")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "kernel.c").write_text(text)
        library = Path(folder) / "kernel.so"
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, Path(folder) / "kernel.c"], check=True)
        return ctypes.CDLL(str(library))


def _bind(function: Any, record: np.ndarray) -> Callable[..., int]:
    """The C function as the stages call it: arrays become address and length, integers stay."""
    function.restype = ctypes.c_int64
    address = record.ctypes.data

    def call(*arguments: Any) -> int:
        flat: list[int] = [address]
        for argument in arguments:
            if isinstance(argument, array):
                flat += argument.buffer_info()
            elif isinstance(argument, (bytes, bytearray, memoryview)):
                flat += (np.frombuffer(argument, np.uint8).ctypes.data, len(argument))
            else:
                flat.append(int(argument))
        if function.argtypes is None:
            # An address travels as a 64-bit integer does.
            function.argtypes = [ctypes.c_int64] * len(flat)
        return int(function(*flat))

    return call


_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor)
_SPECIAL: dict[type[ast.operator], str] = {ast.FloorDiv: "_div", ast.Mod: "_mod", ast.LShift: "_shl", ast.RShift: "_shr"}


class _Checked(ast.NodeTransformer):
    """What kernels and stages have in common: a watch around every operation."""

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        read = ast.parse(ast.unparse(node.target), mode="eval").body
        for part in ast.walk(read):
            ast.copy_location(part, node)
        value = ast.copy_location(ast.BinOp(read, node.op, node.value), node)
        changed: ast.AST = self.visit(ast.copy_location(ast.Assign([node.target], value), node))
        return changed

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        special = _SPECIAL.get(type(node.op))
        if special is not None:
            return self.watch(special, node, node.left, node.right)
        return self.watch("_check", node, node) if isinstance(node.op, _OPERATORS) else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return self.watch("_check", node, node) if isinstance(node.op, ast.USub) else node

    def watch(self, name: str, at: ast.expr, *operands: ast.expr) -> ast.AST:
        raise NotImplementedError


class _Stages(_Checked):
    """Everything else of the flight package: plain Python, whatever the operands are."""

    def watch(self, name: str, at: ast.expr, *operands: ast.expr) -> ast.expr:
        value = operands[0] if name == "_check" else ast.copy_location(ast.BinOp(operands[0], _operator(name), operands[1]), at)
        return ast.copy_location(ast.Call(ast.Name("_check_value", ast.Load()), [value], []), at)


def _operator(name: str) -> ast.operator:
    return next(kind for kind, word in _SPECIAL.items() if word == name)()


class _Finder(importlib.abc.MetaPathFinder):
    """Imports `tcs.*`, kernels left as they are, with the stages' watch in it."""

    def __init__(self, tree: Path, watch: Watch) -> None:
        self._tree = tree
        self._watch = watch

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        if not name.startswith("tcs.") or name.endswith("_kernel"):
            return None
        file = self._tree / (name.replace(".", "/") + ".py")
        if not file.is_file():
            return None
        return importlib.util.spec_from_file_location(name, file, loader=_Loader(name, str(file), self._watch))


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, watch: Watch) -> None:
        super().__init__(name, path)
        self._watch = watch

    def get_code(self, fullname: str) -> Any:
        # Never from __pycache__, and never into it: this is not what the file says.
        data = self.get_data(self.path)
        return compile(ast.fix_missing_locations(_Stages().visit(ast.parse(data))), self.path, "exec")

    def exec_module(self, module: ModuleType) -> None:
        watch = self._watch

        def check_value(value: Any) -> Any:
            if watch.armed and type(value) is int and not SMALL_MIN <= value <= SMALL_MAX:
                raise BoundsError(f"{module.__name__}: {value} leaves 31 bits")
            return value

        vars(module)["_check_value"] = check_value
        super().exec_module(module)
