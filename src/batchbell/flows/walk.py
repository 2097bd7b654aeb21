"""Walk: read what is new, from the top of the list, and what earlier walks left unread."""

from dataclasses import dataclass, field

from batchbell.domain.batch import Page
from batchbell.domain.cursor import (
    COMPLETE,
    End,
    Leg,
    Position,
    end_of,
    is_quiet,
    newest_of,
    position_after_complete,
    position_after_incomplete,
)
from batchbell.domain.errors import PermanentError
from batchbell.domain.rank import Stretch
from batchbell.flows.ask import Asking, LateError
from batchbell.flows.learn import Learning

MOST_PAGES = 1000
"""Pages of one walk: more than there is time for, unless a fast server's list has no end."""


@dataclass(slots=True)
class Walk:
    """One walk and what it read, leg by leg; `end` says why the last leg was read no further.

    It is None where an error, the time or `MOST_PAGES` cut the walk short.
    """

    asking: Asking
    learning: Learning
    position: Position
    walked_at: int
    read: list[tuple[Leg, list[str]]] = field(default_factory=list)
    end: End | None = None
    newest_at: int = 0
    pages: int = 0

    @property
    def is_complete(self) -> bool:
        return self.end in COMPLETE

    def run(self, first: Page) -> None:
        """Read on from the first page. Raises: TransientError, PermanentError."""
        if is_quiet(self.position, first, self.learning.watched, self.walked_at):
            self._learn(first)
            self.end = End.QUIET
            return
        page: Page | None = first
        for leg in self.position.legs():
            self.read.append((leg, []))
            self.end = None
            try:
                self._read_leg(page)
            except LateError:
                return
            if not self.is_complete:
                return
            page = None

    def next_position(self) -> Position:
        """Where the next walk is to begin."""
        if self.end is End.QUIET or not self.read:
            return self.position
        if self.is_complete:
            return position_after_complete(self.position, self.newest_at, self.walked_at)
        _, rows = self.read[-1]
        leg = len(self.read) - 1
        return position_after_incomplete(self.position, self.end, leg, rows, self.newest_at)

    def stretches(self) -> list[Stretch]:
        """The rows that stand one below the other."""
        return [
            Stretch([leg.after, *rows] if leg.after else rows, is_top=leg.after is None)
            for leg, rows in self.read
        ]

    def _read_leg(self, page: Page | None) -> None:
        leg, rows = self.read[-1]
        leg_ids: set[str] = set()
        while self.end is None and self.pages < MOST_PAGES:
            page = page or self._page(rows[-1] if rows else leg.after)
            new = [id for id in dict.fromkeys(each.id for each in page.batches) if id not in leg_ids]
            end = end_of(leg, page, is_first=not rows, new_ids=len(new), now=self.asking.now())
            self._learn(page)
            if end is not End.LOST:
                rows += new
            leg_ids.update(new)
            self.end, page = end, None

    def _page(self, after: str | None) -> Page:
        try:
            return self.asking.page(after)
        except PermanentError:
            leg, rows = self.read[-1]
            if leg.after is not None and not rows:
                self.end = End.LOST  # the row to go on from may be gone
            raise

    def _learn(self, page: Page) -> None:
        self.pages += 1
        now = self.asking.now()
        self.learning.learn_page(page, page.batches, now)
        self.newest_at = max(self.newest_at, newest_of(page, now))
