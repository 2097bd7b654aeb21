"""The cursor: whatever is cut short, in whatever order, nothing unread is ever passed by."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from batchbell.domain.batch import Batch, Page
from batchbell.domain.cursor import (
    COMPLETE,
    OVERLAP_S,
    Cursor,
    End,
    Leg,
    Position,
    end_of,
    is_quiet,
    position_after_complete,
    position_after_incomplete,
)
from tests.builders import NOW, a_batch, a_page

PAGE = 4


class List:
    """A server's list that grows: rows of (created_at, id), newest first, of ties the later or the earlier."""

    def __init__(self, later_first: bool = True) -> None:
        self.rows: list[tuple[int, str]] = []
        self.later_first = later_first

    def add(self, created_at: int) -> None:
        self.rows.insert(0 if self.later_first else len(self.rows), (created_at, f"b{len(self.rows)}"))
        self.rows.sort(key=lambda row: -row[0])

    def page(self, after: str | None) -> Page:
        ids = [row[1] for row in self.rows]
        start = 0 if after is None else ids.index(after) + 1
        batches = [Batch(id, "completed", at) for at, id in self.rows[start : start + PAGE]]
        return Page(tuple(batches), has_more=start + PAGE < len(ids))


def walked(server: List, position: Position, pages: int, now: int, seen: set[str]) -> Position:
    """One walk of at most so many pages, as the poll does it, noting what it showed."""
    newest_at = 0
    if pages and is_quiet(position, server.page(None), known=seen, now=now):
        return position
    for number, leg in enumerate(position.legs()):
        rows: list[str] = []
        end = None
        while end is None:
            if pages == 0:
                return position_after_incomplete(position, None, number, rows, newest_at)
            pages -= 1
            page = server.page(rows[-1] if rows else leg.after)
            new = len({batch.id for batch in page.batches} - set(rows))
            end = end_of(leg, page, is_first=not rows, new_ids=new, now=now)
            rows += [batch.id for batch in page.batches]
            seen |= set(rows)
            newest_at = max([newest_at, *(batch.created_at or 0 for batch in page.batches)])
        if end not in COMPLETE:
            return position_after_incomplete(position, end, number, rows, newest_at)
    return position_after_complete(position, newest_at, walked_at=now)


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[int, list[int], int]]:
    """Polls: the time since the last, the ages of the rows that came up since, the pages read."""
    age = st.integers(0, OVERLAP_S - 1)
    poll = st.tuples(st.integers(0, 400), st.lists(age, max_size=12), st.integers(0, 4))
    return draw(st.lists(poll, min_size=1, max_size=12))


@given(stories(), st.integers(0, 20))
def test_a_complete_walk_has_shown_every_batch_however_many_were_cut_short_before(
    story: list[tuple[int, list[int], int]], history: int
) -> None:
    server, position, seen, now = List(), Position(), set[str](), NOW
    for age in range(history):
        server.add(NOW - 50 * age)

    for passed_s, ages, pages in [*story, (60, [], 1000), (60, [], 1000)]:
        now += passed_s
        for age in ages:
            server.add(now - min(age, passed_s))
        position = walked(server, position, pages, now, seen)

    assert position.unread == ()
    assert seen == {id for _, id in server.rows}


@given(stories(), st.integers(0, 20))
def test_what_shows_itself_late_is_read_when_nothing_can_be_late_any_more(
    story: list[tuple[int, list[int], int]], history: int
) -> None:
    server, position, seen, now = List(later_first=False), Position(), set[str](), NOW
    for age in range(history):
        server.add(NOW - 50 * age)

    for passed_s, ages, pages in [*story, (60, [], 1000), (2 * OVERLAP_S, [], 1000)]:
        now += passed_s
        for age in ages:
            server.add(now - age)
        position = walked(server, position, pages, now, seen)

    assert position.unread == ()
    assert seen == {id for _, id in server.rows}


@given(stories())
def test_walks_of_two_pages_or_more_catch_up_once_the_list_stands_still(
    story: list[tuple[int, list[int], int]],
) -> None:
    server, position, seen, now = List(), Position(), set[str](), NOW
    for passed_s, ages, pages in story:
        now += passed_s
        for age in ages:
            server.add(now - min(age, passed_s))
        position = walked(server, position, pages, now, seen)

    for _ in range(2):
        walks = 0
        while position.unread or walks == 0:
            walks += 1
            now += 60
            position = walked(server, position, 2, now, seen)
        assert walks <= 2 + len(server.rows)

    assert seen == {id for _, id in server.rows}


def test_what_may_show_itself_late_is_read_again() -> None:
    moved = Cursor().moved(newest_at=NOW, walked_at=NOW + 10)

    assert moved == Cursor(read_back_to=NOW - OVERLAP_S, seen_through=NOW - OVERLAP_S)


