"""A capture of the black box that a reset cut off while it closed: finds it at boot, and says which of its rows are there.

What makes it out: the head of its record without magic and CRC, and pages from there on in the order of BoxPages.
"""

from struct import unpack_from

from micropython import const

from tcs.box_downlink import FIRST_SECTOR, SECTORS
from tcs.box_pages import AFTER_ROWS, HEAD_SIZE, ROW_SIZE, ROWS, ROWS_AT
from tcs.record_writer import HEADER_SIZE, PAGE_SIZE, PAGES, VERSION
from tcs.store import KIND_BLACK_BOX
from tcs.tables import DICTIONARY_HASH

SIZE = 4080  # bytes of a capture: with the record's header a sector
LAYOUT = 1
OPEN = 0xFFFF  # in the place of the magic, and of what is known only when the capture has closed

_TICK_AT = const(39)  # of a row: the low byte of its tick


def find(board, sequence, pages, page):
    """(sector, trigger, its tick, the suspicion's tick, whether it had closed) and `pages` says which rows there are; None: there is none.

    sequence: of the record that it would have become. page: a buffer.
    """
    for sector in range(FIRST_SECTOR, FIRST_SECTOR + SECTORS):
        board.nor_read(sector, 0, page)
        magic, kind, version, number, length, _, dictionary = unpack_from("<HBBIHHH", page, 0)
        layout, trigger, _, row_size, rows, _, _, trigger_tick, suspect_tick, row, is_full, mark = unpack_from(
            "<BBBBHHiiiHBB", page, HEADER_SIZE
        )
        if (magic, kind, version, number) != (OPEN, KIND_BLACK_BOX, VERSION, sequence):
            continue
        if (length, dictionary, layout, row_size) != (SIZE, DICTIONARY_HASH, LAYOUT, ROW_SIZE) or row >= ROWS:
            continue
        pages.begin(row, is_full)
        # Its head is completed last: when that has begun, every page stands; a capture that a boot has taken up never gets more.
        is_whole = rows != OPEN and mark != 0
        if not is_whole:
            whole = _whole_pages(board, sector, pages, page)
            if not whole:
                continue
            pages.keep(whole)
        return sector, trigger, trigger_tick, suspect_tick, is_whole
    return None


def load(board, sector, page, ring):
    """The record's payload into the ring."""
    for number in range(PAGES):
        board.nor_read(sector, number, page)
        ring.seek(max(0, number * PAGE_SIZE - HEADER_SIZE))
        ring.write(page if number else page[HEADER_SIZE:])


def newest_tick(ring, pages, trigger_tick):
    """Tick of the newest row that is there: a row has the low byte of it."""
    newest = (pages.oldest + pages.rows - 1) % ROWS
    ring.seek(HEAD_SIZE + newest * ROW_SIZE + _TICK_AT)
    low = ring.read(1)[0]
    if (newest - (pages.row - 1)) % ROWS <= AFTER_ROWS:
        return trigger_tick + ((low - trigger_tick) & 0xFF)
    return trigger_tick - ((trigger_tick - low) & 0xFF)


def _whole_pages(board, sector, pages, page):
    """How many of them are there, in their order. The last one that was begun may have been torn."""
    number = 0
    while pages.page(number) >= 0:
        if _is_blank(board, sector, pages.page(number), page):
            return max(0, number - 1)
        number += 1
    last = pages.left_over()
    return number if last >= 0 and not _is_blank(board, sector, last, page) else number - 1


def _is_blank(board, sector, number, page):
    """Whether none of the rows in this page has been written."""
    board.nor_read(sector, number, page)
    begin = 0 if number else ROWS_AT
    return page[begin:] == b"\xff" * (PAGE_SIZE - begin)
