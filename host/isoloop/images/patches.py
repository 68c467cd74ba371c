"""The changes that MicroPython's tree gets before it is built, each matched exactly once or the build refuses.

They take mbedtls out of the rp2 port (the pinned source has none, and nothing here needs TLS; SHA-256 stays, from MicroPython's own
implementation), let the build name its TinyUSB, and end the file system before the last 64 kB of the flash, which are the firmware's raw
sectors (firmware/boards/reference.py). The compiler of native code learns long jumps on ARMv6-M, and the freezer to align it; names are
looked up more quickly. A checkout gets the same patches in a copy, so that one image is one image.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from isoloop.images.errors import ImageError
from isoloop.images.hashing import text_sha256


@dataclass(frozen=True)
class Patch:
    """One substitution: `pattern` (multi-line regular expression) in `file` becomes `replacement`."""

    file: str
    pattern: str
    replacement: str


_CMAKE = "ports/rp2/CMakeLists.txt"
_CONFIG = "ports/rp2/mpconfigport.h"
_BOOT = "ports/rp2/modules/_boot.py"

FILE_SYSTEM_BYTES = 1344 * 1024
"""Of the RPI_PICO board's 1408 kB of flash storage; the rest is raw sectors."""

_THUMB = "py/asmthumb.c"
# MicroPython 1.25 gives up with "native method too big" where a jump on ARMv6-M passes 2 kB, which a kernel of 120 lines does. BL reaches
# 4 MB there; it spoils the link register, which every native function has saved on entry.
_LONG_JUMP = "        asm_thumb_op32(as, OP_BL_HI(rel), OP_BL_LO(rel));\n"
_LONG_CONDITIONAL = """\
        rel -= 2;
        asm_thumb_op16(as, OP_BCC_N(cond ^ 1, 2));
        asm_thumb_op32(as, OP_BL_HI(rel), OP_BL_LO(rel));
"""

_FREEZER = "tools/mpy-tool.py"
# It aligns frozen code of every Thumb to two bytes. ARMv6-M loads its larger constants relative to the word-aligned program counter: where
# a function came to lie at an odd halfword, each of them was read two bytes off.
_WORD_ALIGNED = r"^( +)MP_NATIVE_ARCH_ARMV6,\n(?= +MP_NATIVE_ARCH_XTENSA,\n +MP_NATIVE_ARCH_XTENSAWIN,\n +\):\n +# ARMV6 or Xtensa -- four)"
# And it makes every integer beyond 14 bits in a constant tuple a long one, in case small ones are that small. Arithmetic with
# long ones allocates: under the heap lock a cycle that reads such a table died. Ours have 31 bits.
_SMALL = r"^    return -0x2000 <= i <= 0x1FFF$"

