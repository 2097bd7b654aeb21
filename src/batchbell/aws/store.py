"""The table: every key and every kind of item.

| pk           | sk                   | what it holds
| ------------ | -------------------- | ----------------------------------------------------------------
| `state`      | `state`              | the poll state
| `batch#<id>` | `record`             | a batch: its status, itself, the statuses that were announced
| `outbox`     | `#channel#<id>`      | from when on, and whether, a channel takes messages
| `outbox`     | `<time>#<id>`        | a notification that is not sent yet

The index `by_creation` has all records in the order of their creation. The index `open` has only the
records with the attribute `open_in`, which names server and project: open and deleted batches.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

from batchbell.aws.dynamodb import UNITS_PER_S, ConditionError, Item, RejectedError, Table, expression, plain, typed
from batchbell.aws.encoding import decoded, encoded
from batchbell.errors import ConflictError, PermanentError
from batchbell.models import DELETED, Batch, Notification, RequestCounts, Status, has_failures
from batchbell.records import Change, Outbox, PollState, Record, Recorded, RecordPage, RecordResult

MAX_CHANGES = 50  # of one transaction, which takes 100 writes: a record and a notification for each
_STATE = {"pk": "state", "sk": "state"}
_KIND = "batch"  # all records are one partition of `by_creation`, which takes 1,000 writes a second
_MAX_OUTBOX = 2000
_MAX_PAGES = 8  # a rare status is searched for in so many pages of 1 MB, some 40,000 records
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError)


class Store:
    """Reads and writes of the table; `retention_s` is how long an ended batch is remembered.

    Everything raises TransientError and PermanentError; writes raise ConflictError where another run was first.
    """

    def __init__(self, client: Any, table_name: str, *, retention_s: int = 0, **sleep: Any) -> None:
        self._table = Table(client, table_name, **sleep)
        self._retention_s = retention_s

    # The poll state

    def load_state(self) -> PollState | None:
        """Return what the last poll left."""
        found = self._table.get_many("read the poll state", [_key(**_STATE)])
        if not found:
            return None
        try:
            state = plain(found[0])
            return replace(decoded(PollState, state["body"]), version=state["version"])
        except _UNREADABLE as error:
            raise PermanentError("this version cannot read the poll state in the table") from error

    def save_state(self, state: PollState, notifications: Sequence[Notification] = ()) -> PollState:
        """Write what this poll leaves, and notifications about the bot itself, or nothing."""
        saved = replace(state, version=state.version + 1)
        condition = "attribute_not_exists(#pk) OR #version = :version"
        put = {
            "Item": _item(**_STATE, version=saved.version, body=encoded(replace(saved, version=0))),
            **expression({"version": state.version}, ConditionExpression=condition),
        }
        if notifications:
            self._table.transact("write the poll state", [{"Put": put}, *map(_put, notifications)])
        else:
            self._table.request("write the poll state", "put_item", **put)
        return saved

    # Records

    def open_batches(self, scope: str) -> dict[str, Recorded]:
        """Return the open and deleted batches of a server and project by id, oldest first; the index lags."""
        request = expression({"scope": scope}, KeyConditionExpression="#open_in = :scope")
        items = self._table.query("read open batches", IndexName="open", **request)
        return {_batch_id(item): recorded for item in map(plain, items) if (recorded := _recorded(item, 0))}

    def recorded(self, batch_ids: Iterable[str], now: int) -> dict[str, Recorded]:
        """Return what is recorded of these batches, by id.

        A record past its time to live is as good as deleted: DynamoDB takes days to do it.
        """
        items = map(plain, self._table.get_many("read records", [_record_key(each) for each in batch_ids]))
        return {_batch_id(item): recorded for item in items if (recorded := _recorded(item, now))}

    def record(self, changes: Sequence[Change], scope: str, now: int) -> RecordResult:
        """Write each change with its notification; what was written before an error stays written."""
        result = RecordResult()
        for start in range(0, len(changes), MAX_CHANGES):
            self._record(changes[start : start + MAX_CHANGES], scope, now, result)
        return result

    def _record(self, changes: Sequence[Change], scope: str, now: int, result: RecordResult) -> None:
        if not changes:
            return
        writes = [(change, write) for change in changes for write in self._writes(change, scope, now)]
        # The outbox is one partition too, and a transaction's writes count twice.
        outbox_bytes = sum(len(str(write)) for _, write in writes if "Put" in write)
        self._table.sleep(max(len(changes), outbox_bytes / 500) / UNITS_PER_S)
        try:
            self._table.transact("record changes", [write for _, write in writes])
        except ConditionError as error:
            pairs = zip(writes, error.found, strict=True)
            conflicts = {id(change): (change, found) for (change, _), found in pairs if found is not None}
            result.conflicts += [(change, _recorded(plain(found), now)) for change, found in conflicts.values()]
            self._record([each for each in changes if id(each) not in conflicts], scope, now, result)
        except RejectedError:
            result.rejected += changes if len(changes) == 1 else []
            for change in changes if len(changes) > 1 else ():  # one of them, or all together
                self._record([change], scope, now, result)
        else:
            result.stored += changes

    def _writes(self, change: Change, scope: str, now: int) -> Iterator[Item]:
        """Yield the record's update, on condition of the old status, and the notification's put."""
        batch, counts = change.batch, change.batch.request_counts
        # No time to live while it is open, or while its end is not sent.
        is_sent = batch.status == DELETED or not change.notification
        expires = not batch.is_open and is_sent and _may_expire(batch)
        values: dict[str, Any] = {
            "status": batch.status,
            "body": encoded(batch),
            "recorded_at": now,
            "kind": _KIND,
            "created": position_of(batch, now),
            "has_failures": has_failures(batch),
            "open_in": scope if batch.is_open or batch.status == DELETED else None,
            "expires_at": batch.expires_at,
            "counts": f"{counts.total} {counts.completed} {counts.failed}" if counts else None,
            "missing_since": change.missing_since,
            "unconfirmed_since": change.unconfirmed_since,
            "ttl": now + self._retention_s if expires else None,
        }
        kept = {name: value for name, value in values.items() if value is not None}
        # A batch keeps its position, also on a server that does not say when it was created.
        sets = ", ".join(
            f"#{name} = {'if_not_exists(#created, :created)' if name == 'created' else f':{name}'}" for name in kept
        )
        removes = ", ".join(f"#{name}" for name in values if name not in kept)
        adds = " ADD #announced :announced" if change.notification else ""
        condition = "(attribute_not_exists(#status) OR #ttl < :now)"
        if change.old_status is not None:
            condition = "#status = :old"
            condition += " AND NOT contains(#announced, :status)" if change.notification else ""
            condition += " AND #missing_since = :missing_since" if batch.status == DELETED else ""
        texts = {"UpdateExpression": f"SET {sets} REMOVE {removes}{adds}", "ConditionExpression": condition}
        kept |= {"old": change.old_status, "now": now, "announced": {batch.status}}
        update = {"Key": _record_key(batch.id), **expression(kept, **texts)}
        yield {"Update": {**update, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}
        if change.notification:
            yield _put(change.notification)

    def set_missing(self, batch_id: str, status: str, missing_since: int) -> None:
        """Note the first 404 of a batch, if its status is still this one."""
        request = expression(
            {"missing_since": missing_since, "status": status},
            UpdateExpression="SET #missing_since = :missing_since",
            ConditionExpression="#status = :status",
        )
        self._table.request("note a 404", "update_item", Key=_record_key(batch_id), **request)

    def add_error_summary(self, batch: Batch, notification: Notification | None) -> None:
        """Write an ended batch with its error summary, if its status, and its notification, are as they were recorded."""
        values = {"body": encoded(batch), "status": batch.status}
        texts = {"UpdateExpression": "SET #body = :body", "ConditionExpression": "#status = :status"}
        writes = [{"Update": {"Key": _record_key(batch.id), **expression(values, **texts)}}]
        if notification:
            new = replace(notification, subject=batch, version=notification.version + 1)
            writes.append({"Put": {**_put(new)["Put"], **_if_unchanged(notification)}})
        self._table.transact("add an error summary", writes)

    def find(self, batch_id: str) -> Record | None:
        """Return the batch as it was recorded last."""
        return self._find([batch_id]).get(batch_id)

    def _find(self, batch_ids: Sequence[str]) -> dict[str, Record]:
        """Return these records; one that this version cannot read is left out."""
        found = {}
        for item in map(plain, self._table.get_many("read records", [_record_key(each) for each in batch_ids])):
            with suppress(*_UNREADABLE):
                found[_batch_id(item)] = Record(decoded(Batch, item["body"]), item["created"], item.get("open_in"))
        return found

    def list_records(
        self,
        status: str,
        count: int,
        *,
        older_than: str | None = None,
        newer_than: str | None = None,
        scope: str = "-",
        now: int,
    ) -> RecordPage:
        """Return a page of records, newest first.

        `status` is `all`, `open` (of this scope), or a status; `failed` includes completed batches with
        failed requests, `problems` also the expired. The page begins at either position, or at the newest record.
        """
        values = {"kind": _KIND, "scope": scope, "now": now, "status": status, "yes": True, "gone": DELETED}
        values |= {"failed": Status.FAILED.value, "expired": Status.EXPIRED.value}
        values["position"] = newer_than or older_than or ""
        index, key = ("open", "#open_in = :scope") if status == "open" else ("by_creation", "#kind = :kind")
        if newer_than or older_than:
            key += f" AND #created {'>' if newer_than else '<'} :position"
        wanted = {
            "all": "",
            "open": " AND #status <> :gone",
            "failed": " AND (#status = :failed OR #has_failures = :yes)",
            "problems": " AND (#status = :failed OR #status = :expired OR #has_failures = :yes)",
        }.get(status, " AND #status = :status")
        items = self._table.query(
            "list records",
            max_pages=_MAX_PAGES,
            IndexName=index,
            ScanIndexForward=newer_than is not None,
            **({} if wanted else {"Limit": 100}),
            **expression(
                values,
                KeyConditionExpression=key,
                FilterExpression=f"(attribute_not_exists(#ttl) OR #ttl > :now){wanted}",
            ),
        )
        ids = [_batch_id(plain(item)) for item in islice(items, count + 1)]
        has_more, ids = len(ids) > count, ids[:count]
        found = self._find(ids)
        records = [found[each] for each in (reversed(ids) if newer_than else ids) if each in found]
        has_older, has_newer = (True, has_more) if newer_than else (has_more, older_than is not None)
        return RecordPage(tuple(records), has_older, has_newer)

    # The outbox

    def outbox(self, channel: str) -> Outbox:
        """Return all that is not sent, oldest first; an item that this version cannot read is counted."""
        notifications, state, unreadable = [], dict[str, Any](), 0
        request = expression({"pk": "outbox"}, KeyConditionExpression="#pk = :pk")
        items = self._table.query("read the outbox", ConsistentRead=True, **request)
        for item in map(plain, islice(items, _MAX_OUTBOX)):
            if item["sk"] == _channel_sk(channel):
                state = item
            elif not item["sk"].startswith(_channel_sk("")):
                try:
                    notifications.append(replace(decoded(Notification, item["body"]), version=item["version"]))
                except _UNREADABLE:
                    unreadable += 1
        blocked_reason = state.get("blocked_reason")
        return Outbox(tuple(notifications), state.get("not_before", 0), blocked_reason, unreadable)

    def save(self, notifications: Sequence[Notification]) -> list[Notification]:
        """Write these notifications, all or none, if none was written since it was read."""
        saved = [replace(each, version=each.version + 1) for each in notifications]
        puts = [_put(new)["Put"] | _if_unchanged(old) for new, old in zip(saved, notifications, strict=True)]
        self._table.transact("write notifications", [{"Put": put} for put in puts])
        return saved

    def remove(self, notifications: Sequence[Notification], sent_at: int | None = None) -> None:
        """Remove notifications that were sent, or need not be sent any more (`sent_at` None).

        The record of a batch whose end was sent may expire from then on.
        """
        deletes = [
            {"Delete": {"Key": _key("outbox", _outbox_sk(each)), **_if_unchanged(each)}} for each in notifications
        ]
        ended = {
            each.subject.id
            for each in notifications
            if isinstance(each.subject, Batch) and each.subject.is_terminal and _may_expire(each.subject)
        }
        updates = []
        if sent_at is not None:
            update = expression({"ttl": sent_at + self._retention_s}, UpdateExpression="SET #ttl = :ttl")
            updates = [{"Update": {"Key": _record_key(each), **update}} for each in sorted(ended)]
        self._table.transact("remove notifications", [*deletes, *updates])

    def unpark(self, channel: str) -> None:
        """Make all that is parked due now, and let a blocked channel be tried at once."""
        outbox = self.outbox(channel)
        for each in outbox.parked:
            with suppress(ConflictError):  # a run has just taken it
                self.save([replace(each, due_at=0, attempts=0, text_only=False)])
        if outbox.blocked_reason:
            self.set_channel(channel, 0, outbox.blocked_reason)

    # Channels

    def take_turn(self, channel: str, now: float, hold_s: float) -> float:
        """Reserve the channel for `hold_s` and return 0, or return how many seconds to wait for it."""
        condition = "attribute_not_exists(#not_before) OR #not_before <= :now"
        try:
            self._update_channel(channel, "SET #not_before = :until", condition, until=now + hold_s, now=now)
        except ConditionError as error:
            return max(float(plain(error.found[0] or {}).get("not_before", now)) - now, 0.001)
        return 0

    def hold(self, channel: str, until: float) -> None:
        """Let nobody post to the channel before then."""
        condition = "attribute_not_exists(#not_before) OR #not_before < :until"
        with suppress(ConditionError):  # it is held for longer already
            self._update_channel(channel, "SET #not_before = :until", condition, until=until)

    def set_channel(self, channel: str, not_before: float, blocked_reason: str | None = None) -> None:
        """Note why Slack refuses the channel, which is tried again after `not_before`, or that it does not."""
        reason = ", #blocked_reason = :reason" if blocked_reason else " REMOVE #blocked_reason"
        values: dict[str, Any] = {"not_before": not_before, "reason": blocked_reason}
        self._update_channel(channel, f"SET #not_before = :not_before{reason}", **values)

    def _update_channel(self, channel: str, update: str, condition: str = "", **values: Any) -> None:
        texts = {"UpdateExpression": update, **({"ConditionExpression": condition} if condition else {})}
        options = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if condition else {}
        request = {"Key": _key("outbox", _channel_sk(channel)), **expression(values, **texts), **options}
        self._table.request("update the channel", "update_item", **request)


def position_of(batch: Batch, now: int) -> str:
    """Return what sorts batches by creation, ties by id; bounded, as a key in DynamoDB is."""
    created_at = now if batch.created_at is None else min(batch.created_at, now)
    return f"{max(created_at, 0):011d}#{batch.id[:250]}"


def _may_expire(batch: Batch) -> bool:
    """Whether the batch has times: without any it would count as new once its record has expired."""
    return batch.created_at is not None or batch.ended_at is not None


def _recorded(item: Mapping[str, Any], now: int) -> Recorded | None:
    """Return what a record says; None where there is none, or none any more."""
    if "status" not in item or item.get("ttl", now) < now:
        return None
    counts = item.get("counts")
    return Recorded(
        status=item["status"],
        position=item.get("created", ""),
        scope=item.get("open_in"),
        expires_at=item.get("expires_at"),
        request_counts=RequestCounts(*map(int, counts.split())) if counts else None,
        announced=item.get("announced", frozenset()),
        missing_since=item.get("missing_since"),
        unconfirmed_since=item.get("unconfirmed_since"),
    )


def _batch_id(item: Mapping[str, Any]) -> str:
    return str(item["pk"]).removeprefix("batch#")


def _item(**values: Any) -> Item:
    return {name: typed(value) for name, value in values.items()}


def _key(pk: str, sk: str) -> Item:
    return _item(pk=pk, sk=sk)


def _record_key(batch_id: str) -> Item:
    return _key(f"batch#{batch_id}", "record")


def _put(notification: Notification) -> Item:
    body, version = encoded(replace(notification, version=0)), notification.version
    state = {"state": notification.state, "version": version, "body": body}
    return {"Put": {"Item": _item(pk="outbox", sk=_outbox_sk(notification), **state)}}


def _channel_sk(channel: str) -> str:
    return f"#channel#{channel}"


def _outbox_sk(notification: Notification) -> str:
    return f"{notification.recorded_at:011d}#{notification.id}"


def _if_unchanged(notification: Notification) -> Item:
    return expression({"version": notification.version}, ConditionExpression="#version = :version")
