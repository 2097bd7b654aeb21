"""The cursor: how far back a poll reads, and where the next one goes on."""

from dataclasses import replace

import pytest

from batchbell.models import Page
from batchbell.poll.cursor import OVERLAP_S, backlog_after, is_end, is_past, moved
from batchbell.records import Backlog, Cursor
from tests.builders import NOW, a_batch, a_page

BACKLOG = Backlog("b", "a", down_to=NOW - 9000, top_to=NOW - 60, cursor=Cursor(NOW - 360, NOW - 360))


@pytest.mark.parametrize(("after_s", "read_back_s"), [(10, 300), (OVERLAP_S, 300), (500, 100), (600, 0), (9000, -1)])
def test_what_may_show_up_late_is_read_again_and_then_nothing_is(after_s: int, read_back_s: int) -> None:
    cursor = moved(Cursor(), newest_at=NOW, started_at=NOW + after_s)

    assert cursor == Cursor(read_back_to=NOW - read_back_s, announce_from=NOW - OVERLAP_S)


def test_a_clock_far_ahead_of_the_servers_passes_nothing_newer_than_what_was_read() -> None:
    cursor = moved(Cursor(), newest_at=NOW - 9000, started_at=NOW)

    assert cursor == Cursor(read_back_to=NOW - 8999, announce_from=NOW - 9000 - OVERLAP_S)


def test_the_time_from_which_ends_are_announced_never_goes_back() -> None:
    assert moved(Cursor(0, NOW), newest_at=NOW - 5000, started_at=NOW).announce_from == NOW


def test_the_cursor_of_an_empty_list_announces_what_is_created_from_then_on() -> None:
    assert moved(Cursor(), newest_at=0, started_at=NOW) == Cursor(read_back_to=1, announce_from=0)


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
