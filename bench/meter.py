"""Meter: the read and write units that DynamoDB would charge for what our code asks of it.

moto does not count them as DynamoDB does, so they are counted here, by the rules of its developer guide: 4 KB to a read
unit, half of one if it need not be consistent; 1 KB to a write unit, of the larger of the item before and after; twice
that within a transaction; and one for each entry of the index that changes, two if it moves.
"""

import json
from base64 import b64decode
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import boto3

READ_B, WRITE_B = 4096, 1024
INDEX_KEY = ("kind", "created")
INDEXED = (*INDEX_KEY, "status", "has_failures", "ttl")
_WRITES = ("PutItem", "UpdateItem", "DeleteItem")

Item = dict[str, Any]


@dataclass
class Meter:
    """Counts for one table what is asked of it by clients of boto3's default session."""

    table: str
    reads: float = 0
    writes: float = 0
    requests: int = 0
    _before: list[tuple[Item, Item]] = field(default_factory=list)

    def attach(self) -> None:
        """Count all clients that are made from now on."""
        boto3.setup_default_session()
        events = boto3.DEFAULT_SESSION.events
        events.register("before-call.dynamodb", self._begin)
        events.register("after-call.dynamodb", self._end)
        self._own = boto3.Session().client("dynamodb")

    def reset(self) -> None:
        self.reads = self.writes = self.requests = 0

    def stored(self) -> int:
        """The bytes of all items, with the 100 that DynamoDB adds to each."""
        return sum(100 + size(item) for item in self._own.scan(TableName=self.table)["Items"])

    def _begin(self, model: Any, params: Any, context: Any, **_: Any) -> None:
        context["asked"] = asked = json.loads(params["body"])
        self._before = [(key, self._item(key)) for key in _written(model.name, asked)]

    def _end(self, model: Any, parsed: Any, context: Any, **_: Any) -> None:
        asked = context["asked"]
        self.requests += 1
        times = 2 if model.name == "TransactWriteItems" else 1
        for key, old in self._before:
            new = self._item(key)
            self.writes += times * _units(max(size(old), size(new)), WRITE_B) + _index_writes(old, new)
        if model.name == "GetItem":
            self._read([parsed.get("Item", {})], asked)
        if model.name == "Query":
            self.reads += _units(sum(map(size, parsed["Items"])), READ_B) * _share(asked)
        if model.name == "BatchGetItem":
            self._read(parsed["Responses"].get(self.table, []), asked["RequestItems"][self.table])

    def _read(self, items: list[Item], asked: Item) -> None:
        self.reads += sum(_units(size(item), READ_B) for item in items) * _share(asked)

    def _item(self, key: Item) -> Item:
        found: Item = self._own.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return dict(found.get("Item", {}))


def size(item: Item) -> int:
    """The bytes of an item: its attributes' names and values."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(typed: Item) -> int:
    [(kind, value)] = typed.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            return len(value.strip("-").replace(".", "")) // 2 + 2
        case "B":
            return len(value if isinstance(value, bytes) else b64decode(value))
        case "L":
            return 3 + sum(1 + _value_size(each) for each in value)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(each) for name, each in value.items())
    return 1


def _written(operation: str, asked: Item) -> list[Item]:
    """The keys of the items that a request writes."""
    if operation == "TransactWriteItems":
        return [_key(write) for each in asked["TransactItems"] for write in each.values()]
    return [_key(asked)] if operation in _WRITES else []


def _key(write: Item) -> Item:
    return {name: write.get("Key", write.get("Item"))[name] for name in ("pk", "sk")}


def _index_writes(old: Item, new: Item) -> int:
    before, after = ({name: item[name] for name in INDEXED if name in item} for item in (old, new))
    was, is_ = (all(name in item for name in INDEX_KEY) for item in (old, new))
    if before == after or not (was or is_):
        return 0
    return 2 if was and is_ and any(old[name] != new[name] for name in INDEX_KEY) else 1


def _units(size_b: int, unit_b: int) -> int:
    return max(1, ceil(size_b / unit_b))


def _share(asked: Item) -> float:
    return 1 if asked.get("ConsistentRead") else 0.5
