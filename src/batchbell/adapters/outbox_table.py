"""The table's outbox: what is owed to Slack, and the lane into each channel."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from batchbell.adapters.dynamodb import ConditionError, Item, Table
from batchbell.adapters.table_json import decoded, encoded
from batchbell.domain.batch import Batch
from batchbell.domain.errors import StaleError
from batchbell.domain.notification import Accepted, Gone, Message, Notification
from batchbell.domain.outbox import Lane, Outbox
from batchbell.domain.watch import GONE

MOST_READ = 2000
"""Items read in one run; the oldest first, so that what is beyond them waits its turn."""

SECONDS_PER_POST = 1
"""Slack's limit for one channel."""

_OUTBOX = "outbox"
_NOTIFICATION, _MESSAGE, _LANE = "notification#", "message#", "lane#"


class OutboxTable:
    """Reads and writes for delivery. Everything raises TransientError and PermanentError."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, channel: str) -> Outbox:
        """All that is undelivered, and the lane into the channel.

        An item that this version cannot read is left where it is and counted.
        """
        notifications, messages, lane, unreadable = [], [], Lane(), 0
        for item in self._table.query("read the outbox", _OUTBOX, MOST_READ):
            sk = item["sk"]["S"]
            try:
                if sk.startswith(_NOTIFICATION):
                    notifications.append(decoded(Notification, item["body"]["S"]))
                elif sk.startswith(_MESSAGE):
                    messages.append(decoded(Message, item["body"]["S"]))
                elif sk == _LANE + channel:
                    lane = _lane_from(item)
            except (KeyError, TypeError, ValueError, AttributeError):
                unreadable += 1
        return Outbox(tuple(notifications), tuple(messages), lane, unreadable)

    def drop(self, notification: Notification) -> None:
        """Remove a notification that need not be delivered any more."""
        self._table.pace(2)
        self._table.ask("drop a notification", "delete_item", Key=_notification_key(notification))

    def abandon(self, message: Message) -> None:
        """Remove a message, landed or not, that need not be delivered any more. Raises: StaleError."""
        delete = _where_unchanged(message, Key=_key(_MESSAGE + message.id))
        self._table.ask("abandon a message", "delete_item", **delete)

    def claim(self, message: Message) -> Message:
        """Make one message of notifications that nobody has claimed. Raises: StaleError."""
        deletes = [
            {"Delete": _where("attribute_exists(pk)", Key=_notification_key(each))}
            for each in message.notifications
        ]
        claimed = replace(message, version=1)
        put = {"Put": _where("attribute_not_exists(pk)", Item=_message_item(claimed))}
        self._table.transact("claim notifications", [put, *deletes])
        return claimed

    def update(self, message: Message) -> Message:
        """Write the message's new state. Raises: StaleError if another delivery wrote it first."""
        updated = replace(message, version=message.version + 1)
        put = _where_unchanged(message, Item=_message_item(updated))
        self._table.ask("write a message", "put_item", **put)
        return updated

    def settle(
        self, message: Message, accepted: Accepted, now: int, rest: Message | None = None
    ) -> Message | None:
        """Write down in each record where it was announced, and remove the message, or leave the `rest` of it.

        From then on the record of an ended batch may be forgotten; one that is forgotten already is
        left so. Returns the rest as it was written. Raises: StaleError.
        """
        left = replace(rest, version=message.version + 1) if rest else None
        if left:
            settled = {"Put": _where_unchanged(message, Item=_message_item(left))}
        else:
            settled = {"Delete": _where_unchanged(message, Key=_key(_MESSAGE + message.id))}
        records = [
            {"Update": self._announced(batch, statuses, accepted, now)}
            for batch, statuses in _announced_batches(message)
        ]
        try:
            self._table.transact("settle a message", [settled, *records])
        except ConditionError as error:
            overtaken, *forgotten = error.found
            if overtaken is not None:
                raise
            there = [each for each, found in zip(records, forgotten, strict=True) if found is None]
            self._table.transact("settle a message", [settled, *there])
        return left

    def take_slot(self, channel: str, now: float) -> float:
        """Take the channel's next slot and return 0, or return the seconds to wait for it."""
        try:
            self._update_lane(
                "take a slot",
                channel,
                "SET not_before = :next",
                "attribute_not_exists(not_before) OR not_before <= :now",
                now=now,
                next=now + SECONDS_PER_POST,
            )
        except ConditionError as error:
            return max(_lane_from(error.found[0] or {}).not_before - now, 0.001)
        return 0

    def hold(self, channel: str, until: float) -> None:
        """Let nobody post to the channel before then."""
        condition = "attribute_not_exists(not_before) OR not_before < :until"
        with suppress(StaleError):
            self._update_lane("hold a channel", channel, "SET not_before = :until", condition, until=until)

    def block(self, channel: str, reason: str, probe_at: float) -> None:
        """Let nobody post to the channel but one probe from `probe_at` on."""
        update = "SET blocked = :reason, probe_at = :probe_at"
        self._update_lane("block a channel", channel, update, reason=reason, probe_at=probe_at)

    def take_probe(self, channel: str, now: float, next_at: float) -> None:
        """Take the one probe that is due. Raises: StaleError if another delivery took it."""
        update, condition = "SET probe_at = :next_at", "probe_at <= :now"
        self._update_lane("take the probe", channel, update, condition, now=now, next_at=next_at)

    def call_probe(self, channel: str) -> None:
        """Let the next delivery try a blocked channel. Raises: StaleError if it is blocked no more."""
        update, condition = "SET probe_at = :at_once", "attribute_exists(blocked)"
        self._update_lane("call the probe", channel, update, condition, at_once=0)

    def unblock(self, channel: str) -> None:
        """Let everyone post to the channel again."""
        self._update_lane("unblock a channel", channel, "REMOVE blocked, probe_at")

    def _update_lane(
        self, call: str, channel: str, update: str, condition: str = "", **values: float | str
    ) -> None:
        request: Item = {"Key": _key(_LANE + channel), "UpdateExpression": update}
        if condition:
            request |= _where(condition, ReturnValuesOnConditionCheckFailure="ALL_OLD")
        if values:
            typed = {f":{name}": _typed(value) for name, value in values.items()}
            request["ExpressionAttributeValues"] = typed
        self._table.ask(call, "update_item", **request)

    def _announced(self, batch: Batch, statuses: list[str], accepted: Accepted, now: int) -> dict[str, Any]:
        where = {"ts": {"S": accepted.ts}, "channel": {"S": accepted.channel}}
        values: Item = {
            ":none": {"L": []},
            ":announced": {"L": [{"M": {"status": {"S": each}, **where}} for each in statuses]},
        }
        update = "SET announced = list_append(if_not_exists(announced, :none), :announced)"
        if batch.is_terminal:
            update += ", #ttl = :ttl"
            values[":ttl"] = {"N": str(now + self._table.retention_s)}
        request = _where("attribute_exists(pk)", Key=record_key(batch.id), UpdateExpression=update)
        names = {"ExpressionAttributeNames": {"#ttl": "ttl"}} if ":ttl" in values else {}
        return {**request, **names, "ExpressionAttributeValues": values}


