"""Delivery: how a message stands before, while and after it is posted."""

from collections.abc import Container
from dataclasses import replace

from batchbell.domain.batch import Batch
from batchbell.domain.cursor import OVERLAP_S
from batchbell.domain.notification import (
    Form,
    Gone,
    KeyAccepted,
    KeyRefused,
    Message,
    Misconfigured,
    Notification,
    RefusedForNow,
    Unacceptable,
    Unclear,
    Watching,
)
from batchbell.domain.watch import LONG_STOP_S

LEASE_S = 180
"""How long a claimed message is left alone: longer than the function that claimed it may live."""

LANDING_S = 30
"""How long Slack may take to show a message whose reply was lost."""

LONGEST_WAIT_S = 900
"""A message in doubt, or a history that cannot be read, is looked at again so long after at the latest."""

PROBE_S = 300
"""How often a channel that Slack refuses is tried again: a person mends it, nobody tells us."""

RETRY_PARKED_S = 6 * 3600
"""How often a message that Slack finds faulty is tried again: a newer version may draw it well."""

MOST_LOOKS = 8
"""After so many attempts to read the history in vain it counts as one that cannot be read."""

LOOK_S = 5
"""What a look takes that goes well: begun with less time left it would be cut short, and count as one in vain."""

LOOK_BACK_S = 600
"""How much further back a message is looked for than it can have been posted: clocks differ."""

LOOK_FIRST_AFTER_S = LONG_STOP_S
"""What has waited so long is looked for before its first post too: a table may be restored while it waits."""

GIVE_UP_LOOKING_S = 6 * 3600
"""What has waited so long is posted though the history only fails, and says that it may be a repeat."""


def must_be_looked_for(notification: Notification, now: float) -> bool:
    """Whether it may have been announced already, before the table was restored to an earlier time."""
    return notification.look_first or notification.recorded_at < now - LOOK_FIRST_AFTER_S


def may_be_forgotten(notification: Notification, resumed_at: int | None) -> bool:
    """Whether it may have been announced before the bot went on after a long stop."""
    return resumed_at is not None and happened_at(notification) < resumed_at + OVERLAP_S


def happened_at(notification: Notification) -> float:
    """The earliest time at which the notification may have been announced."""
    at: int | None
    match notification.subject:
        case Batch() as batch:
            at = batch.created_at if batch.ended_at is None else batch.ended_at
        case Gone(batch):
            at = batch.created_at
        case Watching(since=at) | KeyRefused(since=at) | KeyAccepted(refused_since=at):
            pass
    return notification.recorded_at if at is None else min(at, notification.recorded_at)


def to_look_from(message: Message, now: float) -> float | None:
    """From when on the message is to be looked for before it is posted; None if it need not be.

    One that has waited long is looked for too, and as far back as it may have landed: the table may
    have been restored since.
    """
    times = [] if message.unresolved_since is None else [message.unresolved_since]
    if any(must_be_looked_for(each, now) for each in message.notifications):
        times += map(happened_at, message.notifications)
    return min(times) - LOOK_BACK_S if times else None


def leased(message: Message, now: float) -> Message:
    """The message while its earlier attempt is being looked for."""
    return replace(message, attempts=message.attempts + 1, next_attempt_at=now + LEASE_S)


def posting(message: Message, channel: str, now: float) -> Message:
    """The message as it is written down before it is posted: if we die, its outcome is unknown."""
    return replace(
        message,
        attempts=message.attempts + 1,
        channel=channel,
        unresolved_since=now if message.unresolved_since is None else message.unresolved_since,
        next_attempt_at=now + LEASE_S,
        parked=None,
    )


def unlooked(message: Message, now: float, retry_after_s: float | None) -> Message:
    """The message after the history could not be read this time; Slack may say when it can be."""
    return replace(message, next_attempt_at=now + max(_wait_s(message), retry_after_s or 0))


def parted(message: Message, seen: Container[str]) -> tuple[Message | None, Message | None]:
    """The part of the message that the ids `seen` in the channel show, and the rest, to be posted.

    Of a digest a part may have been announced before the table was restored. Drawn plainly, a
    message may name its first notification alone.
    """
    first = message.notifications[0]
    named = [first if message.form is Form.PLAIN else each for each in message.notifications]
    pairs = list(zip(message.notifications, named, strict=True))
    shown = tuple(each for each, name in pairs if name.id in seen)
    hidden = tuple(each for each, name in pairs if name.id not in seen)
    return (
        replace(message, notifications=shown) if shown else None,
        not_found(replace(message, notifications=hidden)) if hidden else None,
    )


def not_found(message: Message) -> Message:
    """The message of which the history shows nothing: it did not land, or lands very late.

    Only an attempt that is in doubt may still land: what is looked for by its age alone has long
    done so. If it is not posted now, it is looked for again before it is posted later.
    """
    return replace(message, may_be_repeat=message.unresolved_since is not None, is_blind=False)


def doubtful(message: Message, now: float) -> Message:
    """The message to be posted once more although it may have landed; parked where that was done."""
    if message.is_blind:
        return unresolvable(message, now)
    return replace(message, may_be_repeat=message.unresolved_since is not None, is_blind=True)


def unresolvable(message: Message, now: float) -> Message:
    """The message that may have landed twice unseen: a person must look, or let us look."""
    reason = "unclear whether it was posted, and the channel's history cannot be read"
    return replace(message, parked=reason, next_attempt_at=now + PROBE_S)


def unparked(message: Message) -> Message:
    """The parked message once a person has acted: due by any clock, in full form, with all its looks.

    What was in doubt about it still is: it is looked for before it is posted.
    """
    return replace(message, parked=None, next_attempt_at=0, attempts=0, form=Form.BLOCKS)


def suspect(notifications: tuple[Notification, ...]) -> Message:
    """Notifications that may have been announced, with no history to tell."""
    return Message(notifications[0].id, notifications, is_blind=True)


def after(
    answer: RefusedForNow | Unclear | Misconfigured | Unacceptable, message: Message, now: float
) -> Message:
    """The message after Slack did not clearly take it."""
    match answer:
        case Unclear() if message.is_blind:
            return unresolvable(message, now)
        case Unclear():
            return replace(message, next_attempt_at=now + _wait_s(message))
        case RefusedForNow(_, retry_after_s):
            return replace(_refused(message), next_attempt_at=now + retry_after_s)
        case Misconfigured(reason):
            # Due as soon as the lane is no longer blocked.
            return replace(_refused(message), parked=reason, next_attempt_at=now)
        case Unacceptable(reason) if message.form is Form.PLAIN:
            return replace(_refused(message), parked=reason, next_attempt_at=now + RETRY_PARKED_S)
        case Unacceptable():
            return replace(_refused(message), form=Form.PLAIN, next_attempt_at=now)


def _refused(message: Message) -> Message:
    """The message as if its last attempt had not been made; an earlier one in doubt still is."""
    since = message.unresolved_since if message.may_be_repeat else None
    return replace(message, attempts=0, unresolved_since=since, is_blind=False)


def _wait_s(message: Message) -> float:
    return min(LANDING_S * 2.0 ** max(0, message.attempts - 1), LONGEST_WAIT_S)
