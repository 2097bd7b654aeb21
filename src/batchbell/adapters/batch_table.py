"""The table's batches: the watch, and one record for each batch."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import replace

from batchbell.adapters.dynamodb import (
    ConditionError,
    Item,
    Table,
    UnstorableError,
)
from batchbell.adapters.outbox_table import notification_put, record_key
from batchbell.adapters.recent_table import INDEX_UPDATE, index_values
from batchbell.adapters.table_json import decoded, encoded
from batchbell.domain.batch import TERMINAL, Batch, RequestCounts
from batchbell.domain.errors import PermanentError
from batchbell.domain.notification import Notification
from batchbell.domain.record import Entry, Recorded, Stale
from batchbell.domain.watch import GONE, Watch, Watched

MOST_ENTRIES = 45
"""Entries of one transaction; each writes two items at most, of the 100 that DynamoDB allows."""

_WATCH_KEY = {"pk": {"S": "watch"}, "sk": {"S": "watch"}}


class BatchTable:
    """Reads and writes for polling."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load_watch(self) -> Watch | None:
        """What the last poll left. Raises: TransientError, PermanentError."""
        item = self._table.get("read the watch", _WATCH_KEY)
        if item is None:
            return None
        try:
            return _watch_from(item)
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            raise PermanentError("this version cannot read the watch item in the table") from error

    def save_watch(self, watch: Watch, owed: Sequence[Notification] = ()) -> Watch:
        """Write what this poll leaves, and the notifications it owes, or nothing.

        Raises: StaleError if another poll wrote first; TransientError, PermanentError.
        """
        put: Item = {
            "Item": _watch_item(watch),
            "ConditionExpression": "attribute_not_exists(pk) OR version = :version",
            "ExpressionAttributeValues": {":version": {"N": str(watch.version)}},
        }
        if owed:
            self._table.transact("write the watch", [{"Put": put}, *map(notification_put, owed)])
        else:
            self._table.ask("write the watch", "put_item", **put)
        return replace(watch, version=watch.version + 1)

    def recorded_batch(self, batch_id: str) -> Batch | None:
        """The batch as it was recorded last. Raises: TransientError, PermanentError."""
        item = self._table.get("read a record", record_key(batch_id))
        return decoded(Batch, item["body"]["S"]) if item and "body" in item else None

    def record(self, entries: Sequence[Entry], now: int) -> Recorded:
        """Write each entry's status and the notification it owes, or neither.

        Raises: TransientError, PermanentError; what was written before stays written.
        """
        outcome = Recorded()
        for start in range(0, len(entries), MOST_ENTRIES):
            outcome += self._record(list(entries[start : start + MOST_ENTRIES]), now)
        return outcome

    def _record(self, entries: list[Entry], now: int) -> Recorded:
        if not entries:
            return Recorded()
        writes = [(entry, write) for entry in entries for write in self._writes(entry, now)]
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


def _watch_item(watch: Watch) -> Item:
    """The watch; what is watched is packed, so that a write costs a few units whatever is open."""
    rows = [
        [
            batch_id,
            seen.status,
            seen.created_at,
            seen.expires_at,
            seen.checked_at,
            seen.missing_since,
            counts and [counts.total, counts.completed, counts.failed],
        ]
        for batch_id, seen in watch.watched.items()
        for counts in [seen.request_counts]
    ]
    return {
        **_WATCH_KEY,
        "version": {"N": str(watch.version + 1)},
        "body": {"S": encoded(replace(watch, watched={}, version=0))},
        "watched": {"B": zlib.compress(json.dumps(rows, separators=(",", ":")).encode())},
    }


def _watch_from(item: Item) -> Watch:
    rows = json.loads(zlib.decompress(item["watched"]["B"]))
    watched = {batch_id: _watched_from(*seen) for batch_id, *seen in rows}
    watch = decoded(Watch, item["body"]["S"])
    return replace(watch, watched=watched, version=int(item["version"]["N"]))


def _watched_from(
    status: str,
    created_at: int,
    expires_at: int | None,
    checked_at: int,
    missing_since: int | None,
    counts: list[int] | None,
) -> Watched:
    request_counts = RequestCounts(*counts) if counts else None
    return Watched(status, created_at, expires_at, checked_at, missing_since, request_counts)
