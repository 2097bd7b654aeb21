"""Diff: what is a transition, and which transitions are owed."""

import pytest

from batchbell.domain.batch import Batch
from batchbell.domain.diff import Since, Transition, diff, is_owed
from tests.builders import DAY_S, NOW, a_batch, a_policy

SINCE = Since(baseline_at=NOW - 7200, seen_through=NOW - 300)


def transitions(batch: Batch, recorded: str | None = None) -> list[tuple[str | None, str]]:
    known = {} if recorded is None else {batch.id: recorded}
    return [(each.old_status, each.batch.status) for each in diff(known, [batch], SINCE, NOW)]


def test_a_changed_status_is_a_transition() -> None:
    assert transitions(a_batch(status="completed"), "in_progress") == [("in_progress", "completed")]


def test_an_unchanged_status_is_none() -> None:
    assert transitions(a_batch(status="in_progress"), "in_progress") == []


@pytest.mark.parametrize("listed", ["in_progress", "failed"])
def test_a_terminal_status_is_final(listed: str) -> None:
    assert transitions(a_batch(status=listed), "completed") == []


def test_a_batch_born_and_ended_between_two_polls_is_a_transition() -> None:
    batch = a_batch(status="failed", created_at=NOW - 30)

    assert transitions(batch) == [(None, "failed")]


def test_an_old_end_that_nobody_recorded_is_none() -> None:
    assert transitions(a_batch(status="failed", created_at=NOW - 301)) == []


@pytest.mark.parametrize("created_at", [NOW - 300, NOW + 99_999, None])
def test_ties_strange_clocks_and_missing_times_count_as_new(created_at: int | None) -> None:
    assert transitions(a_batch(status="failed", created_at=created_at)) == [(None, "failed")]


def test_an_old_open_batch_that_nobody_recorded_is_watched_from_now_on() -> None:
    assert transitions(a_batch(created_at=NOW - DAY_S)) == [(None, "in_progress")]


def owed(batch: Batch, *notify_on: str, was_watched: bool = False, since: Since = SINCE) -> bool:
    transition = Transition(batch, "in_progress" if was_watched else None, was_watched)
    return is_owed(transition, a_policy(*notify_on), since, NOW)


def test_an_end_is_owed() -> None:
    assert owed(a_batch(status="completed"), was_watched=True)
    assert owed(a_batch(status="completed", created_at=NOW - 30))


def test_an_end_that_the_team_did_not_select_is_not_owed() -> None:
    assert not owed(a_batch(status="cancelled"), was_watched=True)


def test_what_ended_before_the_baseline_is_history() -> None:
    batch = a_batch(status="completed", created_at=NOW - 9000, completed_at=NOW - 7201)

    assert not owed(batch)


def test_what_ended_after_the_baseline_is_owed_however_old_the_batch_is() -> None:
    batch = a_batch(status="completed", created_at=NOW - DAY_S, completed_at=NOW - 7200)

    assert owed(batch)


def test_a_senseless_time_of_end_does_not_hide_a_fresh_end() -> None:
    assert owed(a_batch(status="completed", created_at=NOW - 30, completed_at=0))
    assert owed(a_batch(status="completed", created_at=NOW - 30, completed_at=None))


def test_an_end_older_than_the_retention_is_not_owed() -> None:
    start = Since(baseline_at=0, seen_through=0)
    kept = a_batch(status="completed", created_at=0, completed_at=NOW - 30 * DAY_S)
    lost = a_batch(status="completed", created_at=0, completed_at=NOW - 30 * DAY_S - 1)

    assert owed(kept, was_watched=True, since=start)
    assert not owed(lost, was_watched=True, since=start)


def test_an_open_status_is_owed_only_of_a_batch_that_is_new_or_watched() -> None:
    new, old = a_batch(created_at=NOW - 30), a_batch(created_at=NOW - 301)

    assert owed(new, "in_progress")
    assert not owed(old, "in_progress")
    assert owed(old, "in_progress", was_watched=True)
