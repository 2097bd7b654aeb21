"""The table's records in the order of their batches' creation, by an index."""

from collections.abc import Mapping, Sequence
from typing import Any

from batchbell.adapters.dynamodb import Item, Table
from batchbell.adapters.outbox_table import record_key
from batchbell.adapters.table_json import decoded
from batchbell.domain.batch import Batch, Status
from batchbell.domain.command import ALL, Recent
from batchbell.domain.cursor import created_at
from batchbell.domain.policy import has_failures
from batchbell.domain.spot import Spot, Window, position_of, window

INDEX = "by_creation"

_KIND: Item = {"S": "batch"}
"""All records are one partition of the index: it takes 1,000 writes a second, so that polls are paced."""

_PAGE = 100
_MOST_PAGES = 8
"""For a rare status DynamoDB reads on, 1 MB a page, some 5,000 records: so far back, and no further."""


class RecentTable:
    """Reads for answers. Everything raises TransientError and PermanentError."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def window(self, query: Recent, now: int) -> Window:
        """One page of the batches, without those that are as good as deleted."""
        names, wanted = {"#ttl": "ttl"}, ""
        values: Item = {":now": {"N": str(now)}}
        if query.status != ALL:
            wanted, names["#status"], values[":status"] = " AND #status = :status", "status", _s(query.status)
        if query.status == Status.FAILED:
            wanted, values[":yes"] = " AND (#status = :status OR has_failures = :yes)", {"BOOL": True}
        request: dict[str, Any] = {
            "IndexName": INDEX,
            "KeyConditionExpression": "kind = :kind",
            "FilterExpression": f"(attribute_not_exists(#ttl) OR #ttl > :now){wanted}",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {":kind": _KIND, **values},
            "ScanIndexForward": query.newer_than is not None,
            **({"Limit": _PAGE} if query.status == ALL else {}),
        }
        if position := query.newer_than or query.older_than:
            request["KeyConditionExpression"] += f" AND created {'>' if query.newer_than else '<'} :position"
            request["ExpressionAttributeValues"][":position"] = _s(position)
        return window(query, self._spots(request, query.count + 1))

    def batches(self, batch_ids: Sequence[str]) -> Mapping[str, Batch]:
        """These batches as they were recorded last; one that this version cannot read is left out."""
        items = self._table.get_many("read records", [record_key(each) for each in batch_ids])
        batches = {}
        for item in items:
            try:
                batch = decoded(Batch, item["body"]["S"])
            except (KeyError, TypeError, ValueError):
                continue
            batches[batch.id] = batch
        return batches

    def _spots(self, request: dict[str, Any], most: int) -> list[Spot]:
        spots: list[Spot] = []
        for _ in range(_MOST_PAGES):
            answer = self._table.ask("list records", "query", **request)
            spots += [_spot_from(item) for item in answer["Items"]]
            if len(spots) >= most or "LastEvaluatedKey" not in answer:
                break
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return spots[:most]


def index_values(batch: Batch, now: int) -> Item:
    """What a record's update sets, beside its status, to stand in the index; see `INDEX_UPDATE`."""
    return {
        ":kind": _KIND,
        ":created": _s(position_of(batch.id, created_at(batch, now))),
        ":has_failures": {"BOOL": has_failures(batch)},
    }


INDEX_UPDATE = "kind = :kind, created = if_not_exists(created, :created), has_failures = :has_failures"
"""A batch keeps its place, also on a server that does not say when it was created."""


def _s(value: str) -> Item:
    return {"S": value}


def _spot_from(item: Item) -> Spot:
    return Spot(item["created"]["S"], item["pk"]["S"].removeprefix("batch#"))
