"""Meter: the read and write units that DynamoDB would charge for what our code asks of it.

moto does not count them as DynamoDB does, so they are counted here, by the rules of its developer guide: 4 KB to a read
unit, half of one if it need not be consistent; 1 KB to a write unit, of the larger of the item before and after; twice
that within a transaction; and one for each entry of the index that changes, two if it moves.
"""

import json
import time
from base64 import b64decode
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

READ_B, WRITE_B = 4096, 1024
INDEX = "by_creation"
INDEX_KEY = ("kind", "created")
INDEXED = (*INDEX_KEY, "status", "has_failures", "ttl")
_WRITES = ("PutItem", "UpdateItem", "DeleteItem")

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """Write units that one partition, by its key, was asked for at a time."""

    at: float
    partition: str
    units: int


class Meter:
    """Counts what is asked of one table by a client of boto3, or by all of a session, whose `events` these are.

    `item_at` tells the item of a key as it is now, and is not counted itself.
    """

    def __init__(
        self, events: Any, item_at: Callable[[Item], Item], clock: Callable[[], float] = time.time
    ) -> None:
        self._item_at = item_at
        self._clock = clock
        self.clear()
        events.register_first("before-call.dynamodb", self._begin)
        events.register("after-call.dynamodb", self._end)

    def clear(self) -> None:
        self.requests = 0
        self.read_units = 0.0
        self.writes: list[Write] = []

    @property
    def write_units(self) -> int:
        return sum(each.units for each in self.writes)

    def busiest(self) -> int:
        """The most units that one partition was asked for within any second."""
        most, units, last_second = 0, Counter[str](), deque[Write]()
        for each in self.writes:
            last_second.append(each)
            units[each.partition] += each.units
            while last_second[0].at <= each.at - 1:
                over = last_second.popleft()
                units[over.partition] -= over.units
            most = max(most, units[each.partition])
        return most

    def _begin(self, model: Any, params: Any, context: Any, **_: Any) -> None:
        context["asked"] = asked = json.loads(params["body"])
        context["before"] = [(key, self._item_at(key)) for key in _written(model.name, asked)]

    def _end(self, model: Any, parsed: Any, context: Any, **_: Any) -> None:
        asked = context["asked"]
        self.requests += 1
        times = 2 if model.name == "TransactWriteItems" else 1
        for key, before in context["before"]:
            self.writes += self._changed(key, before, self._item_at(key), times)
        match model.name:
            case "GetItem":
                self._read([parsed.get("Item", {})], asked)
            case "BatchGetItem":
                for name, items in parsed.get("Responses", {}).items():
                    wanted = asked["RequestItems"][name]
                    not_there = len(wanted["Keys"]) - len(items)
                    self._read([*items, *[{}] * not_there], wanted)
            case "Query":
                self.read_units += _units(sum(map(size, parsed.get("Items", []))), READ_B) * _share(asked)

    def _changed(self, key: Item, before: Item, after: Item, times: int) -> Iterator[Write]:
        units = times * _units(max(size(before), size(after)), WRITE_B)
        yield Write(self._clock(), key["pk"]["S"], units)
        if entries := _index_writes(before, after):
            yield Write(self._clock(), INDEX, entries)

    def _read(self, items: list[Item], asked: Item) -> None:
        self.read_units += sum(_units(size(item), READ_B) for item in items) * _share(asked)


def item_of(client: Any, table: str) -> Callable[[Item], Item]:
    """What tells the items of a table, by a client of its own."""
    return lambda key: dict(client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {}))


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