# The port builds for size, all but the three files of this list.
_QUICK_FILES = r"^    \$\{MICROPY_PY_DIR\}/mpz\.c\n    \$\{MICROPY_PY_DIR\}/vm\.c\n(?=    PROPERTIES\n)"
_QUICK = ("bc", "gc", "obj", "objarray", "objfun", "objtype", "qstr", "runtime", "sequence", "binary", "nativeglue")
_MORE_QUICK_FILES = r"\g<0>" + "".join(f"    ${{MICROPY_PY_DIR}}/{name}.c\n" for name in _QUICK)
_MAP = "py/map.c"
# Looking up names is a third of what the interpreter does in a control cycle. A hit in the cache cost a division on a processor that has
# none and the saving of eight registers; half of its places were never used (a name's lowest bit is always clear there), and one name in
# two maps threw itself out; each further step through a map was a division again (docs/decisions/interpreter-speed.md).
_CACHE_PLACE = r"^#define MAP_CACHE_OFFSET\(index\) .+$"
_MIXED_PLACE = (
    "#define MAP_CACHE_OFFSET(index) ((((uintptr_t)(index)) >> 3 ^ ((uintptr_t)(map)) >> 4) % MICROPY_OPT_MAP_LOOKUP_CACHE_SIZE)"
)
_CACHE_GET = r"^#define MAP_CACHE_GET\(map, index\) .+$"
_BOUNDED_GET = "#define MAP_CACHE_GET(map, index) (&(map)->table[MAP_CACHE_ENTRY(index) < (map)->alloc ? MAP_CACHE_ENTRY(index) : 0])"
_LOOK_UP = (
    r"^mp_map_elem_t \*MICROPY_WRAP_MP_MAP_LOOKUP\(mp_map_lookup\)(\(.+\)) \{\n"
    r"[\s\S]+?(    #if MICROPY_OPT_MAP_LOOKUP_CACHE\n[\s\S]+?    #endif\n)"
)
_QUICK_LOOK_UP = r"""
static mp_map_elem_t *look_up(mp_map_t *map, mp_obj_t index, mp_map_lookup_kind_t lookup_kind);

mp_map_elem_t *MICROPY_WRAP_MP_MAP_LOOKUP(mp_map_lookup)\1 {
\2    return look_up(map, index, lookup_kind);
}

static MP_NOINLINE mp_map_elem_t *look_up(mp_map_t *map, mp_obj_t index, mp_map_lookup_kind_t lookup_kind) {
"""
_NEXT_PLACE = r"^        pos = \(pos \+ 1\) % map->alloc;$"
_NEXT_PLACE_QUICKLY = "        if (++pos >= map->alloc) {\n            pos = 0;\n        }"
# Full maps are searched from end to end for a method's name, which is in the class: a quarter of each stays free.
_NOT_THERE = r"^            // found NULL slot, so index is not in table\n            if \(lookup_kind == \w+_ADD_IF_NOT_FOUND\) \{\n"
_ROOM = """\\g<0>\
                if (map->used + (size_t)(map->used / 3) >= map->alloc) {
                    mp_map_rehash(map);
                    start_pos = pos = hash % map->alloc;
                    avail_slot = NULL;
                    continue;
                }
"""
# Sized for what it holds, or filling it anew would make it grow again, and one that found no memory then would lose the rest.
_NEW_SIZE = r"^    size_t new_alloc = get_hash_alloc_greater_or_equal_to\(map->alloc \+ 1\);$"
_ROOMY_SIZE = """\
    size_t needed = map->used + map->used / 3 + 1;
    size_t new_alloc = get_hash_alloc_greater_or_equal_to(needed > map->alloc ? needed : map->alloc + 1);"""
# The C library of the build compares byte by byte. The copies of memory.py are compared whole, twice a tick.
_MAIN = r"^int main\(int argc, char \*\*argv\) \{$"
_COMPARE_WORDS = """\
int memcmp(const void *one, const void *two, size_t count) {
    const uint8_t *a = one, *b = two;
    if ((((uintptr_t)a | (uintptr_t)b) & 3) == 0) {
        const uint32_t *x = one, *y = two;
        while (count >= 16 && x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3]) {
            x += 4;
            y += 4;
            count -= 16;
        }
        a = (const uint8_t *)x;
        b = (const uint8_t *)y;
    }
    for (; count > 0; a++, b++, count--) {
        if (*a != *b) {
            return *a - *b;
        }
    }
    return 0;
}

// Byte by byte too; the boot ROM's memcpy, which takes words, will do wherever the two places are apart.
void *memmove(void *to, const void *from, size_t count) {
    if ((uintptr_t)to - (uintptr_t)from >= count && (uintptr_t)from - (uintptr_t)to >= count) {
        return memcpy(to, from, count);
    }
    volatile uint8_t *a = to;
    const uint8_t *b = from;
    if ((uintptr_t)to < (uintptr_t)from) {
        while (count-- > 0) {
            *a++ = *b++;
        }
    } else {
        while (count-- > 0) {
            a[count] = b[count];
        }
    }
    return to;
}

\\g<0>"""

_FRAME = r"^#define VM_MAX_STATE_ON_STACK \(sizeof\(mp_uint_t\) \* 11\)$"
# A call whose frame is larger than this takes it from the heap, which is searched for it; under the heap lock it is on the stack anyhow.
_FRAME_ON_STACK = "#define VM_MAX_STATE_ON_STACK (sizeof(mp_uint_t) * 48)"

# The stack is checked before the frame is laid out: what is kept free below must hold it.
_MARGIN = r"^(#define MICROPY_STACK_CHECK_MARGIN +)\(256\)$"
_WIDE_MARGIN = r"\1(768)"