def record_key(batch_id: str) -> Item:
    """The key of a batch's record."""
    return {"pk": {"S": f"batch#{batch_id}"}, "sk": {"S": "record"}}


def notification_put(notification: Notification) -> Item:
    """The write, for a transaction, that puts a notification into the outbox."""
    item = {**_notification_key(notification), "body": {"S": encoded(notification)}}
    return {"Put": {"Item": item}}


def _announced_batches(message: Message) -> list[tuple[Batch, list[str]]]:
    """The batches of a message, each once, with the statuses that it announces of them."""
    batches: dict[str, tuple[Batch, list[str]]] = {}
    for each in message.notifications:
        subject = each.subject
        batch = subject.batch if isinstance(subject, Gone) else subject
        if isinstance(batch, Batch):
            status = GONE if isinstance(subject, Gone) else batch.status
            _, statuses = batches.get(batch.id, (batch, []))
            batches[batch.id] = (batch, [*statuses, status])
    return list(batches.values())


def _key(sk: str) -> Item:
    return {"pk": {"S": _OUTBOX}, "sk": {"S": sk}}


def _where(condition: str, **request: Any) -> Item:
    return {"ConditionExpression": condition, **request}


def _where_unchanged(message: Message, **request: Any) -> Item:
    values = {":version": {"N": str(message.version)}}
    return _where("version = :version", ExpressionAttributeValues=values, **request)


def _notification_key(notification: Notification) -> Item:
    return _key(f"{_NOTIFICATION}{notification.recorded_at:011d}#{notification.id}")


def _message_item(message: Message) -> Item:
    version = {"N": str(message.version)}
    return {**_key(_MESSAGE + message.id), "version": version, "body": {"S": encoded(message)}}


def _lane_from(item: Item) -> Lane:
    blocked = item.get("blocked", {}).get("S")
    not_before, probe_at = (float(item[key]["N"]) if key in item else 0 for key in ("not_before", "probe_at"))
    return Lane(not_before, blocked, probe_at)


def _typed(value: float | str) -> Item:
    return {"S": value} if isinstance(value, str) else {"N": f"{value:.3f}"}
