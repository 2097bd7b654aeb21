"""How far back a poll reads, and what an incomplete read leaves to the next one."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from batchbell.models import Batch, Page
from batchbell.records import Backlog, Cursor

OVERLAP_S = 300  # how late a row may show up below newer ones, and how far clocks may differ


def created_at(batch: Batch, now: int) -> int:
    """Return when the batch was created: a time in the future counts as now, a missing one as new."""
    return now if batch.created_at is None else min(batch.created_at, now)


def moved(cursor: Cursor, newest_at: int, started_at: int) -> Cursor:
    """Return the cursor after a complete read, started at `started_at`, whose newest row is `newest_at`.

    The last five minutes are read again for rows that show up late. Ten minutes after the newest row
    nothing can be late any more, so that nothing is read again; ties with that row still count as newer.
    """
    read_back_to = max(newest_at - OVERLAP_S, started_at - 2 * OVERLAP_S)
    announce_from = max(cursor.announce_from, newest_at - OVERLAP_S)
    return Cursor(min(read_back_to, newest_at + 1), announce_from)


def is_past(page: Page, down_to: int, now: int) -> bool:
    """Whether the page reaches below this time: its last two rows are older, since one may be misplaced."""
    last = page.batches[-2:]
    return bool(last) and all(created_at(batch, now) < down_to for batch in last)


def is_oldest_first(page: Page) -> bool:
    """Whether a list begins with its oldest rows, as none should."""
    times = [batch.created_at for batch in page.batches if batch.created_at is not None]
    return sum((before < after) - (before > after) for before, after in pairwise(times)) > 0


def is_end(page: Page, *, has_new_ids: bool, was_promised: bool) -> bool:
    """Whether the list ends with this page; `was_promised`: the page before said that there is more.

    A page without a new id does not end it then: the row after which it was to go on may have been
    deleted, or the server repeats itself.
    """
    if has_new_ids:
        return page.has_more is False
    return page.has_more is not True and not was_promised


def backlog_after(
    cursor: Cursor, backlog: Backlog | None, ids: Sequence[str], newest_at: int, started_at: int
) -> Backlog | None:
    """Return the backlog after a read from the top, started at `started_at`, that could not finish.

    `ids` are the rows it read, `newest_at` is when the newest was created. With an earlier backlog the
    two ranges become one: rows are read again, none is skipped.
    """
    if len(ids) < 2:
        return backlog
    if backlog is None:
        done = moved(cursor, newest_at, started_at)
        return Backlog(ids[-2], ids[-1], cursor.read_back_to, newest_at, done)
    top_to = max(backlog.top_to, newest_at)
    return replace(backlog, after=ids[-2], expected=ids[-1], top_to=top_to)
