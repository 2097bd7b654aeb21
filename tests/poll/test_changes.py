"""Changes: what brings a record up to date, and what of it is announced."""

from dataclasses import replace

import pytest

from batchbell.config import metadata_filter_from
from batchbell.models import Batch, Deleted, Notification, RequestCounts
from batchbell.poll.changes import Rules
from batchbell.records import Change, Recorded
from tests.builders import DAY_S, NOW, a_batch, a_config, a_notification, a_recorded, a_state

RULES = Rules(a_config(), a_state().scope, baseline_at=NOW - 7200, announce_from=NOW - 300)


def changed(batch: Batch, recorded: Recorded | None = None) -> Change | None:
    return RULES.change_for(batch, recorded, NOW)


def announces(batch: Batch, recorded: Recorded | None = None, *notify_on: str) -> bool:
    """Whether the change is announced to a team that wants these statuses, or the usual ones."""
    config = a_config(notify_on=frozenset(notify_on)) if notify_on else a_config()
    change = replace(RULES, config=config).change_for(batch, recorded, NOW)
    assert change is not None
    return change.notification is not None


@pytest.mark.parametrize(
    ("listed", "recorded"), [("in_progress", "in_progress"), ("in_progress", "failed"), ("failed", "completed")]
)
def test_nothing_changes_where_the_status_is_the_same_or_the_recorded_one_is_terminal(
    listed: str, recorded: str
) -> None:
    assert changed(a_batch(status=listed), a_recorded(recorded)) is None


@pytest.mark.parametrize(
    ("created_at", "ended_at", "is_announced"),
    [
        (NOW - 30, NOW, True),
        (NOW - 300, NOW, True),
        (NOW - 301, NOW, False),
        (NOW + 99_999, NOW, True),
        (NOW - 30, 0, True),  # impossible: no batch ends before it is created
        (NOW - 30, None, True),
        (None, NOW, True),
        (None, NOW - 7200, True),
        (None, NOW - 7201, False),
    ],
)
def test_an_unrecorded_end_is_announced_if_the_batch_is_new_and_did_not_end_before_the_baseline(
    created_at: int | None, ended_at: int | None, is_announced: bool
) -> None:
    batch = a_batch(status="failed", created_at=created_at, failed_at=ended_at)

    assert changed(batch) == Change(batch, None, a_notification(batch) if is_announced else None)


LONG_AGO = NOW - 30 * DAY_S


@pytest.mark.parametrize(
    ("recorded", "created_at", "ended_at", "is_announced"),
    [
        (a_recorded(), 0, LONG_AGO, True),
        (a_recorded(), 0, LONG_AGO - 1, False),
        (a_recorded(), 0, None, True),
        (None, LONG_AGO, None, True),
        (None, LONG_AGO - 1, None, False),  # its record may have expired
    ],
)
def test_an_end_older_than_the_retention_is_not_announced(
    recorded: Recorded | None, created_at: int, ended_at: int | None, is_announced: bool
) -> None:
    batch = a_batch(status="completed", created_at=created_at, completed_at=ended_at)

    change = replace(RULES, baseline_at=0, announce_from=0).change_for(batch, recorded, NOW)

    assert change is not None
    assert (change.notification is not None) is is_announced


def test_an_end_is_announced_once_and_only_if_the_team_wants_it() -> None:
    completed, cancelled = a_batch(status="completed"), a_batch(status="cancelled")
    before = a_recorded("gone", announced=frozenset({"gone", "completed"}))

    assert announces(completed, a_recorded())
    assert not announces(completed, before)
    assert not announces(cancelled, a_recorded())


def test_an_open_status_is_announced_only_of_a_batch_that_is_new_or_recorded() -> None:
    new, old = a_batch(created_at=NOW - 30), a_batch(created_at=NOW - 301)

    announced = [
        announces(batch, recorded, "in_progress")
        for batch, recorded in [(new, None), (old, None), (old, a_recorded("validating"))]
    ]

    assert announced == [True, False, True]


@pytest.mark.parametrize(
    ("before", "now", "is_recorded"),
    [
        (None, RequestCounts(1000, 0, 0), True),
        (RequestCounts(0, 0, 0), RequestCounts(1000, 0, 0), True),
        (RequestCounts(1000, 0, 0), RequestCounts(1000, 40, 9), False),
        (RequestCounts(1000, 0, 0), RequestCounts(1000, 40, 10), True),
        (RequestCounts(1000, 50, 0), RequestCounts(1000, 50, 0), False),
        (RequestCounts(1000, 50, 0), None, False),
    ],
)
def test_progress_is_recorded_when_the_counts_moved_by_a_twentieth(
    before: RequestCounts | None, now: RequestCounts | None, is_recorded: bool
) -> None:
    batch = a_batch(request_counts=now)

    change = changed(batch, a_recorded(request_counts=before))

    assert change == (Change(batch, "in_progress") if is_recorded else None)


@pytest.mark.parametrize(
    ("recorded", "metadata_filter", "is_announced"),
    [
        (a_recorded(missing_since=NOW - 3600), "", True),
        (a_recorded(missing_since=NOW - 3600, announced=frozenset({"gone"})), "", False),
        (a_recorded(missing_since=NOW - 3600), "team=other", False),
    ],
)
def test_a_deletion_is_announced_once_to_those_whose_batch_it_was(
    recorded: Recorded, metadata_filter: str, is_announced: bool
) -> None:
    config = a_config(metadata_filter=metadata_filter_from(metadata_filter))

    change = replace(RULES, config=config).deletion(a_batch(), recorded, NOW)

    notification = Notification("batch_1#gone", NOW, Deleted(a_batch(), NOW - 3600))
    assert change == Change(a_batch(status="gone"), "in_progress", notification if is_announced else None, NOW - 3600)
