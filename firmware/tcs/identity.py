"""What runs here and on what, for the structure platform: filled once, at start-up."""

import gc

from tcs.crc import crc16
from tcs.tables import (
    DICTIONARY_HASH,
    PLAT_BENCH,
    PLAT_BOARD_ID,
    PLAT_DICTIONARY_HASH,
    PLAT_FREE_HEAP_BYTES,
    PLAT_IMAGE_HASH_HI,
    PLAT_IMAGE_HASH_LO,
)

UNKNOWN = -0x40000000


def image_id():
    """Id of the image or package that runs, hex; "" where the source itself does."""
    try:
        from build_id import IMAGE_ID
    except ImportError:
        return ""
    return IMAGE_ID


def fill(platform, board, board_id):
    """Write it into the structure. board_id: 8 bytes. Allocates."""
    image = image_id() or "00000000"
    platform[PLAT_IMAGE_HASH_HI] = int(image[:4], 16)
    platform[PLAT_IMAGE_HASH_LO] = int(image[4:8], 16)
    platform[PLAT_BOARD_ID] = crc16(board_id, 0, len(board_id))
    platform[PLAT_DICTIONARY_HASH] = DICTIONARY_HASH
    platform[PLAT_BENCH] = getattr(board, "bench", 0)
    gc.collect()
    platform[PLAT_FREE_HEAP_BYTES] = gc.mem_free() if hasattr(gc, "mem_free") else UNKNOWN
