"""Look: what the channel shows of notifications that may have been announced already."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from batchbell.domain import delivery
from batchbell.domain.errors import PermanentError, TransientError
from batchbell.domain.notification import Notification


class History(Protocol):
    """What was posted to a channel."""

    def announced(self, channel: str, since: float, *, deadline_at: float) -> dict[str, str]: ...


@dataclass(frozen=True, slots=True)
class Looked:
    """Notifications of which the table knows no attempt: `found` in the channel, each with its `ts`;
    `suspect` of having been announced before the table was restored to an earlier time, with no
    history to tell; and `clear`.
    """

    clear: tuple[Notification, ...] = ()
    found: tuple[tuple[Notification, str], ...] = ()
    suspect: tuple[Notification, ...] = ()


def announced(history: History, channel: str, since: float, deadline_at: float) -> dict[str, str] | None:
    """The ids that the channel shows as announced since then, each with its `ts`; None where it may not be read.

    Raises: TransientError.
    """
    try:
        return history.announced(channel, since, deadline_at=deadline_at)
    except PermanentError:
        return None


def looked_for(
    history: History, fresh: Sequence[Notification], channel: str, now: float, deadline_at: float
) -> Looked:
    """The notifications, told apart by what the channel shows; those that cannot be told wait for a while."""
    doubted = [each for each in fresh if delivery.must_be_looked_for(each, now)]
    clear = tuple(each for each in fresh if not delivery.must_be_looked_for(each, now))
    if not doubted:
        return Looked(clear)
    since = min(map(delivery.happened_at, doubted)) - delivery.LOOK_BACK_S
    try:
        seen = announced(history, channel, since, deadline_at)
    except TransientError:
        given_up = now - delivery.GIVE_UP_LOOKING_S
        return Looked(clear, suspect=tuple(each for each in doubted if each.recorded_at < given_up))
    if seen is None:
        return Looked(clear, suspect=tuple(doubted))
    return Looked(
        clear=clear + tuple(each for each in doubted if each.id not in seen),
        found=tuple((each, seen[each.id]) for each in doubted if each.id in seen),
    )
