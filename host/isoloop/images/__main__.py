"""`python -m isoloop.images build [IMAGE...]`, `... path IMAGE`, `... info IMAGE`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict

from isoloop.errors import EXIT_INPUT, EXIT_OK
from isoloop.images import builder
from isoloop.images.errors import ImageError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; paths and JSON go to standard output, progress and errors to standard error."""
    about = "Build firmware images from pinned sources, or find them."
    parser = argparse.ArgumentParser(prog="python -m isoloop.images", description=about)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build what is missing or stale, then print the paths")
    names = f"{', '.join(builder.IMAGES)} (default: all but mpy-cross)"
    build.add_argument("images", nargs="*", metavar="IMAGE", help=names)
    for name, text in (("path", "print the path of an up-to-date image"), ("info", "print what is known of it, as JSON")):
        commands.add_parser(name, help=text).add_argument("image", metavar="IMAGE")
    options = parser.parse_args(arguments)
    try:
        return _build(options.images) if options.command == "build" else _show(options.command, options.image)
    except ImageError as error:
        print(f"isoloop.images: {error}", file=sys.stderr)
        return EXIT_INPUT


def _build(images: list[str]) -> int:
    began = time.monotonic()

    def progress(line: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {line}", file=sys.stderr, flush=True)

    for image, info in builder.build(images or builder.DEFAULT_IMAGES, progress).items():
        print(f"{image} {info.path} {info.size_bytes} B sha256 {info.sha256}")
    return EXIT_OK


def _show(command: str, image: str) -> int:
    info = builder.info(image)
    if info is None:
        raise ImageError(f"{image} is not built or not up to date: make images")
    print(info.path if command == "path" else json.dumps(asdict(info) | {"path": str(info.path)}, indent=1))
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
