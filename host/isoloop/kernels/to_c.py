"""Kernels as C. The source stays what it is; a construct outside the restricted subset (docs/kernels.md) is refused.

Two kinds: checked C, for proving their bounds (kernels/checked.py), and plain C, which is compiled into the Pico's image
(kernels/board_c.py).
"""

from __future__ import annotations

import ast
from types import ModuleType

CHECKED_HEAD = """\
#include <stdint.h>
typedef int64_t I;
static const I LIMIT = (I)1 << 30;
/* record: fault, line, value, then the largest magnitude of each line */
static inline I do_fault(I *r, I kind, I line, I value) { if (!r[0]) { r[0] = kind; r[1] = line; r[2] = value; } return 0; }
static inline I do_ok(I *r, I line, I v) {
    I m = v < 0 ? -v : v;
    if (v >= LIMIT || v < -LIMIT) do_fault(r, 1, line, v);
    if (m > r[3 + line]) r[3 + line] = m;
    return v;
}
static inline I do_floor_div(I *r, I line, I a, I b) {
    if (b == 0) return do_fault(r, 2, line, a);
    I q = a / b;
    return do_ok(r, line, (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q);
}
static inline I do_mod(I *r, I line, I a, I b) {
    if (b == 0) return do_fault(r, 2, line, a);
    I m = a % b;
    return (m != 0 && (m < 0) != (b < 0)) ? m + b : m;
}
static inline I do_shl(I *r, I line, I a, I b) { return b < 0 || b > 30 ? do_fault(r, 3, line, b) : do_ok(r, line, a * ((I)1 << b)); }
static inline I do_shr(I *r, I line, I a, I b) { return b < 0 || b > 31 ? do_fault(r, 3, line, b) : a >> b; }
static inline I do_at(I *r, I line, I i, I n) { return i < 0 || i >= n ? do_fault(r, 4, line, i) : i; }
"""
PLAIN_HEAD = """\
#include <stdint.h>
typedef int32_t I;
static inline I do_floor_div(I a, I b) { I q = a / b; return a % b != 0 && (a ^ b) < 0 ? q - 1 : q; }
static inline I do_mod(I a, I b) { I m = a % b; return m != 0 && (m ^ b) < 0 ? m + b : m; }
"""
"""Of C whose intermediates stay within 31 bits, as checked C has shown."""
ELEMENTS = {"ptr8": "uint8_t", "ptr16": "uint16_t", "ptr32": "int32_t"}
_OPERATORS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^"}
_CALLS: dict[type[ast.operator], str] = {ast.FloorDiv: "do_floor_div", ast.Mod: "do_mod", ast.LShift: "do_shl", ast.RShift: "do_shr"}
_COMPARISONS: dict[type[ast.cmpop], str] = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


class SubsetError(ValueError):
    """A kernel uses what the restricted subset does not have; the text names file and line."""


def kernels(source: str) -> list[ast.FunctionDef]:
    """The kernels among a module's functions: what they return is annotated."""
    return [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.returns is not None]


def translate_checked(source: str, module: ModuleType) -> str:
    """Checked C for every kernel of a module: `I name(I *r, int32_t *v_a, I n_a, I v_b)` for `def name(a: ptr32, b: int) -> int`.

    Every variable is 64 bits wide, so what would overflow 31 bits is seen instead of suffered; every operation, shift, division and index
    reports what leaves its range.

    Raises:
        SubsetError: something outside the subset.
    """
    return CHECKED_HEAD + "".join(_Checked(node, module, node.name).text() for node in kernels(source))


def translate_plain(source: str, module: ModuleType, prefix: str) -> str:
    """C for every kernel of a module, behind PLAIN_HEAD: `static I <prefix>name(int32_t *v_a, I v_b)`.

    Raises:
        SubsetError: something outside the subset.
    """
    return "".join(_Plain(node, module, prefix + node.name).text() for node in kernels(source))


def _ends(body: list[ast.stmt]) -> bool:
    """True when every way through these statements returns, or never ends."""
    last = body[-1]
    if isinstance(last, ast.If):
        return _ends(last.body) and bool(last.orelse) and _ends(last.orelse)
    return isinstance(last, ast.Return) or (isinstance(last, ast.While) and isinstance(last.test, ast.Constant) and bool(last.test.value))


