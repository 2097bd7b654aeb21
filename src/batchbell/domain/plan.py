"""Plan: the fewest requests that show how batches stand whose places in the list are known."""

from collections.abc import Mapping
from dataclasses import dataclass

from batchbell.domain.watch import Watched


@dataclass(frozen=True, slots=True)
class Window:
    """A page of the list, just below row `after`, that should show these batches, newest first."""

    after: str
    ids: tuple[str, ...]


def windows(due: Mapping[str, Watched], size: int) -> list[Window]:
    """Pages of `size` rows for as many of the batches as share a page; the others go by their ids.

    From the newest to the oldest, each page begins with a batch that no page shows yet: no other
    choice needs fewer. A page for one batch alone would cost as much as asking for it by its id,
    which is surer.
    """
    found: list[tuple[str, list[str]]] = []
    lowest: int | None = None
    ranks = [(seen.rank, batch_id) for batch_id, seen in due.items() if seen.rank is not None]
    for rank, batch_id in sorted(ranks, reverse=True):
        above = due[batch_id].above
        if lowest is not None and rank >= lowest:
            found[-1][1].append(batch_id)
        elif above is not None:
            lowest = rank - size + 1
            found.append((above, [batch_id]))
    return [Window(after, tuple(ids)) for after, ids in found if len(ids) > 1]
