"""Visit: look how those open batches stand that the walk did not meet."""

from collections.abc import Callable
from dataclasses import dataclass, field

from batchbell.domain.batch import Batch, Page
from batchbell.domain.errors import PermanentError, RefusedError, TransientError
from batchbell.domain.plan import Window, windows
from batchbell.domain.rank import Stretch
from batchbell.domain.watch import to_retrieve
from batchbell.flows.ask import Asking
from batchbell.flows.learn import Learning

MOST_RETRIEVED = 500
"""Batches asked for by id in one poll: as many as 48,000 rows can hold without two in one page.

The rest have their turn in later polls: of n batches whose places are of no use each has it every n / 500.
"""

MOST_FAILED = 3
"""After so many failures in a row the rest waits for the next poll."""


@dataclass(slots=True)
class Visit:
    """The visits of one poll; each stops after `patience` failures in a row.

    `last_known` tells what is recorded of a batch.
    """

    asking: Asking
    learning: Learning
    last_known: Callable[[str], Batch | None]
    patience: int = MOST_FAILED
    retrieved: int = 0
    stretches: list[Stretch] = field(default_factory=list)

    def in_the_list(self, size: int) -> None:
        """Look at the pages, of `size` rows, where several of them stand.

        A server may not know the row to begin at any more, or may never listen: a page that shows
        none of them costs the first its place, and what was not shown is then asked for by id. After
        `MOST_FAILED` such pages in a row no more are asked for: on such a server paging from the top
        would show nothing either.

        Raises: TransientError, PermanentError.
        """
        met = self.learning.met_ids
        due = {id: seen for id, seen in self.learning.watched.items() if seen.is_open and id not in met}
        failed = in_vain = 0
        for window, page in self.asking.side_by_side(self._page, windows(due, size)):
            if isinstance(page, TransientError | RefusedError):
                failed += 1
                if failed >= self.patience:
                    raise page
            elif isinstance(page, Page) and self._shows(window, page):
                failed = in_vain = 0
            else:
                self.learning.lose_place(window.ids[0])
                in_vain += 1
                if in_vain >= MOST_FAILED:
                    return

    def by_id(self) -> None:
        """Ask for those that no page showed as they are, least recently asked for first.

        Raises: TransientError, PermanentError.
        """
        failed = 0
        due = to_retrieve(self.learning.watched, self.learning.met_ids, self.asking.now())
        for batch_id, batch in self.asking.side_by_side(self.asking.retrieve, due[:MOST_RETRIEVED]):
            now = self.asking.now()
            self.retrieved += 1
            if isinstance(batch, TransientError | PermanentError):
                self.learning.unreadable.append(batch_id)
                self.learning.put_last(batch_id, now)
                failed += 1
                if failed >= self.patience:
                    raise batch
                continue
            failed = 0
            if batch is None:
                self.learning.miss(batch_id, self.last_known, now)
            else:
                self.learning.learn([batch], now)

    def _page(self, window: Window) -> Page:
        return self.asking.page(window.after)

    def _shows(self, window: Window, page: Page) -> bool:
        """Learn what the page shows of what is watched or open; whether that is any of what it should."""
        watched = self.learning.watched
        # An old end that nobody remembers is none of ours: to learn it would be to look for its record.
        batches = [batch for batch in page.batches if batch.id in watched or not batch.is_terminal]
        self.learning.learn_page(page, batches, self.asking.now())
        rows = [batch.id for batch in page.batches]
        if shows := not set(rows).isdisjoint(window.ids):
            self.stretches.append(Stretch([window.after, *rows], is_top=False))
        return shows
