"""Browse: page, pick, go on until there are enough, and never for ever."""

import json
from collections.abc import Sequence

from batchbell.domain.listed import Listed, ListedPage
from batchbell.flows.browse import browse
from tests.builders import a_batch


def a_page(*ids: str, has_more: bool | None = True) -> ListedPage:
    rows = (Listed(a_batch(each, "completed"), json.dumps({"id": each})) for each in ids)
    return ListedPage(tuple(rows), has_more)


def shown(pages: Sequence[ListedPage], status: str = "all", limit: int = 50) -> list[str | None]:
    """The ids shown of a server that answers with these pages in turn."""
    answers = iter(pages)
    rows = browse(lambda after, limit: next(answers), status, None, limit)
    return [row.batch.id if row.batch else None for row in rows]


def test_it_ends_where_the_server_says_so() -> None:
    assert shown([a_page("a", "b"), a_page("c", has_more=False)]) == ["a", "b", "c"]


def test_it_ends_where_enough_were_found() -> None:
    assert shown([a_page("a", "b")], limit=1) == ["a"]


def test_it_ends_at_an_empty_page_that_promises_more() -> None:
    assert shown([a_page("a"), a_page()]) == ["a"]


def test_it_goes_on_to_an_empty_page_where_the_server_does_not_say_whether_there_are_more() -> None:
    assert shown([a_page("a", has_more=None), a_page("b", has_more=None), a_page(has_more=None)]) == [
        "a",
        "b",
    ]


def test_it_ends_where_pages_go_round_in_a_circle() -> None:
    assert shown([a_page("a", "b"), a_page("a", "b")]) == ["a", "b"]


def test_a_row_that_is_shown_again_is_not_repeated() -> None:
    assert shown([a_page("a", "b"), a_page("b", "c", has_more=False)]) == ["a", "b", "c"]


def test_an_unreadable_row_is_shown_among_all_and_among_none_other() -> None:
    page = ListedPage((Listed(None, "{}"), *a_page("a").rows), has_more=False)

    assert shown([page]) == [None, "a"]
    assert shown([page], status="completed") == ["a"]