# Comparing, adding and masking two small integers, here and not three calls away.
_BINARY_OP = (
    r"^ {16}ENTRY\(MP_BC_BINARY_OP_MULTI\): \{\n {20}MARK_EXC_IP_SELECTIVE\(\);\n"
    r" {20}mp_obj_t rhs = POP\(\);\n {20}mp_obj_t lhs = TOP\(\);\n"
)
_SMALL_BINARY_OP = """\\g<0>\
                    #if MICROPY_OBJ_REPR == MICROPY_OBJ_REPR_A
                    if ((mp_int_t)lhs & (mp_int_t)rhs & 1) {
                        mp_int_t one = (mp_int_t)lhs, other = (mp_int_t)rhs, found;
                        switch (ip[-1] - MP_BC_BINARY_OP_MULTI) {
                            case MP_BINARY_OP_LESS:
                                SET_TOP(mp_obj_new_bool(one < other));
                                DISPATCH();
                            case MP_BINARY_OP_MORE:
                                SET_TOP(mp_obj_new_bool(one > other));
                                DISPATCH();
                            case MP_BINARY_OP_EQUAL:
                                SET_TOP(mp_obj_new_bool(one == other));
                                DISPATCH();
                            case MP_BINARY_OP_LESS_EQUAL:
                                SET_TOP(mp_obj_new_bool(one <= other));
                                DISPATCH();
                            case MP_BINARY_OP_MORE_EQUAL:
                                SET_TOP(mp_obj_new_bool(one >= other));
                                DISPATCH();
                            case MP_BINARY_OP_NOT_EQUAL:
                                SET_TOP(mp_obj_new_bool(one != other));
                                DISPATCH();
                            case MP_BINARY_OP_ADD:
                            case MP_BINARY_OP_INPLACE_ADD:
                                if (!__builtin_add_overflow(one, other - 1, &found)) {
                                    SET_TOP((mp_obj_t)found);
                                    DISPATCH();
                                }
                                break;
                            case MP_BINARY_OP_SUBTRACT:
                            case MP_BINARY_OP_INPLACE_SUBTRACT:
                                if (!__builtin_sub_overflow(one, other - 1, &found)) {
                                    SET_TOP((mp_obj_t)found);
                                    DISPATCH();
                                }
                                break;
                            case MP_BINARY_OP_AND:
                            case MP_BINARY_OP_INPLACE_AND:
                                SET_TOP((mp_obj_t)(one & other));
                                DISPATCH();
                            case MP_BINARY_OP_OR:
                            case MP_BINARY_OP_INPLACE_OR:
                                SET_TOP((mp_obj_t)(one | other));
                                DISPATCH();
                            case MP_BINARY_OP_FLOOR_DIVIDE:
                            case MP_BINARY_OP_INPLACE_FLOOR_DIVIDE:
                                if (one >= 0 && other > 1) {
                                    SET_TOP(MP_OBJ_NEW_SMALL_INT((mp_int_t)((mp_uint_t)(one >> 1) / (mp_uint_t)(other >> 1))));
                                    DISPATCH();
                                }
                                break;
                            case MP_BINARY_OP_MODULO:
                            case MP_BINARY_OP_INPLACE_MODULO:
                                if (one >= 0 && other > 1) {
                                    SET_TOP(MP_OBJ_NEW_SMALL_INT((mp_int_t)((mp_uint_t)(one >> 1) % (mp_uint_t)(other >> 1))));
                                    DISPATCH();
                                }
                                break;
                            case MP_BINARY_OP_MULTIPLY:
                            case MP_BINARY_OP_INPLACE_MULTIPLY:
                                one >>= 1;
                                other >>= 1;
                                if ((mp_uint_t)(one + 0x4000) < 0x8000 && (mp_uint_t)(other + 0x4000) < 0x8000) {
                                    SET_TOP(MP_OBJ_NEW_SMALL_INT(one * other));
                                    DISPATCH();
                                }
                                break;
                            case MP_BINARY_OP_RSHIFT:
                            case MP_BINARY_OP_INPLACE_RSHIFT:
                                if ((mp_uint_t)other < 2 * 31) {
                                    SET_TOP((mp_obj_t)(one >> (other >> 1) | 1));
                                    DISPATCH();
                                }
                                break;
                        }
                    }
                    #endif
"""

