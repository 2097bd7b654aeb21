"""Cursor: how far back the next poll must read, and what an incomplete walk left unread.

The list is newest first. A walk reads it in legs, each a stretch from one place down to a time.
After a complete walk there is one leg to read, from the top; an incomplete one leaves the rest
of its legs to the next poll, which reads the top first and then goes on where the last stopped.
"""

from collections.abc import Iterable, Sequence
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

    The next walk reads back to `read_back_to`: the oldest open batch, or the newest seen less the
    slack. A batch nobody recorded is new if it was created at or after `seen_through`, which only
    grows: else old ends would be told again once their records have been deleted.
    """

    read_back_to: int = 0
    seen_through: int = 0

    def moved(self, newest_at: int, open_since: Iterable[int]) -> "Cursor":
        """The cursor after a complete walk that met `newest_at` and left these batches open."""
        settled_at = newest_at - OVERLAP_S
        return Cursor(
            read_back_to=min([settled_at, *open_since]),
            seen_through=max(self.seen_through, settled_at),
        )


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
    STUCK = "the server repeats itself"
    LOST = "the server no longer knows where we stopped"


COMPLETE = frozenset({End.PASSED, End.LAST_PAGE})


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading stands: the cursor, and after an incomplete walk the legs it left unread.

    While legs are unread, `newest_at` is the newest row of the last walk, and `began_at` that of
    the first walk that left some. Ties and what shows itself late between the two are met when all
    is read: the cursor then moves only as far as if that first walk had been complete. To read
    the slack again in every walk might leave a slow one no time to get on.
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


def position_after_complete(position: Position, newest_at: int, open_since: Iterable[int]) -> Position:
    """Where reading stands once every leg was read; `open_since` are the open batches' times."""
    reached_at = position.began_at if position.unread else newest_at
    return Position(position.cursor.moved(reached_at, open_since))


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
    began_at = position.began_at if position.unread else newest_at
    return Position(position.cursor, unread, max(position.newest_at, newest_at), began_at)
