"""The watch: what the next poll must know, and whom it must ask for by id."""

from batchbell.domain.watch import (
    GONE,
    MOST_ENDED,
    begun,
    is_another_project,
    kept,
    met,
    to_retrieve,
)
from tests.builders import NOW, a_batch, a_page, a_watched


def test_open_batches_that_were_not_met_are_asked_for_least_recently_checked_first() -> None:
    watched = {
        "late": a_watched(checked_at=NOW - 60),
        "early": a_watched(checked_at=NOW - 120),
        "met": a_watched(checked_at=NOW - 180),
        "ended": a_watched("completed"),
        "gone": a_watched(GONE),
    }

    assert to_retrieve(watched, ["met"], NOW) == ["early", "late"]


def test_a_batch_listed_as_open_past_its_window_is_asked_for_now_and_then() -> None:
    overdue = a_watched(expires_at=NOW - 1, checked_at=NOW - 300)

    assert to_retrieve({"a": overdue}, ["a"], NOW) == ["a"]
    assert to_retrieve({"a": overdue}, ["a"], NOW - 1) == []


def test_meeting_an_overdue_batch_in_a_list_does_not_count_as_having_asked_for_it() -> None:
    before = a_watched(expires_at=NOW - 1, checked_at=NOW - 900, missing_since=NOW - 900)
    batch = a_batch(expires_at=NOW - 1)

    listed = met(batch, before, NOW)
    retrieved = met(a_batch(expires_at=NOW - 1, is_retrieved=True), before, NOW)

    assert (listed.checked_at, listed.missing_since) == (NOW - 900, NOW - 900)
    assert (retrieved.checked_at, retrieved.missing_since) == (NOW, None)


def test_what_ended_long_ago_is_forgotten_and_what_is_open_is_not() -> None:
    watched = {
        "open": a_watched(created_at=0),
        "recent": a_watched("completed", created_at=NOW),
        "old": a_watched("completed", created_at=NOW - 1),
        "gone": a_watched(GONE, created_at=0, checked_at=NOW),
        "long gone": a_watched(GONE, created_at=0, checked_at=NOW - 1),
    }

    assert set(kept(watched, seen_through=NOW, gone_since=NOW)) == {"open", "recent", "gone"}


def test_however_many_ended_only_the_newest_are_remembered() -> None:
    watched = {f"b{n}": a_watched("failed", created_at=n) for n in range(MOST_ENDED + 2)}

    left = kept(watched, seen_through=0, gone_since=0)

    assert set(watched) - set(left) == {"b0", "b1"}


def test_a_list_is_another_world_only_if_both_name_their_project() -> None:
    watch = begun("https://api.openai.com/v1", None, "proj_1", NOW)

    pages = [a_page(project=project) for project in ("proj_1", "proj_2", None)]

    assert [is_another_project(watch, page) for page in pages] == [False, True, False]
