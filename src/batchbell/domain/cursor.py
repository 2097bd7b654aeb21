"""Cursor: how far back the next poll must read, and what an incomplete walk left unread.

The list is newest first. A walk reads it in legs, each a stretch from one place down to a time.
After a complete walk there is one leg to read, from the top; an incomplete one leaves the rest
of its legs to the next poll, which reads the top first and then goes on where the last stopped.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from batchbell.domain.batch import Batch, Page

OVERLAP_S = 300
"""How late a batch may show itself below newer ones, and how far clocks may differ."""

MOST_LEGS = 20
"""How many unread stretches are remembered apart; more are read as one, whatever lies between."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The two times that both move only after a complete walk.

    The next walk reads back to `read_back_to`: what is older has been met, and what of it is open
    is watched by itself. A batch nobody recorded is new if it was created at or after
    `seen_through`, which only grows: else old ends would be told again once their records have
    been deleted.
    """

    read_back_to: int = 0
    seen_through: int = 0

    def moved(self, newest_at: int, walked_at: int) -> "Cursor":
        """The cursor after a complete walk, begun at `walked_at`, that met `newest_at`.

        What may still show itself late is read again. Once even the newest row has stood for long
        enough, however the clocks differ, nothing at or below it is; ties with it still count as new.
        """
        settled_at = max(newest_at - OVERLAP_S, walked_at - 2 * OVERLAP_S)
        return Cursor(min(settled_at, newest_at + 1), max(self.seen_through, min(settled_at, newest_at)))


@dataclass(frozen=True, slots=True)
class Leg:
    """Unread rows: those older than row `after` (None: from the top), back to the time `down_to`.

    `anchor` is a row already read that the first page must show again: some servers answer an
    `after` they no longer know with an empty page, or with the top of the list.
    """

    after: str | None
    down_to: int
    anchor: str | None = None


class End(StrEnum):
    """Why a leg was read no further."""

    PASSED = "passed"
    LAST_PAGE = "last page"
    QUIET = "nothing new"
    STUCK = "the server repeats itself"
    LOST = "the server no longer knows where we stopped"


COMPLETE = frozenset({End.PASSED, End.LAST_PAGE, End.QUIET})


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading stands: the cursor, and after an incomplete walk the legs it left unread.

    `newest_at` is the newest row of the last walk; 0 if the overlap has not been read since. While
    legs are unread, `began_at` is that of the first walk that left some. Ties, and what shows itself
    late between the two, are met when all is read: the cursor then moves only as far as if that
    first walk had been complete. To read the overlap again in every walk might leave a slow one no
    time to get on.
    """

    cursor: Cursor = Cursor()
    unread: tuple[Leg, ...] = ()
    newest_at: int = 0
    began_at: int = 0

    def legs(self) -> tuple[Leg, ...]:
        """What the next walk has to read, in order."""
        if not self.unread:
            return (Leg(None, self.cursor.read_back_to),)
        return (Leg(None, self.newest_at + 1), *self.unread)


def created_at(batch: Batch, now: int) -> int:
    """When the batch was created, as far as it can be believed: never later than now."""
    return now if batch.created_at is None else min(batch.created_at, now)


def newest_of(page: Page, now: int) -> int:
    """When the newest row of the page was created; 0 where no row says so."""
    return max((min(batch.created_at, now) for batch in page.batches if batch.created_at), default=0)


def is_quiet(position: Position, first: Page, known: Container[str], now: int) -> bool:
    """Whether the first page shows nothing new, so that no more need be read this time.

    What shows itself late, and below this page, can wait: the overlap is read again with the next
    new row, and once more when nothing can be late any more.
    """
    newest_at = newest_of(first, now)
    return (
        not position.unread
        and not first.unreadable
        and newest_at <= position.newest_at
        and now < newest_at + 2 * OVERLAP_S
        and all(batch.id in known for batch in first.batches)
    )


def end_of(leg: Leg, page: Page, *, is_first: bool, new_ids: int, now: int) -> End | None:
    """Whether the leg ends with this page, of whose ids `new_ids` are new to the leg.

    Ties are read on: only a row older than the goal shows that all rows at the goal were met.
    """
    if is_first and leg.anchor and leg.anchor not in {batch.id for batch in page.batches}:
        return End.LOST
    if page.has_more is False:
        return End.LAST_PAGE
    if page.batches and created_at(page.batches[-1], now) < leg.down_to:
        return End.PASSED
    if new_ids == 0:
        # A server that says nothing of has_more may know no paging at all: this is all it has.
        return End.LAST_PAGE if page.has_more is None else End.STUCK
    return None


def position_after_complete(position: Position, newest_at: int, walked_at: int) -> Position:
    """Where reading stands once every leg was read, by a walk that began at `walked_at`."""
    if position.unread:
        return Position(position.cursor.moved(position.began_at, walked_at=0))
    return Position(position.cursor.moved(newest_at, walked_at), newest_at=newest_at)


def position_after_incomplete(
    position: Position, end: End | None, leg: int, rows: Sequence[str], newest_at: int
) -> Position:
    """Where reading stands after a walk that stopped in its leg number `leg`, the cursor unmoved.

    `rows` are the ids it read in that leg, oldest last; `end` is None for an error or a limit.
    """
    if end is End.LOST:
        return Position(position.cursor)
    legs = position.legs()
    if len(rows) >= 2:
        rest = (replace(legs[leg], after=rows[-2], anchor=rows[-1]),)
    elif leg == 0:
        return position
    else:
        rest = (legs[leg],)
    unread = (*rest, *legs[leg + 1 :])
    if len(unread) > MOST_LEGS:
        unread = (replace(unread[0], down_to=unread[-1].down_to),)
    if not position.unread:
        return Position(position.cursor, unread, newest_at, began_at=newest_at)
    return Position(position.cursor, unread, max(position.newest_at, newest_at), position.began_at)
