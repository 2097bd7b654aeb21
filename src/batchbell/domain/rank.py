"""Rank: where the watched batches stand in the list.

A stretch is a run of rows as the list shows them, one below the other. Rows of one stretch have
ranks one apart, which is all that a rank is good for: stretches of which nobody knows how they
join are numbered far apart.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from batchbell.domain.watch import Watched

APART = 10**6
"""Between stretches that do not join; more rows than come up while batchbell does not look."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Ids of rows, newest first; the newest of the whole list if it `is_top`."""

    rows: Sequence[str]
    is_top: bool


def ranked(watched: Mapping[str, Watched], stretches: Iterable[Stretch]) -> dict[str, Watched]:
    """The watched batches; those met in a stretch have a rank, and know the row above them."""
    placed = dict(watched)
    for stretch in stretches:
        first = _first_rank(placed, stretch)
        for place, batch_id in enumerate(stretch.rows):
            seen = placed.get(batch_id)
            if seen and (seen.rank is None or seen.above is None):
                rank = first - place if seen.rank is None else seen.rank
                above = stretch.rows[place - 1] if place and seen.above is None else seen.above
                placed[batch_id] = replace(seen, rank=rank, above=above)
    return placed


def _first_rank(watched: Mapping[str, Watched], stretch: Stretch) -> int:
    """The rank of the stretch's first row: by a row that has one, else apart from all others."""
    for place, batch_id in enumerate(stretch.rows):
        if batch_id in watched and (rank := watched[batch_id].rank) is not None:
            return rank + place
    ranks = [seen.rank for seen in watched.values() if seen.rank is not None] or [0]
    return max(ranks) + APART + len(stretch.rows) if stretch.is_top else min(ranks) - APART
