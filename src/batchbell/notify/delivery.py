"""Deliver: lease, post, mark sent."""

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from batchbell.config import Config
from batchbell.errors import ConflictError, PermanentError, TransientError
from batchbell.models import Accepted, Batch, Deleted, Failure, Notification, PostFailure, State
from batchbell.notify.messages import message_for
from batchbell.records import Outbox

if TYPE_CHECKING:
    from batchbell.aws.store import Store
    from batchbell.slack.client import SlackClient

logger = logging.getLogger(__name__)

MAX_SINGLE, MAX_IN_DIGEST = 5, 30
MAX_TRIES = 8  # after so many posts and history reads in vain the history counts as unreadable
MAX_REFUSALS = 5  # a refusal with a name that nobody knows is retried so often, then parked
TURN_S = 1  # Slack takes one message a second for a channel
SHOWN_AFTER_S = 30  # Slack may take so long to show a message whose reply was lost
LEASE_S = 180  # longer than the function may live (150 s) and Slack may take to show a message
MAX_WAIT_S = 900
BLOCKED_S = 300  # how often a blocked channel is tried: a person fixes it, and nobody tells us
PARKED_S = 6 * 3600  # how often a malformed message is tried: a newer version may write it well
SEARCH_BACK_S = 600  # the history is searched so much further back than the first attempt: clocks differ
HISTORY_S = 5  # reading the history takes so long; with less time left it would be cut
UNRESOLVED = "unclear whether it was posted, and the channel's history cannot be read"

Message = Sequence[Notification]
"""What is posted as one; its notifications share a state."""


