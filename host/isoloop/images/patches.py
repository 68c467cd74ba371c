"""The changes that MicroPython's tree gets before it is built, each matched exactly once or the build refuses.

They take mbedtls out of the rp2 port (the pinned source has none, and nothing here needs TLS; SHA-256 stays, from MicroPython's own
implementation), let the build name its TinyUSB, and end the file system before the last 64 kB of the flash, which are the firmware's raw
sectors (firmware/boards/reference.py). The compiler of native code learns long jumps on ARMv6-M, and the freezer to align it. A
checkout gets the same patches in a copy, so that one image is one image.
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