def test_once_nothing_can_be_late_any_more_only_the_newest_row_is_read_again() -> None:
    cursor = Cursor(NOW - OVERLAP_S, NOW - OVERLAP_S)

    moved = [cursor.moved(NOW, walked_at=NOW + after) for after in (OVERLAP_S, 500, 600, 9000)]

    assert [each.read_back_to - NOW for each in moved] == [-300, -100, 0, 1]
    assert [each.seen_through - NOW for each in moved] == [-300, -100, 0, 0]


def test_a_clock_far_ahead_of_the_servers_passes_nothing_newer_than_what_was_read() -> None:
    moved = Cursor().moved(newest_at=NOW - 9000, walked_at=NOW)

    assert moved == Cursor(read_back_to=NOW - 8999, seen_through=NOW - 9000)


def quiet(position: Position, first: Page, now: int = NOW + 60) -> bool:
    return is_quiet(position, first, {"a", "b"}, now)


def test_a_first_page_without_news_is_all_that_is_read_for_a_while() -> None:
    position = Position(Cursor(NOW - OVERLAP_S, NOW - OVERLAP_S), newest_at=NOW)
    known = a_page(a_batch("a", created_at=NOW), a_batch("b", created_at=NOW - 5), has_more=True)
    news = a_page(a_batch("c", created_at=NOW - 2), *known.batches, has_more=True)

    assert quiet(position, known)
    assert not quiet(position, news)
    assert not quiet(position, replace(known, unreadable=("row 3",)))
    assert not quiet(position, known, now=NOW + 2 * OVERLAP_S)


def test_a_first_page_without_news_ends_no_walk_that_has_more_to_read() -> None:
    known = a_page(a_batch("a", created_at=NOW), has_more=True)

    assert not quiet(Position(Cursor(), unread=(Leg("x", 0),), newest_at=NOW), known)
    assert not quiet(Position(Cursor(NOW - OVERLAP_S)), known)


def test_seen_through_never_goes_back() -> None:
    cursor = Cursor(read_back_to=0, seen_through=NOW)

    assert cursor.moved(newest_at=NOW - 5000, walked_at=NOW).seen_through == NOW


def ends_with(page: Page, leg: Leg = Leg(None, NOW), new_ids: int = 1, is_first: bool = True) -> End | None:
    return end_of(leg, page, is_first=is_first, new_ids=new_ids, now=NOW)


def test_a_tie_with_the_goal_is_read_on() -> None:
    tie = a_page(a_batch(created_at=NOW), has_more=True)
    older = a_page(a_batch(created_at=NOW - 1), has_more=True)

    assert (ends_with(tie), ends_with(older)) == (None, End.PASSED)


def test_a_row_without_a_time_never_ends_a_walk() -> None:
    page = a_page(a_batch(created_at=None), has_more=True)

    assert ends_with(page) is None


def test_a_server_that_repeats_itself_ends_a_walk_incomplete() -> None:
    page = a_page(a_batch(created_at=NOW), has_more=True)

    assert ends_with(page, new_ids=0) is End.STUCK


def test_an_empty_page_that_promises_more_ends_a_walk_incomplete() -> None:
    assert ends_with(a_page(has_more=True), new_ids=0) is End.STUCK


def test_a_server_without_has_more_has_shown_all_when_nothing_new_comes() -> None:
    assert ends_with(a_page(has_more=None), new_ids=0) is End.LAST_PAGE


def test_a_server_that_forgot_where_we_stopped_is_read_from_the_top_again() -> None:
    leg = Leg(after="a", down_to=0, anchor="b")
    position = Position(Cursor(5, 7), newest_at=9, unread=(leg,), began_at=9)

    end = ends_with(a_page(has_more=False), leg)
    after = position_after_incomplete(position, end, 1, rows=[], newest_at=9)

    assert end is End.LOST
    assert after.legs() == (Leg(None, 5),)
    assert after.cursor == position.cursor


def test_a_walk_that_read_nothing_changes_nothing() -> None:
    position = Position(Cursor(5, 7), newest_at=9, unread=(Leg("a", 5, "b"),), began_at=9)

    assert position_after_incomplete(position, None, 0, rows=[], newest_at=0) == position


def test_the_next_walk_reads_the_top_and_then_goes_on_where_the_last_stopped() -> None:
    position = Position(Cursor(read_back_to=5, seen_through=7), newest_at=0)

    after = position_after_incomplete(position, None, 0, rows=["c", "b", "a"], newest_at=NOW)

    assert after.legs() == (Leg(None, NOW + 1), Leg("b", 5, anchor="a"))
