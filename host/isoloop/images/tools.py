"""The compilers an image needs, and the one apt line that brings what is missing."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

from isoloop.images.errors import ImageError
from isoloop.images.steps import clean_environment

_UNIX, _PICO = ("unix32", "unix64cov", "mpy-cross"), ("pico", "rig")


@dataclass(frozen=True)
class Tool:
    """One thing that must work.

    Attributes:
        package: the Debian package that brings it.
        images: which images need it.
        command: exits 0 when it works, with `source` on its standard input.
    """

    package: str
    what: str
    images: tuple[str, ...]
    command: tuple[str, ...]
    source: str = ""


_C = "#include <stdio.h>\nint main(void) { puts(\"\"); return 0; }\n"
_CXX = "#include <cstdlib>\n#include <new>\nint main() { return 0; }\n"

TOOLS = (
    Tool("make", "make", _UNIX + _PICO, ("make", "--version")),
    # gcc-multilib depends on gcc, and mpy-cross needs gcc whatever the image.
    Tool("gcc-multilib", "a C compiler", _UNIX + _PICO, ("gcc", "-x", "c", "-", "-o", "/dev/null"), _C),
    Tool("gcc-multilib", "a C compiler that makes 32-bit programs", ("unix32",), ("gcc", "-m32", "-x", "c", "-", "-o", "/dev/null"), _C),
    Tool("g++", "a C++ compiler", _PICO, ("g++", "-x", "c++", "-", "-o", "/dev/null"), _CXX),
    Tool("cmake", "cmake", _PICO, ("cmake", "--version")),
    Tool("gcc-arm-none-eabi", "the Arm compiler", _PICO, ("arm-none-eabi-gcc", "--version")),
    Tool("libnewlib-arm-none-eabi", "the Arm C library", _PICO, ("arm-none-eabi-gcc", "-x", "c", "-fsyntax-only", "-"), _C),
    Tool("libstdc++-arm-none-eabi-newlib", "the Arm C++ library", _PICO, ("arm-none-eabi-g++", "-x", "c++", "-fsyntax-only", "-"), _CXX),
)
# pico's UF2 converter and code generators run under the Python that runs isoloop.


def missing(images: list[str]) -> list[Tool]:
    """The tools these images lack on this host, in the order of TOOLS."""
    return [tool for tool in TOOLS if not set(images).isdisjoint(tool.images) and not _works(tool)]


def require(images: list[str]) -> None:
    """Check every tool before anything is fetched or built.

    Raises:
        ImageError: something is missing; the sentence has the apt line.
    """
    lacking = missing(images)
    if lacking:
        what = ", ".join(dict.fromkeys(tool.what for tool in lacking))
        packages = " ".join(dict.fromkeys(tool.package for tool in lacking))
        raise ImageError(f"cannot build {', '.join(images)}, this host lacks {what}: apt-get install {packages}")


def _works(tool: Tool) -> bool:
    if shutil.which(tool.command[0]) is None:
        return False
    tried = subprocess.run(tool.command, input=tool.source.encode(), capture_output=True, env=clean_environment())
    return tried.returncode == 0


def version_line(compiler: str) -> str:
    """First line of `compiler --version`."""
    told = subprocess.run([compiler, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=clean_environment())
    return told.stdout.partition("\n")[0].strip()