_VM = "py/vm.c"
_TYPES = "py/objtype.c"
# What the interpreter asks most often, answered in its loop: is it true, of which type is it.
_VM_INCLUDES = r'^#include "py/profile\.h"$'
_VM_SHORTCUTS = """\\g<0>
#include "py/binary.h"
#include "py/smallint.h"
#include "py/objarray.h"
#include "py/objtuple.h"

static inline bool quick_is_true(mp_obj_t object) {
    if (object == mp_const_true) {
        return true;
    }
    if (object == mp_const_false || object == MP_OBJ_NEW_SMALL_INT(0)) {
        return false;
    }
    return mp_obj_is_small_int(object) || mp_obj_is_true(object);
}
#define mp_obj_is_true quick_is_true

static inline const mp_obj_type_t *quick_get_type(mp_obj_t object) {
    return mp_obj_is_obj(object) ? ((mp_obj_base_t *)MP_OBJ_TO_PTR(object))->type : mp_obj_get_type(object);
}
#define mp_obj_get_type quick_get_type

// What a map has under a name, if the cache of look-ups knows it; else NULL.
static inline mp_map_elem_t *known_element(mp_map_t *map, qstr name) {
    #if MICROPY_OPT_MAP_LOOKUP_CACHE
    mp_obj_t key = MP_OBJ_NEW_QSTR(name);
    size_t at = MP_STATE_VM(map_lookup_cache)[((uintptr_t)key >> 3 ^ (uintptr_t)map >> 4) % MICROPY_OPT_MAP_LOOKUP_CACHE_SIZE];
    return at < map->alloc && map->table[at].key == key ? &map->table[at] : NULL;
    #else
    return NULL;
    #endif
}

static inline mp_map_elem_t *quick_look_up(mp_map_t *map, qstr name) {
    mp_map_elem_t *elem = known_element(map, name);
    return elem != NULL ? elem : mp_map_lookup(map, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP);
}

// Where an element of ints, bytes or objects is, negative places left aside.
typedef enum { NO_ELEMENT, INT_ELEMENT, BYTE_ELEMENT, OBJECT_ELEMENT } element_t;
static inline element_t find_element(mp_obj_t object, mp_obj_t index, bool is_store, void **place) {
    if (!mp_obj_is_small_int(index) || !mp_obj_is_obj(object)) {
        return NO_ELEMENT;
    }
    size_t at = (size_t)MP_OBJ_SMALL_INT_VALUE(index);
    const mp_obj_type_t *type = ((mp_obj_base_t *)MP_OBJ_TO_PTR(object))->type;
    if (type == &mp_type_array || type == &mp_type_memoryview || type == &mp_type_bytearray) {
        mp_obj_array_t *array = MP_OBJ_TO_PTR(object);
        size_t typecode = array->typecode;
        if (at < array->len) {
            if (type == &mp_type_memoryview) {
                if (is_store && !(typecode & MP_OBJ_ARRAY_TYPECODE_FLAG_RW)) {
                    return NO_ELEMENT;
                }
                typecode &= ~MP_OBJ_ARRAY_TYPECODE_FLAG_RW;
                at += array->free;
            }
            if (typecode == 'i') {
                *place = (int32_t *)array->items + at;
                return INT_ELEMENT;
            }
            if (typecode == BYTEARRAY_TYPECODE || typecode == 'B') {
                *place = (uint8_t *)array->items + at;
                return BYTE_ELEMENT;
            }
        }
    } else if (type == &mp_type_tuple && !is_store) {
        mp_obj_tuple_t *tuple = MP_OBJ_TO_PTR(object);
        if (at < tuple->len) {
            *place = &tuple->items[at];
            return OBJECT_ELEMENT;
        }
    }
    return NO_ELEMENT;
}
"""
_LOAD_ELEMENT = r"^ {20}mp_obj_t index = POP\(\);\n(?= {20}SET_TOP\(mp_obj_subscr\(TOP\(\), index, MP_OBJ_SENTINEL\)\);$)"
_LOAD_ELEMENT_QUICKLY = """\\g<0>\
                    void *place;
                    switch (find_element(TOP(), index, false, &place)) {
                        case INT_ELEMENT: {
                            mp_int_t value = *(int32_t *)place;
                            if (MP_SMALL_INT_FITS(value)) {
                                SET_TOP(MP_OBJ_NEW_SMALL_INT(value));
                                DISPATCH();
                            }
                            break;
                        }
                        case BYTE_ELEMENT:
                            SET_TOP(MP_OBJ_NEW_SMALL_INT(*(uint8_t *)place));
                            DISPATCH();
                        case OBJECT_ELEMENT:
                            SET_TOP(*(mp_obj_t *)place);
                            DISPATCH();
                        default:
                            break;
                    }
"""
_STORE_ELEMENT = r"^ {16}ENTRY\(MP_BC_STORE_SUBSCR\):\n {20}MARK_EXC_IP_SELECTIVE\(\);\n"
_STORE_ELEMENT_QUICKLY = """\\g<0>\
                    if (mp_obj_is_small_int(sp[-2])) {
                        void *place;
                        element_t kind = find_element(sp[-1], sp[0], true, &place);
                        if (kind == INT_ELEMENT) {
                            *(int32_t *)place = (int32_t)MP_OBJ_SMALL_INT_VALUE(sp[-2]);
                            sp -= 3;
                            DISPATCH();
                        }
                        if (kind == BYTE_ELEMENT) {
                            *(uint8_t *)place = (uint8_t)MP_OBJ_SMALL_INT_VALUE(sp[-2]);
                            sp -= 3;
                            DISPATCH();
                        }
                    }
"""
# A method's name is looked for in the instance, in vain, and then in its class. The class is asked first here, unless some instance of
# it has an attribute that hides one of its methods; which those are is noted, by class and name, when such an attribute is added.
_LOAD_METHOD = r"^ {20}DECODE_QSTR;\n(?= {20}mp_load_method\(\*sp, qst, sp\);$)"
_LOAD_METHOD_QUICKLY = """\\g<0>\
                    if (mp_obj_is_obj(*sp)) {
                        const mp_obj_type_t *type = ((mp_obj_base_t *)MP_OBJ_TO_PTR(*sp))->type;
                        if (mp_obj_is_instance_type(type) && MP_OBJ_TYPE_HAS_SLOT(type, locals_dict)
                            && !MP_METHOD_MAY_BE_HIDDEN(type, qst)) {
                            mp_map_t *methods = &MP_OBJ_TYPE_GET_SLOT(type, locals_dict)->map;
                            mp_map_elem_t *elem = quick_look_up(methods, qst);
                            if (elem != NULL && mp_obj_is_obj(elem->value)) {
                                const mp_obj_type_t *kind = ((mp_obj_base_t *)MP_OBJ_TO_PTR(elem->value))->type;
                                if ((kind->flags & (MP_TYPE_FLAG_BINDS_SELF | MP_TYPE_FLAG_BUILTIN_FUN)) == MP_TYPE_FLAG_BINDS_SELF) {
                                    sp[1] = sp[0];
                                    sp[0] = elem->value;
                                    sp += 1;
                                    DISPATCH();
                                }
                            }
                        }
                    }
"""
_HIDDEN_NOTE = r"^#define mp_obj_is_instance_type\(type\) .+$"
_HIDDEN_NOTED = """\\g<0>

#define MP_HIDDEN_METHOD_WORDS (16)
#define MP_HIDDEN_METHOD_BIT(type, name) ((((uintptr_t)(type)) >> 4 ^ (name)) % (32 * MP_HIDDEN_METHOD_WORDS))
#define MP_METHOD_MAY_BE_HIDDEN(type, name) \\\\
    (mp_hidden_methods[MP_HIDDEN_METHOD_BIT(type, name) / 32] >> MP_HIDDEN_METHOD_BIT(type, name) % 32 & 1)
extern uint32_t mp_hidden_methods[MP_HIDDEN_METHOD_WORDS];"""
_STORE_MEMBER = (
    r"^ {8}mp_map_lookup\(&self->members, MP_OBJ_NEW_QSTR\(attr\), MP_MAP_LOOKUP_ADD_IF_NOT_FOUND\)->value = value;\n(?= {8}return true;$)"
)
_NOTE_HIDDEN = """\
        mp_map_elem_t *elem = mp_map_lookup(&self->members, MP_OBJ_NEW_QSTR(attr), MP_MAP_LOOKUP_ADD_IF_NOT_FOUND);
        const mp_obj_type_t *type = self->base.type;
        if (elem->value == MP_OBJ_NULL && MP_OBJ_TYPE_HAS_SLOT(type, locals_dict)
            && mp_map_lookup(&MP_OBJ_TYPE_GET_SLOT(type, locals_dict)->map, MP_OBJ_NEW_QSTR(attr), MP_MAP_LOOKUP) != NULL) {
            mp_hidden_methods[MP_HIDDEN_METHOD_BIT(type, attr) / 32] |= 1u << MP_HIDDEN_METHOD_BIT(type, attr) % 32;
        }
        elem->value = value;
"""
_HIDDEN_PLACE = r"^static void mp_obj_class_lookup\(struct class_lookup_data +\*lookup, const mp_obj_type_t \*type\) \{$"
_HIDDEN_WORDS = """uint32_t mp_hidden_methods[MP_HIDDEN_METHOD_WORDS];

\\g<0>"""
_STORE_IN_CLASS = r"^ {16}// store attribute\n(?= {16}mp_map_elem_t \*elem = mp_map_lookup\(locals_map, )"
_ALL_MAY_BE_HIDDEN = """\\g<0>\
                // What it hides from now on, or is hidden by, nobody knows.
                memset(mp_hidden_methods, 0xFF, sizeof(mp_hidden_methods));
"""
# object.__setattr__ stores past all of that.
_STORE_UNSEEN = r"^ {4}mp_map_lookup\(&self->members, attr, MP_MAP_LOOKUP_ADD_IF_NOT_FOUND\)->value = value;$"
_MAY_HIDE = "    memset(mp_hidden_methods, 0xFF, sizeof(mp_hidden_methods));\n\\g<0>"
_STORE_ATTR = r"^ {20}DECODE_QSTR;\n(?= {20}mp_store_attr\(sp\[0\], qst, sp\[-1\]\);$)"
_STORE_ATTR_QUICKLY = """\\g<0>\
                    const mp_obj_type_t *type = mp_obj_get_type(sp[0]);
                    // Nothing to store is a deletion.
                    if (sp[-1] != MP_OBJ_NULL && mp_obj_is_instance_type(type)
                        && !(type->flags & MP_TYPE_FLAG_HAS_SPECIAL_ACCESSORS)) {
                        mp_obj_instance_t *self = MP_OBJ_TO_PTR(sp[0]);
                        mp_map_elem_t *elem = quick_look_up(&self->members, qst);
                        if (elem != NULL) {
                            elem->value = sp[-1];
                            sp -= 2;
                            DISPATCH();
                        }
                    }
"""
_LOAD_MEMBER = r"^ {24}elem = mp_map_lookup\(&self->members, MP_OBJ_NEW_QSTR\(qst\), MP_MAP_LOOKUP\);$"
_LOAD_MEMBER_QUICKLY = "                        elem = quick_look_up(&self->members, qst);"
_LOAD_GLOBAL = r"^ {20}DECODE_QSTR;\n(?= {20}PUSH\(mp_load_global\(qst\)\);$)"
_LOAD_GLOBAL_QUICKLY = """\\g<0>\
                    mp_map_elem_t *known = known_element(&mp_globals_get()->map, qst);
                    if (known != NULL) {
                        PUSH(known->value);
                        DISPATCH();
                    }
"""
# A call with as many arguments as the function names, none of them special: its prelude is read once.
_CALL = r"^static mp_obj_t fun_bc_call\(.+\) \{\n {4}mp_cstack_check\(\);\n"
_CALL_QUICKLY = """\\g<0>
    #if !MICROPY_PY_SYS_SETTRACE && !MICROPY_STACKLESS && !MICROPY_ENABLE_PYSTACK && !MICROPY_DEBUG_VM_STACK_OVERFLOW
    const byte *prelude = ((mp_obj_fun_bc_t *)MP_OBJ_TO_PTR(self_in))->bytecode;
    // Signature xSSSSEAA xFSSKAED, then the size xIIIIIIC: py/bc.h.
    unsigned first = *prelude++;
    unsigned second = first & 0x80 ? *prelude++ : 0;
    size_t needed = (first & 3) | (second & 4);
    size_t words = ((first >> 3 & 0xf) | (second & 0x30)) + 1;
    unsigned size = *prelude++;
    size_t skipped = size >> 1 & 0x3f;
    if (size & 0x80 && !(size & 1)) {
        size = *prelude++;
        skipped |= (size & 0x7e) << 5;
    }
    if (n_kw == 0 && n_args == needed && !(second & 0xc9) && !(size & 0x81) && words <= VM_MAX_STATE_ON_STACK / sizeof(mp_obj_t)) {
        size_t handlers = (first >> 2 & 1) | (second & 2);
        mp_code_state_t *frame =
            alloca(offsetof(mp_code_state_t, state) + words * sizeof(mp_obj_t) + handlers * sizeof(mp_exc_stack_t));
        frame->fun_bc = MP_OBJ_TO_PTR(self_in);
        frame->ip = prelude + skipped;
        frame->sp = frame->state - 1;
        frame->n_state = words;
        frame->exc_sp_idx = 0;
        frame->old_globals = mp_globals_get();
        mp_obj_t *local = frame->state;
        mp_obj_t *parameters = local + words - n_args;
        while (local < parameters) {
            *local++ = MP_OBJ_NULL;
        }
        for (const mp_obj_t *arg = args + n_args; arg > args; ) {
            *local++ = *--arg;
        }
        mp_globals_set(frame->fun_bc->context->module.globals);
        mp_vm_return_kind_t kind = mp_execute_bytecode(frame, MP_OBJ_NULL);
        mp_globals_set(frame->old_globals);
        if (kind == MP_VM_RETURN_NORMAL) {
            return *frame->sp;
        }
        nlr_raise(frame->state[0]);
    }
    #endif
"""
# Each pointer that a kernel takes was asked for by way of three calls.
_TO_POINTER = r"^ {8}default: \{ // cast obj to a pointer\n"
_TO_POINTER_QUICKLY = """\\g<0>\
            if (mp_obj_is_obj(obj)) {
                const mp_obj_type_t *kind = ((mp_obj_base_t *)MP_OBJ_TO_PTR(obj))->type;
                mp_obj_array_t *array = MP_OBJ_TO_PTR(obj);
                if (kind == &mp_type_array || kind == &mp_type_bytearray) {
                    return (mp_uint_t)array->items;
                }
                if (kind == &mp_type_memoryview && (array->typecode & ~MP_OBJ_ARRAY_TYPECODE_FLAG_RW) == 'i') {
                    return (mp_uint_t)((int32_t *)array->items + array->free);
                }
            }
"""
_TO_INT = r"^ {8}case MP_NATIVE_TYPE_UINT:\n(?= {12}return mp_obj_get_int_truncated\(obj\);$)"
_TO_INT_QUICKLY = """\\g<0>\
            if (mp_obj_is_small_int(obj)) {
                return MP_OBJ_SMALL_INT_VALUE(obj);
            }
"""

