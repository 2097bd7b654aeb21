"""Ranks: rows that were read one below the other have ranks one apart, whatever was read when."""

from hypothesis import given
from hypothesis import strategies as st

from batchbell.domain.rank import APART, Stretch, ranked
from batchbell.domain.watch import Watched
from tests.builders import a_watched


def ranks(watched: dict[str, Watched]) -> dict[str, int | None]:
    return {id: seen.rank for id, seen in watched.items()}


def some_watched(ids: str, **fields: object) -> dict[str, Watched]:
    return {id: a_watched(**fields) for id in ids}


def test_rows_of_a_first_stretch_are_numbered_towards_the_newest() -> None:
    placed = ranked(some_watched("abc"), [Stretch("axbc", is_top=True)])

    assert [(seen.rank, seen.above) for seen in placed.values()] == [
        (APART + 4, None),
        (APART + 2, "x"),
        (APART + 1, "b"),
    ]


def test_new_rows_are_numbered_on_from_those_known() -> None:
    before = ranked(some_watched("abc"), [Stretch("abc", is_top=True)])

    placed = ranked(before | some_watched("z"), [Stretch("zyab", is_top=True)])

    assert ranks(placed) == ranks(before) | {"z": APART + 5}


def test_a_stretch_that_joins_no_other_is_numbered_far_from_all() -> None:
    before = some_watched("a", rank=7)

    newer = ranked(before | some_watched("z"), [Stretch("zy", is_top=True)])
    older = ranked(before | some_watched("z"), [Stretch("zy", is_top=False)])

    assert (newer["z"].rank, older["z"].rank) == (7 + APART + 2, 7 - APART)


def test_a_batch_keeps_the_rank_and_the_neighbour_it_has() -> None:
    before = {"a": a_watched(rank=9, above="x"), "b": a_watched(rank=5, above="y")}

    assert ranked(before, [Stretch("qab", is_top=False)]) == before


def test_a_batch_that_lost_its_place_gets_another_where_it_is_met_again() -> None:
    before = {"a": a_watched(rank=9, above="x"), "b": a_watched(rank=8)}

    assert ranked(before, [Stretch("xab", is_top=False)])["b"] == a_watched(rank=8, above="a")


@given(st.integers(1, 30), st.lists(st.integers(1, 30), max_size=5))
def test_a_list_read_in_parts_from_the_top_is_numbered_as_if_read_at_once(
    first: int, growths: list[int]
) -> None:
    rows = [f"b{number}" for number in range(first)]
    watched = ranked({id: a_watched() for id in rows}, [Stretch(rows, is_top=True)])
    for growth in growths:
        newest = [f"b{len(rows) + number}" for number in reversed(range(growth))]
        watched = {id: a_watched() for id in newest} | watched
        rows = newest + rows
        watched = ranked(watched, [Stretch(rows[: growth + 1], is_top=True)])

    numbers = [watched[id].rank or 0 for id in rows]

    assert numbers == list(range(numbers[0], numbers[0] - len(rows), -1))
