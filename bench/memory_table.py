# ruff: noqa: N803  the arguments have boto3's names
"""Memory table: beneath our adapters in place of boto3's client, to count requests and units by the thousand.

It takes every write: where a single poll runs at a time, every condition holds.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

Item = dict[str, Any]


@dataclass(slots=True)
class MemoryTable:
    """One table, by its keys; `read_units` and `write_units` as DynamoDB's prices count them."""

    items: dict[tuple[str, str], Item] = field(default_factory=dict)
    requests: int = 0
    read_units: float = 0
    write_units: int = 0

    def get_item(self, Key: Item, **_: Any) -> Item:
        self.requests += 1
        return {"Item": item} if (item := self._read([Key])[0]) else {}

    def batch_get_item(self, RequestItems: Item) -> Item:
        self.requests += 1
        return {
            "Responses": {
                name: [item for item in self._read(wanted["Keys"]) if item]
                for name, wanted in RequestItems.items()
            }
        }

    def query(self, KeyConditionExpression: str, ExpressionAttributeValues: Item, **_: Any) -> Item:
        if KeyConditionExpression != "pk = :pk":
            raise NotImplementedError(KeyConditionExpression)
        self.requests += 1
        pk = ExpressionAttributeValues[":pk"]["S"]
        found = [item for key, item in sorted(self.items.items()) if key[0] == pk]
        self.read_units += ceil(sum(map(_size, found)) / 4096) or 1
        return {"Items": found}

    def get_paginator(self, operation: str) -> "_Paginator":
        return _Paginator(getattr(self, operation))

    def put_item(self, Item: Item, **_: Any) -> Item:
        return self._write([{"Put": {"Item": Item}}], 1)

    def update_item(self, **update: Any) -> Item:
        return self._write([{"Update": update}], 1)

    def delete_item(self, Key: Item, **_: Any) -> Item:
        return self._write([{"Delete": {"Key": Key}}], 1)

    def transact_write_items(self, TransactItems: Iterable[Item], **_: Any) -> Item:
        return self._write(TransactItems, 2)

    def _read(self, keys: Iterable[Item]) -> list[Item]:
        found = [self.items.get(_key(key), {}) for key in keys]
        self.read_units += sum(ceil(_size(item) / 4096) or 1 for item in found)
        return found

    def _write(self, writes: Iterable[Item], times: int) -> Item:
        """Make these writes; in a transaction each costs two times."""
        self.requests += 1
        for (action, write), *_ in (each.items() for each in writes):
            key = _key(write.get("Item") or write["Key"])
            before = self.items.pop(key, {})
            match action:
                case "Put":
                    self.items[key] = write["Item"]
                case "Update":
                    self.items[key] = _updated(write["Key"] | before, write)
            larger = max(_size(before), _size(self.items.get(key, {})))
            self.write_units += times * (ceil(larger / 1024) or 1)
        return {}


@dataclass(frozen=True, slots=True)
class _Paginator:
    operation: Callable[..., Item]

    def paginate(self, **request: Any) -> "_Paginator":
        return _Paginator(lambda: self.operation(**request))

    def build_full_result(self) -> Item:
        return self.operation()


def _key(item: Mapping[str, Item]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _updated(item: Item, update: Item) -> Item:
    """The item after a SET of plain values, `if_not_exists` and `list_append`, and a REMOVE."""
    names, values = update.get("ExpressionAttributeNames", {}), update.get("ExpressionAttributeValues", {})
    expression = re.sub(r"#\w+", lambda match: names[match[0]], update["UpdateExpression"])
    sets, _, removed = expression.removeprefix("SET ").partition(" REMOVE ")
    new = dict(item)
    for name, term in re.findall(r"(\w+) = (:\w+|\w+\(.*?\)(?=, \w+ =|$))", sets):
        value = values[re.findall(r":\w+", term)[-1]]
        if term.startswith("list_append"):
            value = {"L": item.get(name, {"L": []})["L"] + value["L"]}
        new[name] = item.get(name, value) if term.startswith("if_not_exists") else value
    return {name: value for name, value in new.items() if name not in removed.split(", ")}


def _size(item: Item) -> int:
    """An item's bytes, as DynamoDB counts them: names, UTF-8, two digits of a number in one byte."""
    return sum(len(name) + _value_size(value) for name, value in item.items())


def _value_size(typed: Item) -> int:
    ((kind, value),) = typed.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            return len(value) // 2 + 1
        case "B":
            return len(value)
        case "L":
            return 3 + sum(1 + _value_size(each) for each in value)
        case "M":
            return 3 + len(value) + _size(value)
    return 1