PATCHES = (
    Patch(_CMAKE, r"^set\(MICROPY_SSL_MBEDTLS ON\)$", "set(MICROPY_SSL_MBEDTLS OFF)"),
    Patch(_CMAKE, r"^ +mbedtls/mbedtls_port\.c\n", ""),
    Patch(_CMAKE, r"^target_link_libraries\(\$\{MICROPY_TARGET\} micropy_lib_mbedtls\)\n", ""),
    Patch(_CMAKE, r"^set\((PICO_TINYUSB_PATH) (\S+)\)$", r"if(NOT \1)\nset(\1 \2)\nendif()"),
    Patch(_CONFIG, r"^(#define MICROPY_SSL_MBEDTLS +)\(1\)", r"\1(0)"),
    Patch(_CONFIG, r"^(#define MICROPY_PY_HASHLIB_SHA1 +)\(1\)", r"\1(0)"),
    Patch(_CONFIG, r"^(#define MICROPY_PY_CRYPTOLIB +)\(1\)", r"\1(0)"),
    Patch(_BOOT, r"^bdev = rp2\.Flash\(\)$", f"bdev = rp2.Flash(start=0, len={FILE_SYSTEM_BYTES})"),
    Patch(_THUMB, r"^        if \(SIGNED_FIT12\(rel\)\) \{\n            // this code path[\s\S]+?^        \}\n(?=    \}\n)", _LONG_JUMP),
    Patch(_THUMB, r"^        asm_thumb_op16\(as, OP_BCC_N\(cond \^ 1, 0\)\);\n +asm_thumb_b_label\(as, label\);\n", _LONG_CONDITIONAL),
    Patch(_CMAKE, _QUICK_FILES, _MORE_QUICK_FILES),
    Patch(_MAP, _CACHE_PLACE, _MIXED_PLACE),
    Patch(_MAP, _CACHE_GET, _BOUNDED_GET),
    Patch(_MAP, _LOOK_UP, _QUICK_LOOK_UP),
    Patch(_MAP, _NEXT_PLACE, _NEXT_PLACE_QUICKLY),
    Patch(_MAP, _NOT_THERE, _ROOM),
    Patch(_MAP, _NEW_SIZE, _ROOMY_SIZE),
    Patch("py/objfun.c", _FRAME, _FRAME_ON_STACK),
    Patch(_CONFIG, _MARGIN, _WIDE_MARGIN),
    Patch(_VM, _BINARY_OP, _SMALL_BINARY_OP),
    Patch(_VM, _VM_INCLUDES, _VM_SHORTCUTS),
    Patch(_VM, _LOAD_ELEMENT, _LOAD_ELEMENT_QUICKLY),
    Patch(_VM, _STORE_ELEMENT, _STORE_ELEMENT_QUICKLY),
    Patch(_VM, _LOAD_METHOD, _LOAD_METHOD_QUICKLY),
    Patch(_VM, _STORE_ATTR, _STORE_ATTR_QUICKLY),
    Patch(_VM, _LOAD_MEMBER, _LOAD_MEMBER_QUICKLY),
    Patch(_VM, _LOAD_GLOBAL, _LOAD_GLOBAL_QUICKLY),
    Patch("py/objfun.c", _CALL, _CALL_QUICKLY),
    Patch("py/objtype.h", _HIDDEN_NOTE, _HIDDEN_NOTED),
    Patch(_TYPES, _HIDDEN_PLACE, _HIDDEN_WORDS),
    Patch(_TYPES, _STORE_MEMBER, _NOTE_HIDDEN),
    Patch(_TYPES, _STORE_IN_CLASS, _ALL_MAY_BE_HIDDEN),
    Patch("py/objobject.c", _STORE_UNSEEN, _MAY_HIDE),
    Patch("py/objobject.c", r'^#include "py/runtime\.h"$', "\\g<0>\n#include <string.h>"),
    Patch("py/nativeglue.c", r'^#include "py/smallint\.h"$', '\\g<0>\n#include "py/objarray.h"'),
    Patch("py/nativeglue.c", _TO_POINTER, _TO_POINTER_QUICKLY),
    Patch("py/nativeglue.c", _TO_INT, _TO_INT_QUICKLY),
    Patch("ports/rp2/main.c", _MAIN, _COMPARE_WORDS),
    Patch("py/mpconfig.h", r"^#define MICROPY_OPT_MAP_LOOKUP_CACHE_SIZE \(128\)", "#define MICROPY_OPT_MAP_LOOKUP_CACHE_SIZE (4096)"),
    Patch(_FREEZER, _WORD_ALIGNED, r"\g<0>\1MP_NATIVE_ARCH_ARMV6M,\n"),
    Patch(_FREEZER, _SMALL, "    return -0x40000000 <= i <= 0x3FFFFFFF"),
)

PATCHES_SHA256 = text_sha256(*(text for patch in PATCHES for text in (patch.file, patch.pattern, patch.replacement)))
"""Identity of the patch set, part of every image's key."""


def apply(tree: Path) -> None:
    """Patch a MicroPython tree in place.

    Raises:
        ImageError: a file is missing, or a pattern does not match exactly once (another release than the pinned one).
    """
    for patch in PATCHES:
        path = tree / patch.file
        try:
            text = path.read_text()
        except OSError as error:
            raise ImageError(f"{path}: {error.strerror}: this is no complete MicroPython tree") from error
        text, count = re.subn(patch.pattern, patch.replacement, text, flags=re.MULTILINE)
        if count != 1:
            advice = "use MicroPython 1.25, or unset MICROPYTHON_DIR"
            raise ImageError(f"{patch.file}: expected one match of {patch.pattern!r}, found {count}: {advice}")
        path.write_text(text)
