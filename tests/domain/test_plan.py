"""The plan: as few requests as possible show how every open batch stands."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from batchbell.domain.plan import Window, windows
from batchbell.domain.watch import Watched
from tests.builders import a_watched

SIZE = 4


def opened(rows: Sequence[bool]) -> dict[str, Watched]:
    """The open ones among these rows of a list, newest first; each knows the row above it."""
    return {
        f"b{place}": a_watched(rank=1000 - place, above=f"b{place - 1}")
        for place, is_open in enumerate(rows)
        if is_open
    }


def requests(due: Mapping[str, Watched], planned: Sequence[Window]) -> int:
    """The pages, and a request for each batch that stands in none."""
    return len(planned) + len(due) - sum(len(each.ids) for each in planned)


def fewest(due: Mapping[str, Watched]) -> int:
    """By trying everything: pages that begin at any row, and batches by id."""
    ranks = [seen.rank or 0 for seen in due.values()]
    starts = {frozenset(rank for rank in ranks if start - SIZE < rank <= start) for start in ranks}
    asked = starts | {frozenset({rank}) for rank in ranks}
    return next(
        count
        for count in range(len(due) + 1)
        if any(set().union(*some) == set(ranks) for some in combinations(asked, count))
    )


lists = st.lists(st.booleans(), max_size=60)


@given(lists)
def test_every_open_batch_is_in_one_page_that_shows_it_or_asked_for_by_id(rows: list[bool]) -> None:
    due = opened(rows)

    planned = windows(due, SIZE)

    shown = [id for each in planned for id in each.ids]
    assert len(shown) == len(set(shown))
    for each in planned:
        first = 1 + int(each.after.removeprefix("b"))
        page = [f"b{place}" for place in range(first, first + SIZE)]
        assert set(each.ids) <= set(page)
        assert each.ids[0] == page[0]


@given(lists)
def test_a_plan_never_needs_more_requests_than_reading_page_by_page_or_one_for_each(
    rows: list[bool],
) -> None:
    due = opened(rows)

    needed = requests(due, windows(due, SIZE))

    assert needed <= min(ceil(len(rows) / SIZE), len(due))


@given(st.lists(st.booleans(), max_size=14))
def test_no_other_plan_needs_fewer_requests(rows: list[bool]) -> None:
    due = opened(rows)

    assert requests(due, windows(due, SIZE)) == fewest(due)


def test_a_batch_alone_in_its_page_is_asked_for_by_id() -> None:
    due = opened([True, False, False, False, False, True, True])

    assert windows(due, SIZE) == [Window("b4", ("b5", "b6"))]


@given(lists, st.sets(st.integers(0, 60)))
def test_who_has_lost_its_place_takes_no_page_from_the_others(rows: list[bool], lost: set[int]) -> None:
    due = opened(rows)
    due |= {id: a_watched(rank=due[id].rank) for place in lost if (id := f"b{place}") in due}

    planned = windows(due, SIZE)

    firsts = {each.ids[0] for each in planned}
    assert all(due[id].above for id in firsts)
    assert requests(due, planned) <= len(due)


def test_a_batch_of_unknown_rank_is_in_no_page() -> None:
    assert windows({"a": a_watched(above="x"), "b": a_watched(above="a")}, SIZE) == []
