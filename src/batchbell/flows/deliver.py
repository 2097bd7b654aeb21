"""Deliver: claim, render, post, settle."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

from batchbell.domain import delivery
from batchbell.domain.errors import StaleError, TransientError
from batchbell.domain.message.render import render
from batchbell.domain.message.rendered import Rendered
from batchbell.domain.notification import (
    Accepted,
    Answer,
    Form,
    Message,
    Misconfigured,
    Notification,
    RefusedForNow,
    Unacceptable,
    Unclear,
)
from batchbell.domain.outbox import Outbox, due, grouped, superseded
from batchbell.domain.place import Place
from batchbell.flows.lane import LaneTable, StopError, Way
from batchbell.flows.look import History, announced, looked_for
from batchbell.flows.tally import DeliverResult, Tally


class OutboxTable(LaneTable, Protocol):
    """The outbox in our table. Writing raises StaleError where another delivery was first."""

    def read(self, channel: str) -> Outbox: ...

    def drop(self, notification: Notification) -> None: ...

    def abandon(self, message: Message) -> None: ...

    def claim(self, message: Message) -> Message: ...

    def update(self, message: Message) -> Message: ...

    def settle(
        self, message: Message, accepted: Accepted, now: int, rest: Message | None = None
    ) -> Message | None: ...

    def hold(self, channel: str, until: float) -> None: ...

    def block(self, channel: str, reason: str, probe_at: float) -> None: ...


class Slack(History, Protocol):
    """The channels of a workspace."""

    def post(self, channel: str, rendered: Rendered, form: Form) -> Answer: ...


def deliver(
    outbox: OutboxTable,
    slack: Slack,
    place: Place,
    channel: str,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    deadline_at: float,
) -> DeliverResult:
    """Post what is owed, no post begun after `deadline_at`; what is left waits for the next run.

    Safe to run twice at once and to be killed anywhere: before a message is posted it is written
    down that its outcome is unknown, and such a message is looked for before it is posted again.

    Raises: TransientError when the table fails.
    """
    way = Way(outbox, channel, clock, sleep, deadline_at)
    run = _Delivery(outbox, slack, place, channel, clock, deadline_at, way)
    stopped_by = None
    try:
        run.run(outbox.read(channel))
    except StopError as stop:
        stopped_by = str(stop)
    return run.tally.result(int(clock()), stopped_by)


@dataclass(slots=True)
class _Delivery:
    """One run."""

    outbox: OutboxTable
    slack: Slack
    place: Place
    channel: str
    clock: Callable[[], float]
    deadline_at: float
    way: Way
    tally: Tally = field(default_factory=Tally)

    def run(self, box: Outbox) -> None:
        """Finish what was begun before, then post what is new."""
        self.tally.begin(box)
        box = self._without_superseded(box)
        messages, fresh = due(box, self.clock()), box.notifications
        if not messages and not fresh:
            return
        self.way.enter(box.lane)
        for message in messages:
            with suppress(StaleError):
                self._resume(message)
        looked = looked_for(self.slack, fresh, self.channel, self.clock(), self.deadline_at)
        for each, ts in looked.found:
            with suppress(StaleError):
                self._settle_found(each, ts)
        for group in grouped(looked.clear):
            with suppress(StaleError):
                self._post(Message(group[0].id, group))
        for group in grouped(looked.suspect):
            with suppress(StaleError):
                self._post(delivery.suspect(group))

    def _without_superseded(self, box: Outbox) -> Outbox:
        """What is left once all is dropped that a batch's end makes superfluous, landed or not."""
        dropped = superseded(box.undelivered)
        notifications, messages = [], []
        for each in box.notifications:
            if each.id in dropped:
                self.outbox.drop(each)
                self.tally.drop(each.id)
            else:
                notifications.append(each)
        for message in box.messages:
            if dropped.issuperset(each.id for each in message.notifications):
                with suppress(StaleError):
                    self.outbox.abandon(message)
                    self.tally.drop(*(each.id for each in message.notifications))
            else:
                messages.append(message)
        return replace(box, notifications=tuple(notifications), messages=tuple(messages))

    def _resume(self, message: Message) -> None:
        since = delivery.to_look_from(message, self.clock())
        if since is None:
            return self._post(message)
        if self.clock() + delivery.LOOK_S > self.deadline_at:
            raise StopError("no time is left")
        message = self.outbox.update(delivery.leased(message, self.clock()))
        try:
            seen = announced(self.slack, message.channel or self.channel, since, self.deadline_at)
        except TransientError as error:
            if message.attempts < delivery.MOST_LOOKS:
                self.outbox.update(delivery.unlooked(message, self.clock(), error.retry_after_s))
                return None
            seen = None
        if seen is None:
            message = delivery.doubtful(message, self.clock())
            if message.parked:
                self._put_back(message)
                return None
        else:
            shown, rest = delivery.parted(message, seen)
            if shown:
                ts = seen[shown.notifications[0].id]
                rest = self._settle(shown, Accepted(ts, message.channel), was_found=True, rest=rest)
            if rest is None:
                return None
            message = rest
        return self._post(message)

    def _settle_found(self, notification: Notification, ts: str) -> None:
        """Write down that it was announced before the table was restored to an earlier time."""
        since = delivery.happened_at(notification)
        found = Message(notification.id, (notification,), unresolved_since=since)
        claimed = self.outbox.claim(delivery.posting(found, self.channel, self.clock()))
        self._settle(claimed, Accepted(ts, self.channel), was_found=True)

    def _post(self, message: Message) -> None:
        self.way.take_slot()
        write = self.outbox.update if message.version else self.outbox.claim
        message = write(delivery.posting(message, self.channel, self.clock()))
        rendered = render(message, self.place, int(self.clock()))
        answer = self.slack.post(self.channel, rendered, message.form)
        self.tally.posts += 1
        if not isinstance(answer, Accepted):
            self.tally.refuse(message, answer.reason)
        match answer:
            case Accepted():
                self._settle(message, answer, was_found=False)
            case RefusedForNow():
                message = self._put_back(delivery.after(answer, message, self.clock()))
                self.outbox.hold(self.channel, message.next_attempt_at)
                self._resume(message)
            case Unacceptable():
                self.way.open()
                message = self._put_back(delivery.after(answer, message, self.clock()))
                if not message.parked:
                    self._resume(message)
            case Unclear(reason):
                self._put_back(delivery.after(answer, message, self.clock()))
                self.outbox.hold(self.channel, self.clock() + delivery.LANDING_S)
                raise StopError(reason)
            case Misconfigured(reason):
                now = self.clock()
                self._put_back(delivery.after(answer, message, now))
                self.outbox.block(self.channel, reason, now + delivery.PROBE_S)
                raise StopError(reason)

    def _put_back(self, message: Message) -> Message:
        self.tally.put_back(message)
        return self.outbox.update(message)

    def _settle(
        self, message: Message, accepted: Accepted, *, was_found: bool, rest: Message | None = None
    ) -> Message | None:
        # Who may read the channel is in it; if it may not post there, the next message finds out.
        self.way.open()
        rest = self.outbox.settle(message, accepted, int(self.clock()), rest)
        self.tally.settle(message, was_found=was_found)
        return rest
