"""The cursor: how far back a poll reads, and where the next one goes on."""

from dataclasses import replace

import pytest

from batchbell.models import Page
from batchbell.poll.cursor import OVERLAP_S, backlog_after, is_end, is_past, moved
from batchbell.records import Backlog, Cursor
from tests.builders import NOW, a_batch, a_page

BACKLOG = Backlog("b", "a", down_to=NOW - 9000, top_to=NOW - 60, cursor=Cursor(NOW - 360, NOW - 360))


@pytest.mark.parametrize(
    ("newest_at", "started_at", "expected"),
    [
        (NOW, NOW + 10, Cursor(NOW - OVERLAP_S, NOW - OVERLAP_S)),
        (NOW, NOW + 500, Cursor(NOW - 100, NOW - OVERLAP_S)),
        (NOW, NOW + 9000, Cursor(NOW + 1, NOW - OVERLAP_S)),
        (NOW - 9000, NOW, Cursor(NOW - 8999, NOW - 9000)),  # its second time never goes back
        (0, NOW, Cursor(1, NOW - 9000)),  # an empty list
    ],
)
def test_what_may_show_up_late_is_read_again_and_then_nothing_is(
    newest_at: int, started_at: int, expected: Cursor
) -> None:
    assert moved(Cursor(0, NOW - 9000), newest_at, started_at) == expected


@pytest.mark.parametrize(
    ("ages", "expected"),
    [([0, 1, 2], True), ([0, 0, 9], False), ([0, 9, 0], False), ([1], True), ([9, None], False), ([], False)],
)
def test_a_page_is_past_a_time_if_its_last_two_rows_are_older_as_one_may_be_misplaced(
    ages: list[int | None], expected: bool
) -> None:
    times = [None if age is None else NOW - age for age in ages]
    page = a_page(*(a_batch(f"b{n}", created_at=at) for n, at in enumerate(times)), has_more=True)

    assert is_past(page, down_to=NOW, now=NOW) is expected


@pytest.mark.parametrize(
    ("has_more", "has_new_ids", "was_promised", "expected"),
    [
        (False, True, True, True),
        (True, True, False, False),
        (None, True, False, False),
        (None, False, False, True),  # such a server shows its only page again
        (False, False, False, True),
        (True, False, False, False),  # it repeats itself, or promises more than it shows
        (False, False, True, False),  # the row after which it was to go on may have been deleted
        (None, False, True, False),
    ],
)
def test_a_list_ends_where_the_server_says_so_and_did_not_promise_more(
    has_more: bool | None, has_new_ids: bool, was_promised: bool, expected: bool
) -> None:
    page = Page((), has_more)

    assert is_end(page, has_new_ids=has_new_ids, was_promised=was_promised) is expected


def test_what_an_incomplete_read_left_begins_with_the_last_row_that_was_read() -> None:
    cursor = Cursor(read_back_to=5, announce_from=7)

    backlog = backlog_after(cursor, None, ["c", "b", "a"], newest_at=NOW, started_at=NOW + 400)

    done = Cursor(NOW - 200, NOW - OVERLAP_S)  # as after a complete read
    assert backlog == Backlog("b", "a", down_to=5, top_to=NOW, cursor=done)


def test_two_incomplete_reads_leave_one_range_from_the_later_place_to_the_goal_of_the_first() -> None:
    backlog = backlog_after(Cursor(), BACKLOG, ["e", "d", "c"], newest_at=NOW, started_at=NOW)

    assert backlog == replace(BACKLOG, after="d", expected="c", top_to=NOW)


@pytest.mark.parametrize("backlog", [None, BACKLOG])
def test_a_read_of_less_than_two_rows_changes_nothing(backlog: Backlog | None) -> None:
    assert backlog_after(Cursor(), backlog, ["a"], newest_at=NOW, started_at=NOW) == backlog
