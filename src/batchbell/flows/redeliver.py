"""Redeliver: unpark, ring, look what came of it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from batchbell.domain import delivery
from batchbell.domain.errors import StaleError
from batchbell.domain.notification import Message
from batchbell.domain.outbox import Outbox


class OutboxTable(Protocol):
    """The outbox in our table. Writing raises StaleError where a delivery was first."""

    def read(self, channel: str) -> Outbox: ...

    def update(self, message: Message) -> Message: ...

    def call_probe(self, channel: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Left:
    """A notification that is still undelivered, and why; `is_parked`: a person must act again."""

    id: str
    reason: str
    is_parked: bool


@dataclass(frozen=True, slots=True)
class RedeliverResult:
    """What came of the notifications that had been parked or stood behind them.

    `failure` says why the poll function did not run to its end.
    """

    delivered: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()
    failure: str | None = None


def redeliver(outbox: OutboxTable, ring: Callable[[], str | None], channel: str) -> RedeliverResult | None:
    """Try now what waits for a person; None where nothing does.

    It only says that all is due: the delivery itself is the poll function's, which `ring` runs,
    with its looks before it posts again. So it is safe beside a run that is under way: a message
    that one has taken meanwhile is left to it.

    Raises: TransientError, PermanentError when the table fails or the function cannot be run.
    """
    before = outbox.read(channel)
    if not before.parked and not (before.lane.blocked and before.undelivered):
        return None
    for message in before.messages:
        if message.parked:
            with suppress(StaleError):
                outbox.update(delivery.unparked(message))
    if before.lane.blocked:
        with suppress(StaleError):
            outbox.call_probe(channel)
    failure = ring()
    asked = [each.id for each in before.undelivered]
    left = _left(outbox.read(channel))
    return RedeliverResult(
        delivered=tuple(id for id in asked if id not in left),
        left=tuple(left[id] for id in asked if id in left),
        failure=failure,
    )


def _left(after: Outbox) -> dict[str, Left]:
    """What is undelivered, by id, with the reason that is known."""
    behind = after.lane.blocked or "it waits for the next run"
    left = {each.id: Left(each.id, behind, is_parked=False) for each in after.notifications}
    for message in after.messages:
        reason = message.parked or behind
        for each in message.notifications:
            left[each.id] = Left(each.id, reason, is_parked=message.parked is not None)
    return left
