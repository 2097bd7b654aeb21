"""The table's batches: the watch, and one record for each batch."""

import math
import zlib
from collections.abc import Iterator, Sequence

from batchbell.adapters.dynamodb import (
    ConditionError,
    Item,
    Table,
    UnstorableError,
)
from batchbell.adapters.outbox_table import notification_put, record_key
from batchbell.adapters.recent_table import INDEX_UPDATE, index_values
from batchbell.adapters.table_json import decoded, encoded
from batchbell.adapters.watch_items import HEAD_KEY, SIZES, Sizes, head_from, items_of, shard_key, with_shards
from batchbell.domain.batch import TERMINAL, Batch
from batchbell.domain.errors import PermanentError, TransientError
from batchbell.domain.notification import Notification
from batchbell.domain.record import Entry, Recorded, Stale
from batchbell.domain.watch import GONE, Watch

MOST_WRITES = 100
"""Of one transaction; DynamoDB takes no more."""

_READ_TRIES = 3

_READ_AT_ONCE = (HEAD_KEY, shard_key(0))
"""Most watches have no shard, and most others one: to look for it at once costs a read unit, not a request."""


class BatchTable:
    """Reads and writes for polling; `sizes` are those of the watch's items."""

    def __init__(self, table: Table, sizes: Sizes = SIZES) -> None:
        self._table = table
        self._sizes = sizes

    def load_watch(self) -> Watch | None:
        """What the last poll left. Raises: TransientError, PermanentError."""
        for _ in range(_READ_TRIES):
            items = {each["pk"]["S"]: each for each in self._table.get_many("read the watch", _READ_AT_ONCE)}
            item = items.pop(HEAD_KEY["pk"]["S"], None)
            if item is None:
                return None
            try:
                head = head_from(item)
                keys = [key for shard in head.shards if (key := shard_key(shard.number)) not in _READ_AT_ONCE]
                shards = [*items.values(), *self._table.get_many("read the watch", keys)]
                watch = with_shards(head, shards)
            except (KeyError, TypeError, ValueError, zlib.error) as error:
                raise PermanentError("this version cannot read the watch item in the table") from error
            if watch:
                return watch
        raise TransientError("read the watch: it was written again and again meanwhile")

    def save_watch(self, watch: Watch, owed: Sequence[Notification] = ()) -> Watch:
        """Write what this poll leaves, and the notifications it owes, or nothing.

        Raises: StaleError if another poll wrote first; TransientError, PermanentError.
        """
        written, head, writes = items_of(watch, self._sizes)
        writes += map(notification_put, owed)
        put: Item = {
            "Item": head,
            "ConditionExpression": "attribute_not_exists(pk) OR version = :version",
            "ExpressionAttributeValues": {":version": {"N": str(watch.version)}},
        }
        if writes:
            self._table.transact("write the watch", [{"Put": put}, *writes])
        else:
            self._table.ask("write the watch", "put_item", **put)
        return written

    def recorded_batch(self, batch_id: str) -> Batch | None:
        """The batch as it was recorded last. Raises: TransientError, PermanentError."""
        item = self._table.get("read a record", record_key(batch_id))
        return decoded(Batch, item["body"]["S"]) if item and "body" in item else None

    def record(self, entries: Sequence[Entry], now: int) -> Recorded:
        """Write each entry's status and the notification it owes, or neither.

        Raises: TransientError, PermanentError; what was written before stays written.
        """
        outcome = Recorded()
        for some in _that_fit(entries):
            outcome += self._record(some, now)
        return outcome

    def _record(self, entries: list[Entry], now: int) -> Recorded:
        if not entries:
            return Recorded()
        writes = [(entry, write) for entry in entries for write in self._writes(entry, now)]
        self._table.pace(max(len(entries), sum(_outbox_units(write) for _, write in writes)))
        try:
            self._table.transact("record transitions", [write for _, write in writes])
        except ConditionError as error:
            pairs = zip(writes, error.found, strict=True)
            stale = {id(entry): _stale(entry, found) for (entry, _), found in pairs if found is not None}
            rest = [entry for entry in entries if id(entry) not in stale]
            return Recorded(stale=tuple(stale.values())) + self._record(rest, now)
        except UnstorableError:
            if len(entries) == 1:
                return Recorded(unstorable=tuple(entries))
            half = len(entries) // 2
            return self._record(entries[:half], now) + self._record(entries[half:], now)
        return Recorded(stored=tuple(entries))

    def _writes(self, entry: Entry, now: int) -> list[Item]:
        """The record's update, on condition of the old status, and the notification's put.

        A record past its time to live is as good as deleted: DynamoDB takes days to do it. It has
        no such time while it is open, or while something about it is undelivered.
        """
        transition, batch = entry.transition, entry.transition.batch
        is_over = (batch.status in TERMINAL and not entry.owed) or batch.status == GONE
        values: Item = {
            ":status": {"S": batch.status},
            ":body": {"S": encoded(batch)},
            ":now": {"N": str(now)},
            ":told": {"L": [{"S": batch.status}] if entry.owed else []},
            **index_values(batch, now),
        }
        told, condition = ":told", "(attribute_not_exists(#status) OR #ttl < :now)"
        if transition.old_status is not None:
            told, condition = "list_append(if_not_exists(told, :none), :told)", "#status = :old"
            values |= {":none": {"L": []}, ":old": {"S": transition.old_status}}
            if entry.owed:
                condition += " AND NOT contains(told, :status)"
        update = f"SET #status = :status, body = :body, recorded_at = :now, told = {told}, {INDEX_UPDATE}"
        if is_over:
            update += ", #ttl = :ttl"
            values[":ttl"] = {"N": str(now + self._table.retention_s)}
        else:
            update += " REMOVE #ttl"
        record = {
            "Key": record_key(batch.id),
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#status": "status", "#ttl": "ttl"},
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        puts = [notification_put(entry.owed)] if entry.owed else []
        return [{"Update": record}, *puts]


def _stale(entry: Entry, found: Item) -> Stale:
    told = frozenset(each["S"] for each in found.get("told", {"L": []})["L"])
    return Stale(entry, found.get("status", {}).get("S"), told)


def _that_fit(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """The entries, in parts that one transaction can write."""
    some: list[Entry] = []
    writes = 0
    for entry in entries:
        needed = 2 if entry.owed else 1
        if writes + needed > MOST_WRITES:
            yield some
            some, writes = [], 0
        some.append(entry)
        writes += needed
    yield some


def _outbox_units(write: Item) -> int:
    """What the write takes of the outbox's partition; a transaction's writes count twice.

    Of the index's partition each record takes one unit.
    """
    return 2 * math.ceil(len(write["Put"]["Item"]["body"]["S"]) / 1000) if "Put" in write else 0
