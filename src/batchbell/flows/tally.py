"""Tally: what a delivery has done so far, and what it leaves."""

from dataclasses import dataclass, field

from batchbell.domain.notification import Message
from batchbell.domain.outbox import Outbox


@dataclass(slots=True)
class DeliverResult:
    """What one delivery did, in notifications; `stopped_by` is why it left the rest.

    `found` of the delivered had been posted before; `waiting` are left, `parked` of them for a
    person; `oldest_s` is the age of the oldest of them. `not_taken` is what Slack said of a message
    that it did not take: None where there was merely no more room or time.
    """

    delivered: int = 0
    found: int = 0
    posts: int = 0
    waiting: int = 0
    parked: int = 0
    oldest_s: int = 0
    unreadable: int = 0
    stopped_by: str | None = None
    not_taken: str | None = None


@dataclass(slots=True)
class Tally:
    """Follows one delivery; `left` are the ids undelivered, each with when it was recorded."""

    delivered: int = 0
    found: int = 0
    posts: int = 0
    unreadable: int = 0
    left: dict[str, int] = field(default_factory=dict)
    parked: set[str] = field(default_factory=set)
    not_taken: dict[str, str] = field(default_factory=dict)

    def begin(self, box: Outbox) -> None:
        self.left = {each.id: each.recorded_at for each in box.undelivered}
        self.parked = {n.id for each in box.messages if each.parked for n in each.notifications}
        self.unreadable = box.unreadable

    def refuse(self, message: Message, reason: str) -> None:
        """Slack did not take this message, and said why."""
        self.not_taken[message.id] = reason

    def put_back(self, message: Message) -> None:
        """The message waits, for its time or for a person."""
        ids = {each.id for each in message.notifications}
        self.parked = self.parked | ids if message.parked else self.parked - ids

    def drop(self, *ids: str) -> None:
        """These need not be delivered any more."""
        for each in ids:
            self.left.pop(each, None)
            self.parked.discard(each)

    def settle(self, message: Message, *, was_found: bool) -> None:
        """The message was announced, now or before."""
        self.not_taken.pop(message.id, None)
        self.drop(*(each.id for each in message.notifications))
        self.delivered += len(message.notifications)
        self.found += len(message.notifications) if was_found else 0

    def result(self, now: int, stopped_by: str | None) -> DeliverResult:
        return DeliverResult(
            delivered=self.delivered,
            found=self.found,
            posts=self.posts,
            waiting=len(self.left),
            parked=len(self.parked),
            oldest_s=max(0, now - min(self.left.values(), default=now)),
            unreadable=self.unreadable,
            stopped_by=stopped_by,
            not_taken=next(iter(self.not_taken.values()), None),
        )
