"""Outbox: all that is undelivered, and what to post of it next."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from batchbell.domain.batch import Batch
from batchbell.domain.notification import Gone, Message, Notification

MOST_SINGLE = 5
MOST_IN_DIGEST = 20
MOST_CHARACTERS = 60_000
"""Keeps a stored message under DynamoDB's 400 KB, whatever the characters."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The way into one channel: free from `not_before`; `blocked` says why Slack refuses it."""

    not_before: float = 0
    blocked: str | None = None
    probe_at: float = 0


@dataclass(frozen=True, slots=True)
class Outbox:
    """All that is undelivered; `unreadable` counts items that a newer version wrote."""

    notifications: tuple[Notification, ...] = ()
    messages: tuple[Message, ...] = ()
    lane: Lane = Lane()
    unreadable: int = 0

    @property
    def parked(self) -> int:
        return sum(len(each.notifications) for each in self.messages if each.parked)

    @property
    def parked_by_reason(self) -> Counter[str]:
        """How many notifications each reason keeps."""
        reasons = Counter[str]()
        for each in self.messages:
            if each.parked:
                reasons[each.parked] += len(each.notifications)
        return reasons

    @property
    def undelivered(self) -> tuple[Notification, ...]:
        return self.notifications + tuple(n for m in self.messages for n in m.notifications)


def superseded(notifications: Sequence[Notification]) -> frozenset[str]:
    """The ids of those of an earlier status whose batch has ended since: the end says it all."""
    ended = {_batch_id(each) for each in notifications if _is_end(each)}
    return frozenset(each.id for each in notifications if not _is_end(each) and _batch_id(each) in ended)


def grouped(notifications: Iterable[Notification]) -> list[tuple[Notification, ...]]:
    """What to post as one: a few alone, a burst as digests; batchbell's own troubles alone."""
    own: list[Notification] = []
    batches: list[Notification] = []
    for each in sorted(notifications, key=lambda each: (each.recorded_at, each.id)):
        (batches if isinstance(each.subject, Batch) else own).append(each)
    if len(batches) <= MOST_SINGLE:
        return [(each,) for each in own + batches]
    digests: list[list[Notification]] = []
    room = 0
    for each in batches:
        weight = len(repr(each.subject))
        if not digests or len(digests[-1]) == MOST_IN_DIGEST or weight > room:
            digests.append([])
            room = MOST_CHARACTERS
        digests[-1].append(each)
        room -= weight
    return [(each,) for each in own] + [tuple(digest) for digest in digests]


def due(outbox: Outbox, now: float) -> list[Message]:
    """The messages to try again, longest due first."""
    ready = [each for each in outbox.messages if each.next_attempt_at <= now]
    return sorted(ready, key=lambda each: (each.next_attempt_at, each.id))


def _is_end(notification: Notification) -> bool:
    subject = notification.subject
    return isinstance(subject, Gone) or (isinstance(subject, Batch) and subject.is_terminal)


def _batch_id(notification: Notification) -> str:
    subject = notification.subject
    if isinstance(subject, Gone):
        return subject.batch.id
    return subject.id if isinstance(subject, Batch) else notification.id
