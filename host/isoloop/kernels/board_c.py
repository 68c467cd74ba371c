"""The kernels as a C module of the Pico's image, compiled as the interpreter is (docs/decisions/kernels-in-c.md).

The frozen copy of a kernel file takes its functions from that module; constants and helpers stay in it, and no line moves.
"""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from isoloop.images.hashing import file_sha256, text_sha256, walk_files
from isoloop.kernels import constants, to_c, viper

MODULE = "_kernels"
"""Name that the image's frozen files import it by."""

_CMAKE = """\
add_library(usermod_kernels INTERFACE)
target_sources(usermod_kernels INTERFACE ${CMAKE_CURRENT_LIST_DIR}/kernels.c)
target_link_libraries(usermod INTERFACE usermod_kernels)
"""
_HEAD = """\
#pragma GCC optimize ("O2", "wrapv")
#include "py/nativeglue.h"
#include "py/runtime.h"
#include "py/smallint.h"
static inline int32_t do_int(mp_obj_t o) {
    return mp_obj_is_small_int(o) ? MP_OBJ_SMALL_INT_VALUE(o) : mp_obj_get_int_truncated(o);
}
static inline void *do_ptr(mp_obj_t o) { return (void *)mp_native_from_obj(o, MP_NATIVE_TYPE_PTR); }
static inline mp_obj_t do_obj(int32_t x) { return MP_SMALL_INT_FITS(x) ? MP_OBJ_NEW_SMALL_INT(x) : mp_obj_new_int(x); }
"""
_PLAIN_ARGUMENTS = 3
"""Functions of up to so many are called without an array of arguments."""


def convert_tree(folder: Path, module: Path) -> None:
    """Write the C module of every kernel below `folder` into the folder `module`, and let the kernel files take their functions from it.

    Raises:
        SubsetError: a kernel uses what the restricted subset does not have.
    """
    text = [_HEAD, to_c.PLAIN_HEAD]
    table = []
    for path in walk_files(folder):
        if path.match(viper.KERNELS):
            name = ".".join(path.relative_to(folder).with_suffix("").parts)
            prefix = name.replace(".", "_") + "_"
            source = path.read_text()
            found = constants.of_text(source)
            home: Any = SimpleNamespace(__name__=name, **found)
            text.append(to_c.translate_plain(source, home, prefix))
            for node in to_c.kernels(source):
                text.append(_glue(node, prefix + node.name))
                table.append(f"    {{ MP_ROM_QSTR(MP_QSTR_{prefix}{node.name}), MP_ROM_PTR(&{prefix}{node.name}_obj) }},\n")
            path.write_text(_taken(source, prefix))
    text.append(
        f"static const mp_rom_map_elem_t kernels_globals_table[] = {{\n"
        f"    {{ MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_{MODULE}) }},\n{''.join(table)}}};\n"
        "static MP_DEFINE_CONST_DICT(kernels_globals, kernels_globals_table);\n"
        "const mp_obj_module_t kernels_module = { .base = { &mp_type_module }, .globals = (mp_obj_dict_t *)&kernels_globals };\n"
        f"MP_REGISTER_MODULE(MP_QSTR_{MODULE}, kernels_module);\n"
    )
    module.mkdir(exist_ok=True)
    _write(module / "kernels.c", "".join(text))
    _write(module / "micropython.cmake", _CMAKE)


def recipe_sha256() -> str:
    """Identity of the conversion itself: part of the key of whatever is made with it."""
    return text_sha256(viper.recipe_sha256(), file_sha256(Path(__file__)), file_sha256(Path(to_c.__file__)))


def _glue(node: ast.FunctionDef, name: str) -> str:
    """The function object that MicroPython calls."""
    kinds = [ast.unparse(argument.annotation) if argument.annotation else "" for argument in node.args.args]
    count = len(kinds)
    is_plain = 1 <= count <= _PLAIN_ARGUMENTS
    given = [f"a{i}" if is_plain else f"a[{i}]" for i in range(count)]
    values = ", ".join(f"do_int({a})" if kind == "int" else f"do_ptr({a})" for a, kind in zip(given, kinds, strict=True))
    taken = ", ".join(f"mp_obj_t {a}" for a in given) if is_plain else "size_t n, const mp_obj_t *a"
    kind = f"{count}({name}_obj" if is_plain else f"VAR_BETWEEN({name}_obj, {count}, {count}"
    unused = "" if is_plain else "(void)n; "
    function = f"static mp_obj_t {name}_call({taken}) {{ {unused}return do_obj({name}({values})); }}\n"
    return f"{function}static MP_DEFINE_CONST_FUN_OBJ_{kind}, {name}_call);\n"


def _taken(source: str, prefix: str) -> str:
    """A kernel file whose functions come from the module."""
    lines = source.splitlines()
    for node in to_c.kernels(source):
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        assert node.end_lineno is not None
        lines[first - 1 : node.end_lineno] = [f"from {MODULE} import {prefix}{node.name} as {node.name}"] + [""] * (node.end_lineno - first)
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    """Only what has changed: everything that depends on it is compiled again."""
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)
