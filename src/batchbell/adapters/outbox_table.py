"""The table's outbox: what is owed to Slack, and the lane into each channel."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from batchbell.adapters.dynamodb import ConditionError, Item, ask
from batchbell.adapters.table_json import decoded, encoded
from batchbell.domain.batch import Batch
from batchbell.domain.delivery import Lane, Outbox
from batchbell.domain.errors import StaleError
from batchbell.domain.notification import Accepted, Gone, Message, Notification
from batchbell.domain.watch import GONE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_READ = 2000
"""Items read in one run; the oldest first, so that what is beyond them waits its turn."""

SECONDS_PER_POST = 1
"""Slack's limit for one channel."""

_NOTIFICATION, _MESSAGE, _LANE = "notification#", "message#", "lane#"


class OutboxTable:
    """Reads and writes for delivery. Everything raises TransientError and PermanentError."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table_name: str,
        retention_s: int,
        sleep: Callable[[float], None],
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._retention_s = retention_s
        self._sleep = sleep

    def read(self, channel: str) -> Outbox:
        """All that is undelivered, and the lane into the channel.

        An item that this version cannot read is left where it is and counted.
        """
        notifications, messages, lane, unreadable = [], [], Lane(), 0
        for item in self._items():
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
        request = {"TableName": self._table_name, "Key": _notification_key(notification)}
        self._ask("drop a notification", self._client.delete_item, request)

    def claim(self, message: Message) -> Message:
        """Make one message of notifications that nobody has claimed. Raises: StaleError."""
        deletes = [
            {"Delete": self._where("attribute_exists(pk)", Key=_notification_key(each))}
            for each in message.notifications
        ]
        claimed = replace(message, version=1)
        put = {"Put": self._where("attribute_not_exists(pk)", Item=_message_item(claimed))}
        self._transact("claim notifications", [put, *deletes])
        return claimed

    def update(self, message: Message) -> Message:
        """Write the message's new state. Raises: StaleError if another delivery wrote it first."""
        updated = replace(message, version=message.version + 1)
        put = self._where(
            "version = :version",
            Item=_message_item(updated),
            ExpressionAttributeValues={":version": {"N": str(message.version)}},
        )
        self._ask("write a message", self._client.put_item, put)
        return updated

    def settle(self, message: Message, accepted: Accepted, now: int) -> None:
        """Remove the message, and write down in each record where it was announced.

        From then on the record of an ended batch may be forgotten. Raises: StaleError.
        """
        delete = self._where(
            "version = :version",
            Key=_key(_MESSAGE + message.id),
            ExpressionAttributeValues={":version": {"N": str(message.version)}},
        )
        records = [
            {"Update": self._announced(batch, statuses, accepted, now)}
            for batch, statuses in _announced_batches(message)
        ]
        self._transact("settle a message", [{"Delete": delete}, *records])

    def take_slot(self, channel: str, now: float) -> float:
        """Take the channel's next slot and return 0, or return the seconds to wait for it."""
        next_at = _number(now + SECONDS_PER_POST)
        update = self._where(
            "attribute_not_exists(not_before) OR not_before <= :now",
            Key=_key(_LANE + channel),
            UpdateExpression="SET not_before = :next",
            ExpressionAttributeValues={":now": _number(now), ":next": next_at},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        try:
            self._ask("take a slot", self._client.update_item, update)
        except ConditionError as error:
            found = error.found[0] or {}
            return max(_lane_from(found).not_before - now, 0.001)
        return 0

    def hold(self, channel: str, until: float) -> None:
        """Let nobody post to the channel before then."""
        update = self._where(
            "attribute_not_exists(not_before) OR not_before < :until",
            Key=_key(_LANE + channel),
            UpdateExpression="SET not_before = :until",
            ExpressionAttributeValues={":until": _number(until)},
        )
        with suppress(StaleError):
            self._ask("hold a channel", self._client.update_item, update)

    def block(self, channel: str, reason: str, probe_at: float) -> None:
        """Let nobody post to the channel but one probe from `probe_at` on."""
        update = {
            "TableName": self._table_name,
            "Key": _key(_LANE + channel),
            "UpdateExpression": "SET blocked = :reason, probe_at = :probe_at",
            "ExpressionAttributeValues": {":reason": {"S": reason}, ":probe_at": _number(probe_at)},
        }
        self._ask("block a channel", self._client.update_item, update)

    def take_probe(self, channel: str, now: float, next_at: float) -> None:
        """Take the one probe that is due. Raises: StaleError if another delivery took it."""
        update = self._where(
            "probe_at <= :now",
            Key=_key(_LANE + channel),
            UpdateExpression="SET probe_at = :next",
            ExpressionAttributeValues={":now": _number(now), ":next": _number(next_at)},
        )
        self._ask("take the probe", self._client.update_item, update)

    def unblock(self, channel: str) -> None:
        """Let everyone post to the channel again."""
        update = {
            "TableName": self._table_name,
            "Key": _key(_LANE + channel),
            "UpdateExpression": "REMOVE blocked, probe_at",
        }
        self._ask("unblock a channel", self._client.update_item, update)

    def _items(self) -> list[Item]:
        query = {
            "TableName": self._table_name,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": "outbox"}},
            "ConsistentRead": True,
            "PaginationConfig": {"MaxItems": MOST_READ},
        }
        pages = self._client.get_paginator("query")
        items: list[Item] = self._ask("read the outbox", _all_items(pages), query)
        return items

    def _transact(self, call: str, writes: list[Any]) -> None:
        self._ask(call, self._client.transact_write_items, {"TransactItems": writes})

    def _ask(self, call: str, operation: Callable[..., Any], request: Any) -> Any:
        return ask(call, lambda: operation(**request), self._sleep)

    def _where(self, condition: str, **request: Any) -> Any:
        return {"TableName": self._table_name, "ConditionExpression": condition, **request}

    def _announced(self, batch: Batch, statuses: list[str], accepted: Accepted, now: int) -> dict[str, Any]:
        where = {"ts": {"S": accepted.ts}, "channel": {"S": accepted.channel}}
        values: Item = {
            ":none": {"L": []},
            ":announced": {"L": [{"M": {"status": {"S": each}, **where}} for each in statuses]},
        }
        update = "SET announced = list_append(if_not_exists(announced, :none), :announced)"
        if batch.is_terminal or GONE in statuses:
            update += ", #ttl = :ttl"
            values[":ttl"] = {"N": str(now + self._retention_s)}
        return {
            "TableName": self._table_name,
            "Key": record_key(batch.id),
            "UpdateExpression": update,
            "ExpressionAttributeValues": values,
            **({"ExpressionAttributeNames": {"#ttl": "ttl"}} if ":ttl" in values else {}),
        }


def record_key(batch_id: str) -> Item:
    """The key of a batch's record."""
    return {"pk": {"S": f"batch#{batch_id}"}, "sk": {"S": "record"}}


def notification_put(table_name: str, notification: Notification) -> Any:
    """The write, for a transaction, that puts a notification into the outbox."""
    item = {**_notification_key(notification), "body": {"S": encoded(notification)}}
    return {"Put": {"TableName": table_name, "Item": item}}


def _all_items(paginator: Any) -> Callable[..., list[Item]]:
    return lambda **query: paginator.paginate(**query).build_full_result().get("Items", [])


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
    return {"pk": {"S": "outbox"}, "sk": {"S": sk}}


def _notification_key(notification: Notification) -> Item:
    return _key(f"{_NOTIFICATION}{notification.recorded_at:011d}#{notification.id}")


def _message_item(message: Message) -> Item:
    version = {"N": str(message.version)}
    return {**_key(_MESSAGE + message.id), "version": version, "body": {"S": encoded(message)}}


def _lane_from(item: Item) -> Lane:
    blocked = item.get("blocked", {}).get("S")
    not_before, probe_at = (float(item[key]["N"]) if key in item else 0 for key in ("not_before", "probe_at"))
    return Lane(not_before, blocked, probe_at)


def _number(value: float) -> Item:
    return {"N": f"{value:.3f}"}
