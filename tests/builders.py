"""Values for tests: say what the test is about, the rest is made up."""

from collections.abc import Sequence
from dataclasses import replace

from batchbell.domain.batch import Batch, Page, RequestCounts
from batchbell.domain.notification import Message, Notification
from batchbell.domain.policy import Policy
from batchbell.domain.watch import Watched

NOW = 1_800_000_000
DAY_S = 86_400


def a_batch(batch_id: str = "batch_1", status: str = "in_progress", **fields: object) -> Batch:
    """A batch created an hour ago; a terminal one ended just now with 10 of 10 done."""
    batch = Batch(batch_id, status, created_at=NOW - 3600, expires_at=NOW - 3600 + DAY_S)
    if batch.is_terminal and f"{status}_at" not in fields:
        batch = replace(batch, **{f"{status}_at": NOW}, request_counts=RequestCounts(10, 10, 0))
    return replace(batch, **fields)  # type: ignore[arg-type]


def a_page(*batches: Batch, has_more: bool | None = False, project: str | None = None) -> Page:
    return Page(batches, has_more, project=project)


def a_policy(*notify_on: str, **fields: object) -> Policy:
    statuses = frozenset(notify_on or ("completed", "failed", "expired"))
    policy = Policy(statuses, metadata_filter=(), retention_s=30 * DAY_S)
    return replace(policy, **fields)  # type: ignore[arg-type]


def a_notification(batch: Batch | None = None, **fields: object) -> Notification:
    batch = batch or a_batch(status="completed")
    notification = Notification(f"{batch.id}#{batch.status}", recorded_at=NOW, subject=batch)
    return replace(notification, **fields)  # type: ignore[arg-type]


def some_notifications(count: int) -> list[Notification]:
    return [a_notification(a_batch(f"batch_{n}", "completed")) for n in range(count)]


def a_message(*notifications: Notification, **fields: object) -> Message:
    members: Sequence[Notification] = notifications or (a_notification(),)
    return replace(Message(members[0].id, tuple(members)), **fields)  # type: ignore[arg-type]


def a_watched(status: str = "in_progress", **fields: object) -> Watched:
    watched = Watched(status, created_at=NOW - 3600, expires_at=NOW + DAY_S, checked_at=NOW)
    return replace(watched, **fields)  # type: ignore[arg-type]