@dataclass(slots=True)
class DeliveryResult:
    """What one delivery did, in notifications. `found` of the delivered had been posted before.

    `waiting` are left, `parked` of them for a person; `oldest_s` is the age of the oldest of them.
    `stopped_by` is why it left the rest; `not_taken` is what Slack said of a message that it refused.
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


def deliver(
    store: "Store",
    slack: "SlackClient",
    config: Config,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    deadline_at: float,
) -> DeliveryResult:
    """Post what is in the outbox; no post starts after `deadline_at`, what is left waits for the next run.

    Two runs at once and a death anywhere are safe: a message is leased before it is posted, and one
    whose outcome is not known is searched for in the channel before it is posted again.

    Raises: TransientError, PermanentError when the table fails.
    """
    run = _Delivery(store, slack, config, clock, sleep, deadline_at)
    try:
        run.run(store.outbox(config.channel))
    except _StopError as stop:
        run.result.stopped_by = str(stop)
    return run.finished()


class _StopError(Exception):
    """Nothing more can be posted in this run."""


@dataclass(slots=True)
class _Delivery:
    """One run. It handles what was due when it read the outbox: every attempt that the history is
    searched for is then at least 30 s old, and a version tells if another run was faster.
    """

    store: "Store"
    slack: "SlackClient"
    config: Config
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    deadline_at: float
    blocked_reason: str | None = None
    has_turn: bool = False
    left: dict[str, Notification] = field(default_factory=dict)
    history: dict[str, dict[str, str] | PermanentError | TransientError] = field(default_factory=dict)
    result: DeliveryResult = field(default_factory=DeliveryResult)

    def run(self, outbox: Outbox) -> None:
        now = self.clock()
        self.left = {each.id: each for each in outbox.notifications}
        self.result.unreadable = outbox.unreadable
        self.blocked_reason = outbox.blocked_reason
        self._drop_superseded()
        due = [each for each in self.left.values() if each.due_at <= now]
        if not due:
            return
        if self.blocked_reason and now < outbox.not_before:
            raise _StopError(self.blocked_reason)
        for message in messages_of(due):
            with suppress(ConflictError):
                self._handle(message)

    def _drop_superseded(self) -> None:
        """Drop news of an earlier status once the end of the batch is known: posted, leased or not."""
        for each in superseded(self.left.values()):
            with suppress(ConflictError):
                self.store.remove([each])
                self.left.pop(each.id)
                logger.info("Superseded by the batch's end", extra={"ids": [each.id]})

    def _handle(self, message: Message) -> None:
        if message[0].unknown_since is None:
            self._post(message)
            return
        if self.clock() + HISTORY_S > self.deadline_at:
            raise _StopError("no time is left")
        posted = self._posted_ids(message[0].channel or self.config.channel)
        if isinstance(posted, TransientError):
            attempts = message[0].attempts + 1
            if attempts < MAX_TRIES:
                wait_s = max(_wait_s(attempts), posted.retry_after_s or 0)
                self._save(message, _state_before(message[0]), attempts=attempts, due_at=self.clock() + wait_s)
                return
        if isinstance(posted, TransientError | PermanentError):
            if message[0].posted_unread:
                self._park(message, UNRESOLVED, BLOCKED_S)
            else:
                self._post(message, is_unread=True)
            return
        found = [each for each in message if each.id in posted]
        if found:
            self._mark_sent(found, posted[found[0].id], message[0].channel)
            self.result.found += len(found)
        if missing := [each for each in message if each.id not in posted]:
            self._post(missing)

    def _posted_ids(self, channel: str) -> dict[str, str] | PermanentError | TransientError:
        """Return the ids that the channel shows, read once in a run, or why they cannot be had."""
        if channel not in self.history:
            times = [each.unknown_since for each in self.left.values() if each.unknown_since is not None]
            since = min(times) - SEARCH_BACK_S
            try:
                self.history[channel] = self.slack.posted_ids(channel, since, deadline_at=self.deadline_at)
            except (PermanentError, TransientError) as error:
                self.history[channel] = error
        return self.history[channel]

    def _post(self, message: Message, *, is_unread: bool = False) -> None:
        """Post, and write down what came of it. A definite refusal restores the state before."""
        self._take_turn()
        lead, now = message[0], self.clock()
        leased = self._save(
            message,
            State.LEASED,
            message_id=lead.message_id or lead.id,
            due_at=now + LEASE_S,
            unknown_since=now if lead.unknown_since is None else lead.unknown_since,
            posted_unread=is_unread,
            channel=self.config.channel,
        )
        options = {"possible_duplicate": lead.unknown_since is not None, "text_only": lead.text_only}
        answer = self.slack.post(self.config.channel, message_for(message, self.config, int(now), **options))
        self.result.posts += 1
        reason = None if isinstance(answer, Accepted) else answer.reason
        self.result.not_taken = self.result.not_taken or reason
        kind = "accepted" if isinstance(answer, Accepted) else answer.kind
        logger.info("Posted", extra={"ids": [each.id for each in message], "answer": kind, "reason": reason})
        if isinstance(answer, Accepted):
            self._mark_sent(leased, answer.ts, answer.channel)
        elif answer.kind is Failure.UNKNOWN:
            self._note_unknown(leased, answer, is_unread=is_unread)
        else:
            pairs = zip(message, leased, strict=True)
            before = [replace(old, version=new.version, message_id=new.message_id) for old, new in pairs]
            self._note_refusal(before, answer, is_unread=is_unread)

    def _note_unknown(self, leased: Message, answer: PostFailure, *, is_unread: bool) -> None:
        attempts = leased[0].attempts + 1
        if is_unread:
            self._park(leased, UNRESOLVED, BLOCKED_S)
        else:
            due_at = self.clock() + _wait_s(attempts)
            self._save(leased, State.UNKNOWN, attempts=attempts, due_at=due_at, reason=answer.reason)
        self.store.hold(self.config.channel, self.clock() + SHOWN_AFTER_S)
        raise _StopError(answer.reason)

    def _note_refusal(self, message: Message, answer: PostFailure, *, is_unread: bool) -> None:
        """Slack did not take the message: put it back as it was before the attempt."""
        lead, now, state = message[0], self.clock(), _state_before(message[0])
        reason = answer.reason
        match answer.kind:
            case Failure.RATE_LIMITED:
                message = self._save(message, state, due_at=now + answer.retry_after_s)
                self.store.hold(self.config.channel, now + answer.retry_after_s)
                if self.has_turn:
                    raise _StopError(reason)
                self._post(message, is_unread=is_unread)
            case Failure.BLOCKED:
                self._park(message, reason, 0)
                self.store.set_channel(self.config.channel, now + BLOCKED_S, reason)
                raise _StopError(reason)
            case Failure.MALFORMED if len(message) > 1:
                apart = [replace(each, message_id=each.id) for each in message]
                for each in self._save(apart, state):
                    self._post([each], is_unread=is_unread)
            case Failure.MALFORMED if not lead.text_only:
                self._post(self._save(message, state, text_only=True), is_unread=is_unread)
            case Failure.REFUSED if lead.attempts + 1 < MAX_REFUSALS:
                attempts = lead.attempts + 1
                due_at = now + _wait_s(attempts)
                self._save(message, state, attempts=attempts, due_at=due_at, reason=reason)
            case _:
                self._park(message, reason, PARKED_S)

    def _take_turn(self) -> None:
        """Wait until the channel may have one more message, if that is before the deadline.

        A blocked channel is tried by one run every five minutes, which goes on until Slack takes or
        refuses something.
        """
        while (now := self.clock()) < self.deadline_at:
            if self.has_turn:
                self.sleep(TURN_S)
                return
            hold_s = BLOCKED_S if self.blocked_reason else TURN_S
            wait_s = self.store.take_turn(self.config.channel, now, hold_s)
            if wait_s <= 0:
                self.has_turn = self.blocked_reason is not None
                return
            if self.blocked_reason or now + wait_s >= self.deadline_at:
                raise _StopError(self.blocked_reason or "Slack wants no message yet")
            self.sleep(wait_s)
        raise _StopError("no time is left")

    def _save(self, message: Message, state: State, **fields: Any) -> list[Notification]:
        saved = self.store.save([replace(each, state=state, **fields) for each in message])
        self.left.update({each.id: each for each in saved})
        return saved

    def _park(self, message: Message, reason: str, retry_s: float) -> None:
        self._save(message, State.PARKED, reason=reason, due_at=self.clock() + retry_s)
        logger.info("Parked", extra={"ids": [each.id for each in message], "reason": reason})

    def _mark_sent(self, message: Message, ts: str, channel: str | None) -> None:
        if self.blocked_reason:
            # Also if it was found: who may read the channel is in it. If not, the next post finds out.
            # Before the outbox may be empty: with nothing to post, no run would look at the channel again.
            self.store.set_channel(self.config.channel, self.clock() + TURN_S)
            self.blocked_reason, self.has_turn = None, False
        self.store.remove(message, sent_at=int(self.clock()))
        for each in message:
            self.left.pop(each.id, None)
        self.result.delivered += len(message)
        logger.info("Delivered", extra={"ids": [each.id for each in message], "ts": ts, "channel": channel})

    def finished(self) -> DeliveryResult:
        """Return the result, with what is left."""
        now, left, result = int(self.clock()), self.left.values(), self.result
        result.waiting = len(left)
        result.not_taken = result.not_taken if left else None
        result.parked = sum(each.state is State.PARKED for each in left)
        result.oldest_s = max(0, now - min((each.recorded_at for each in left), default=now))
        return result


def superseded(notifications: Iterable[Notification]) -> list[Notification]:
    """Return those about an earlier status of a batch whose end is to be announced as well."""
    by_batch: dict[str, list[Notification]] = {}
    for each in notifications:
        by_batch.setdefault(each.id.rpartition("#")[0], []).append(each)
    groups = [group for group in by_batch.values() if any(map(_is_end, group))]
    return [each for group in groups for each in group if not _is_end(each)]


def messages_of(due: Iterable[Notification]) -> list[Message]:
    """Return what to post: first messages that were fixed before, longest due first; then what is new.

    Of the new, the bot's own news come alone; a few batches come one by one, many as digests.
    """
    fixed: dict[str, list[Notification]] = {}
    own: list[Message] = []
    batches: list[Notification] = []
    for each in sorted(due, key=lambda each: (each.due_at, each.recorded_at, each.id)):
        if each.message_id is not None:
            fixed.setdefault(each.message_id, []).append(each)
        elif isinstance(each.subject, Batch):
            batches.append(each)
        else:
            own.append([each])
    size = 1 if len(batches) <= MAX_SINGLE else MAX_IN_DIGEST
    return [*fixed.values(), *own, *(batches[start : start + size] for start in range(0, len(batches), size))]


def _is_end(notification: Notification) -> bool:
    subject = notification.subject
    return isinstance(subject, Deleted) or (isinstance(subject, Batch) and subject.is_terminal)


def _state_before(notification: Notification) -> State:
    """Return the state to which an attempt that came to nothing leads back: what is parked stays so."""
    if notification.state is State.PARKED:
        return State.PARKED
    return State.PENDING if notification.unknown_since is None else State.UNKNOWN


def _wait_s(attempts: int) -> float:
    return min(SHOWN_AFTER_S * 2.0 ** max(0, attempts - 1), MAX_WAIT_S)
