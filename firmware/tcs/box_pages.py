"""The pages of a capture that closes: in which order they become final, and what a reset in between has left. Allocation-free.

A page is final when none of its rows will be written again. They become so in the ring's order, beginning with the oldest row that the
capture will keep; so what is there after a reset is one stretch of ticks.
"""

from micropython import const

from tcs.record_writer import PAGE_SIZE, PAGES

ROWS = 97
ROW_SIZE = 40
AFTER_ROWS = 29  # recorded after the trigger; the rest stands before it
HEAD_SIZE = 176
ROWS_AT = 192  # in the record: behind its header and the capture's head

_AFTER_HEAD = const(64)  # PAGE_SIZE - ROWS_AT: bytes of rows in the first page


def last_row(page):
    """Last row that has bytes in this page."""
    return min(ROWS - 1, (page * PAGE_SIZE + _AFTER_HEAD - 1) // ROW_SIZE)


def _page_behind(row):
    """First page that has no bytes of the rows before this one; PAGES when there is none."""
    return (ROWS_AT + row * ROW_SIZE + PAGE_SIZE - 1) // PAGE_SIZE if row else 0


class BoxPages:
    """.oldest, .rows: of the capture as it will be, or after keep() as it is. .written: pages that have been.

    .row, .is_full: as begin() was given them.
    """

    def __init__(self):
        self.row = 0
        self.is_full = 0
        self.oldest = 0
        self.rows = 0
        self.written = 0
        self._first = 0
        self._count = 0

    def begin(self, row, is_full):
        """Triggered: the next row goes to `row`, and AFTER_ROWS come; is_full: the ring has been around before."""
        self.row = row
        self.is_full = 1 if is_full else 0
        end = row + AFTER_ROWS
        if is_full or end >= ROWS:
            self.rows = ROWS
            self.oldest = end % ROWS
        else:
            self.rows = end
            self.oldest = 0
        page = _page_behind(self.oldest)
        self._first = page % PAGES
        # The page with both ends of the ring becomes final with the last row: it is left to the writer of the record.
        self._count = PAGES - 1 if page and last_row(page - 1) >= self.oldest else PAGES
        self.written = 0

    def page(self, number):
        """Page that becomes final as the `number`th, from 0; -1: there is no such one."""
        return (self._first + number) % PAGES if number < self._count else -1

    def left_over(self):
        """Page that has no place in that order, because it holds both ends of the ring; -1: there is none."""
        return (self._first + self._count) % PAGES if self._count < PAGES else -1

    def next_final(self, rows_after):
        """Page to be written next, or -1 when none is final yet with so many rows behind the trigger."""
        page = self.page(self.written)
        if page >= 0 and (last_row(page) - self.oldest) % ROWS >= self.rows - AFTER_ROWS + rows_after:
            return -1
        return page

    def keep(self, whole):
        """Only the first `whole` of the pages are there, at least one: the rows that stand in them alone."""
        first = self._first
        last = (first + whole - 1) % PAGES
        most = self.rows
        # The row that begins in the page before is not all there.
        self.oldest = 0 if first == 0 else (first * PAGE_SIZE - ROWS_AT + ROW_SIZE - 1) // ROW_SIZE
        end = min(ROWS, (last * PAGE_SIZE + _AFTER_HEAD) // ROW_SIZE)
        self.rows = min(most, (end - 1 - self.oldest) % ROWS + 1)
