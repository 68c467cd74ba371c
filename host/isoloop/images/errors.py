"""What goes wrong with images, as one sentence."""

from __future__ import annotations

from isoloop.errors import IsoloopError


class ImageError(IsoloopError):
    """An image cannot be built or found on this host (exit 2). The text says what to do next."""


CHECKOUT_HINT = "point MICROPYTHON_DIR at a MicroPython checkout and PICO_SDK_PATH at a Pico SDK checkout"
"""The way out on hosts that cannot fetch or do not want the pinned Debian sources."""