class _Function:
    """What is the same in both kinds."""

    _before = ""
    _parameters: tuple[str, ...] = ()

    def __init__(self, node: ast.FunctionDef, module: ModuleType, name: str) -> None:
        self.node = node
        self.module = module
        self.name = name
        self.pointers: dict[str, str] = {}
        self.lines: list[str] = []

    def text(self) -> str:
        given = self.node.args
        if given.posonlyargs or given.kwonlyargs or given.vararg or given.kwarg or given.defaults:
            raise self.refuse(self.node, "a kernel has plain arguments alone")
        if not _ends(self.node.body):
            raise self.refuse(self.node, "a kernel returns a number on every way through it")
        parameters = list(self._parameters)
        names: set[str] = set()
        for argument in self.node.args.args:
            kind = ast.unparse(argument.annotation) if argument.annotation else "none"
            if kind in ELEMENTS:
                self.pointers[argument.arg] = kind
                parameters += self.pointer(ELEMENTS[kind], argument.arg)
            elif kind == "int":
                names.add(argument.arg)
                parameters.append(f"I v_{argument.arg}")
            else:
                raise self.refuse(self.node, f"argument {argument.arg} is neither int nor a pointer")
        stored = {n.id for n in ast.walk(self.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        self.locals = names | stored
        self.block(self.node.body)
        declared = "".join(f"    I v_{name} = 0;\n" for name in sorted(stored - names))
        return f"{self._before}I {self.name}({', '.join(parameters)}) {{\n{declared}{''.join(self.lines)}    return 0;\n}}\n"

    def pointer(self, element: str, name: str) -> list[str]:
        """Parameters for a pointer argument."""
        raise NotImplementedError

    def index(self, node: ast.Subscript, name: str) -> str:
        """The index of an element of `name`."""
        raise NotImplementedError

    def binary(self, node: ast.BinOp, left: str, right: str) -> str | None:
        """An operation; None for one that the subset does not have."""
        raise NotImplementedError

    def negative(self, node: ast.UnaryOp, operand: str) -> str:
        """Of an operand."""
        raise NotImplementedError

    def refuse(self, node: ast.AST, why: str) -> SubsetError:
        return SubsetError(f"{self.module.__name__}:{getattr(node, 'lineno', 0)}: {why}")

    def block(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        put = self.lines.append
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            put(f"{self.target(node.targets[0])} = {self.value(node.value)};\n")
        elif isinstance(node, ast.AugAssign):
            read = ast.parse(ast.unparse(node.target), mode="eval").body
            value = ast.copy_location(ast.BinOp(read, node.op, node.value), node)
            for part in ast.walk(read):
                ast.copy_location(part, node)
            put(f"{self.target(node.target)} = {self.value(value)};\n")
        elif isinstance(node, ast.While) and not node.orelse:
            put(f"while ({self.test(node.test)}) {{\n")
            self.block(node.body)
            put("}\n")
        elif isinstance(node, ast.If):
            put(f"if ({self.test(node.test)}) {{\n")
            self.block(node.body)
            put("} else {\n")
            self.block(node.orelse)
            put("}\n")
        elif isinstance(node, ast.Return) and node.value is not None:
            put(f"return {self.value(node.value)};\n")
        elif isinstance(node, (ast.Break, ast.Continue)):
            put("break;\n" if isinstance(node, ast.Break) else "continue;\n")
        elif not (isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))):
            raise self.refuse(node, f"a kernel has no {type(node).__name__.lower()}")

    def target(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return f"v_{node.id}"
        if isinstance(node, ast.Subscript):
            return self.element(node)
        raise self.refuse(node, "only names and array elements are assigned to")

    def element(self, node: ast.Subscript) -> str:
        if not isinstance(node.value, ast.Name) or node.value.id not in self.pointers:
            raise self.refuse(node, "only pointer arguments have elements")
        name = node.value.id
        return f"v_{name}[{self.index(node, name)}]"

    def test(self, node: ast.expr) -> str:
        """An expression of which no more than its truth is asked: there `and` and `or` mean in both languages the same."""
        if isinstance(node, ast.BoolOp):
            return "(" + (" && " if isinstance(node.op, ast.And) else " || ").join(self.test(part) for part in node.values) + ")"
        return self.value(node)

    def value(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return f"((I){int(node.value)})"
        if isinstance(node, ast.Name):
            if node.id in self.locals:
                return f"v_{node.id}"
            constant = getattr(self.module, node.id, None)
            if isinstance(constant, int):
                return f"((I){constant})"
            raise self.refuse(node, f"{node.id} is no integer")
        if isinstance(node, ast.Subscript):
            return f"((I){self.element(node)})"
        if isinstance(node, ast.BinOp):
            text = self.binary(node, self.value(node.left), self.value(node.right))
            if text is not None:
                return text
        if isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.Not):
                return f"(!{self.test(node.operand)})"
            operand = self.value(node.operand)
            if isinstance(node.op, ast.USub):
                return self.negative(node, operand)
            if isinstance(node.op, ast.Invert):
                return f"(~{operand})"
        if isinstance(node, ast.Compare) and all(type(op) in _COMPARISONS for op in node.ops):
            parts = [self.value(part) for part in [node.left, *node.comparators]]
            pairs = zip(parts, node.ops, parts[1:], strict=False)
            return "(" + " && ".join(f"{a} {_COMPARISONS[type(op)]} {b}" for a, op, b in pairs) + ")"
        if isinstance(node, ast.IfExp):
            return f"({self.test(node.test)} ? {self.value(node.body)} : {self.value(node.orelse)})"
        raise self.refuse(node, f"a kernel has no {type(node).__name__.lower()}")


class _Checked(_Function):
    _parameters = ("I *r",)

    def pointer(self, element: str, name: str) -> list[str]:
        return [f"{element} *v_{name}", f"I n_{name}"]

    def index(self, node: ast.Subscript, name: str) -> str:
        return f"do_at(r, {node.lineno}, {self.value(node.slice)}, n_{name})"

    def binary(self, node: ast.BinOp, left: str, right: str) -> str | None:
        if type(node.op) in _OPERATORS:
            return f"do_ok(r, {node.lineno}, {left} {_OPERATORS[type(node.op)]} {right})"
        if type(node.op) in _CALLS:
            return f"{_CALLS[type(node.op)]}(r, {node.lineno}, {left}, {right})"
        return None

    def negative(self, node: ast.UnaryOp, operand: str) -> str:
        return f"do_ok(r, {node.lineno}, -{operand})"


class _Plain(_Function):
    _before = "static "

    def pointer(self, element: str, name: str) -> list[str]:
        return [f"{element} *v_{name}"]

    def index(self, node: ast.Subscript, name: str) -> str:
        return self.value(node.slice)

    def binary(self, node: ast.BinOp, left: str, right: str) -> str | None:
        if type(node.op) in _OPERATORS:
            return f"({left} {_OPERATORS[type(node.op)]} {right})"
        if isinstance(node.op, ast.LShift):
            return f"((I)((uint32_t){left} << {right}))"
        if isinstance(node.op, ast.RShift):
            return f"({left} >> {right})"
        if type(node.op) not in _CALLS:
            return None
        power = self._power_of_two(node.right)
        if power is not None:
            # Floor division by a shift, whatever the sign: the compiler would round towards zero and correct it.
            return f"({left} >> {power})" if isinstance(node.op, ast.FloorDiv) else f"({left} & {(1 << power) - 1})"
        return f"{_CALLS[type(node.op)]}({left}, {right})"

    def negative(self, node: ast.UnaryOp, operand: str) -> str:
        return f"(-{operand})"

    def _power_of_two(self, node: ast.expr) -> int | None:
        value: object = None
        if isinstance(node, ast.Constant):
            value = node.value
        elif isinstance(node, ast.Name) and node.id not in self.locals:
            value = getattr(self.module, node.id, None)
        return value.bit_length() - 1 if type(value) is int and value > 0 and value & (value - 1) == 0 else None
