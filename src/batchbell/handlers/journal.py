"""Journal: what becomes of each batch, told in the log, so that it can be followed by its id."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from batchbell.adapters.batch_table import BatchTable
from batchbell.adapters.outbox_table import OutboxTable
from batchbell.domain.message.rendered import Rendered
from batchbell.domain.notification import Accepted, Answer, Form, Message, Notification
from batchbell.domain.record import Entry, Recorded

if TYPE_CHECKING:
    from batchbell.adapters.slack_messages import SlackMessages

logger = Logger()


class JournaledBatchTable(BatchTable):
    """Tells each transition once it is written."""

    def record(self, entries: Sequence[Entry], now: int) -> Recorded:
        recorded = super().record(entries, now)
        history = []
        for entry in recorded.stored:
            if entry.is_history:
                history.append(entry.transition.batch.id)
            else:
                _tell(entry)
        if history:
            # A list that is met for the first time may hold thousands of them: a line for each page is enough.
            logger.info("Recorded, not announced: ended when first met", batch_ids=history)
        return recorded


class JournaledOutboxTable(OutboxTable):
    """Tells when something leaves the outbox, or is set aside for a person."""

    def drop(self, notification: Notification) -> None:
        super().drop(notification)
        logger.info("Superseded by the batch's end", ids=[notification.id])

    def abandon(self, message: Message) -> None:
        super().abandon(message)
        logger.info("Superseded by the batch's end", ids=_ids(message))

    def update(self, message: Message) -> Message:
        updated = super().update(message)
        if message.parked:
            logger.info("Parked", ids=_ids(message), reason=message.parked)
        return updated

    def settle(
        self, message: Message, accepted: Accepted, now: int, rest: Message | None = None
    ) -> Message | None:
        left = super().settle(message, accepted, now, rest)
        logger.info("Delivered", ids=_ids(message), ts=accepted.ts, channel=accepted.channel)
        return left


@dataclass(frozen=True, slots=True)
class JournaledSlack:
    """Tells what Slack makes of each post.

    It is connected when there is something to post: most runs post nothing, and its SDK starts slowly.
    """

    connected: Callable[[], "SlackMessages"]

    def post(self, channel: str, rendered: Rendered, form: Form) -> Answer:
        answer = self.connected().post(channel, rendered, form)
        reason = None if isinstance(answer, Accepted) else answer.reason
        logger.info("Posted", ids=rendered.ids, answer=type(answer).__name__, reason=reason)
        return answer

    def announced(self, channel: str, since: float, *, deadline_at: float) -> dict[str, str]:
        return self.connected().announced(channel, since, deadline_at=deadline_at)


def _tell(entry: Entry) -> None:
    logger.info(
        "Recorded",
        batch_id=entry.transition.batch.id,
        old_status=entry.transition.old_status,
        status=entry.transition.batch.status,
        is_announced=entry.owed is not None,
    )


def _ids(message: Message) -> list[str]:
    return [each.id for each in message.notifications]
