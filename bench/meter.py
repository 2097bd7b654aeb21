"""Counts the read and write units that DynamoDB would charge for a client's requests, by its developer guide.

A read unit is 4 KB, half of one if the read need not be consistent. A write unit is 1 KB of the
larger of the item before and after; a transaction costs twice that. Each index entry that changes
costs one more, two if its key changes. moto does not count like that.
"""

import json
import time
from base64 import b64decode
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

from local.memory_table import INDEXES, Item, in_index

READ_B, WRITE_B = 4096, 1024


@dataclass(frozen=True, slots=True)
class Write:
    """The write units that one partition was asked for at a time; an index counts as one partition."""

    at: float
    partition: str
    units: int


class Meter:
    """Counts the requests for one table of a boto3 client, or of a session; `events` are theirs.

    `item_at` returns the item of a key as it is now, and is not counted.
    """

    def __init__(self, events: Any, item_at: Callable[[Item], Item], clock: Callable[[], float] = time.time) -> None:
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
        """Return the most units that one partition was asked for within any second."""
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
        context["request"] = request = json.loads(params["body"])
        context["before"] = [(key, self._item_at(key)) for key in _written(model.name, request)]

    def _end(self, model: Any, parsed: Any, context: Any, **_: Any) -> None:
        request = context["request"]
        self.requests += 1
        times = 2 if model.name == "TransactWriteItems" else 1
        for key, before in context["before"]:
            self.writes += self._writes(key, before, self._item_at(key), times)
        match model.name:
            case "GetItem":
                self._read([parsed.get("Item", {})], request)
            case "BatchGetItem":
                for name, items in parsed.get("Responses", {}).items():
                    wanted = request["RequestItems"][name]
                    self._read(items + [{}] * (len(wanted["Keys"]) - len(items)), wanted)
            case "Query":
                index = request.get("IndexName")
                items = [in_index(index, item) if index else item for item in parsed.get("Items", [])]
                size_b = sum(map(size, items))
                self.read_units += _units(size_b, READ_B) * _share(request)

    def _writes(self, key: Item, before: Item, after: Item, times: int) -> Iterator[Write]:
        at = self._clock()
        yield Write(at, key["pk"]["S"], times * _units(max(size(before), size(after)), WRITE_B))
        for name in INDEXES:
            if units := _index_units(name, before, after):
                yield Write(at, name, units)

    def _read(self, items: list[Item], request: Item) -> None:
        self.read_units += sum(_units(size(item), READ_B) for item in items) * _share(request)


def item_of(client: Any, table: str) -> Callable[[Item], Item]:
    """Return a function that reads an item of this table; give it a client that is not metered."""
    return lambda key: dict(client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {}))


def size(item: Item) -> int:
    """Return the bytes of an item: its attributes' names and values."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


_SIZES: dict[str, Callable[[Any], int]] = {
    "S": lambda text: len(text.encode()),
    "N": lambda digits: len(digits.strip("-").replace(".", "")) // 2 + 2,
    "B": lambda text: len(b64decode(text)),  # only in the code of November 2026
    "SS": lambda texts: sum(len(each.encode()) for each in texts),
    "L": lambda values: 3 + sum(1 + _value_size(each) for each in values),
    "M": lambda values: 3 + len(values) + size(values),
}


def _value_size(typed: Item) -> int:
    [(kind, value)] = typed.items()
    return _SIZES.get(kind, lambda _: 1)(value)


def _written(operation: str, request: Item) -> list[Item]:
    """Return the keys of the items that a request writes, or checks in a transaction."""
    if operation == "TransactWriteItems":
        return [_key(write) for each in request["TransactItems"] for write in each.values()]
    return [_key(request)] if operation in ("PutItem", "UpdateItem", "DeleteItem") else []


def _key(write: Item) -> Item:
    return {name: write.get("Key", write.get("Item"))[name] for name in ("pk", "sk")}


def _index_units(name: str, old: Item, new: Item) -> int:
    """Return the write units of the entries of an index that a write removes, adds or replaces."""
    key = INDEXES[name][:2]
    before, after = ([in_index(name, item)] if all(map(item.get, key)) else [] for item in (old, new))
    if before == after:
        return 0
    if before and after and all(old[each] == new[each] for each in key):
        return _units(max(size(before[0]), size(after[0])), WRITE_B)
    return sum(_units(size(entry), WRITE_B) for entry in (*before, *after))


def _units(size_b: int, unit_b: int) -> int:
    return max(1, ceil(size_b / unit_b))


def _share(request: Item) -> float:
    return 1 if request.get("ConsistentRead") else 0.5
