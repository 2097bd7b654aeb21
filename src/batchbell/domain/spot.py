"""Spot: a batch's place in the order of creation, and one page of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from batchbell.domain.command import Recent
from batchbell.domain.watch import Watched


@dataclass(frozen=True, slots=True)
class Spot:
    """A batch's place in the list: `position` grows with its creation, ties in the order of ids."""

    position: str
    batch_id: str


@dataclass(frozen=True, slots=True)
class Window:
    """The spots of one page, newest first, and whether there are more on either side."""

    spots: tuple[Spot, ...] = ()
    has_older: bool = False
    has_newer: bool = False


def position_of(batch_id: str, created_at: int) -> str:
    """The position of a batch; bounded, as a key in DynamoDB is."""
    return f"{max(created_at, 0):011d}#{batch_id[:250]}"


def window(query: Recent, spots: Sequence[Spot]) -> Window:
    """The page, of the spots next to its position; one more than it holds shows that there are more."""
    shown, has_more = tuple(spots[: query.count]), len(spots) > query.count
    if query.newer_than:
        return Window(shown[::-1], has_older=True, has_newer=has_more)
    return Window(shown, has_older=has_more, has_newer=query.older_than is not None)


def open_window(query: Recent, watched: Mapping[str, Watched]) -> Window:
    """The page of the open batches, all of which are watched."""
    spots = [Spot(position_of(id, seen.created_at), id) for id, seen in watched.items() if seen.is_open]
    return window(query, _next_to(query, spots))


def _next_to(query: Recent, spots: Iterable[Spot]) -> list[Spot]:
    ordered = sorted(spots, key=lambda spot: spot.position)
    if query.newer_than:
        return [spot for spot in ordered if spot.position > query.newer_than]
    return [spot for spot in reversed(ordered) if not query.older_than or spot.position < query.older_than]
