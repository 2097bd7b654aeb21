"""Units: what each request to the table costs, by DynamoDB's rules, and which partition bears it."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

INDEX = "by_creation"


@dataclass(frozen=True, slots=True)
class Write:
    """Write units that a partition was asked for at a time."""

    at: float
    partition: str
    units: int


class Meter:
    """Counts the units of a client's requests: of a put and an update by what is sent.

    A write takes one unit for each KB, twice as many in a transaction; a consistent read one for
    each 4 KB. A record's write takes one unit of the index's only partition too.
    """

    def __init__(self, client: Any, clock: Callable[[], float]) -> None:
        self.writes: list[Write] = []
        self.read_units = 0
        self._clock = clock
        client.meta.events.register("before-parameter-build.dynamodb", self._asked)
        client.meta.events.register("after-call.dynamodb", self._answered)

    def clear(self) -> None:
        self.writes, self.read_units = [], 0

    @property
    def write_units(self) -> int:
        return sum(each.units for each in self.writes if each.partition != INDEX)

    def busiest(self) -> int:
        """The most units that one partition was asked for within a second."""
        seconds = Counter[tuple[str, int]]()
        for each in self.writes:
            seconds[each.partition, int(each.at)] += each.units
        return max(seconds.values(), default=0)

    def _asked(self, params: Any, model: Any, **rest: Any) -> None:
        if model.name == "TransactWriteItems":
            for write in params["TransactItems"]:
                [request] = write.values()
                self.writes += self._written(request, times=2)
        elif model.name in ("PutItem", "UpdateItem", "DeleteItem"):
            self.writes += self._written(params, times=1)

    def _written(self, request: Any, times: int) -> Iterator[Write]:
        key = request.get("Key") or request["Item"]
        values = request.get("Item") or {**key, **request.get("ExpressionAttributeValues", {})}
        partition = key["pk"]["S"]
        yield Write(self._clock(), partition, times * ceil(size_of(values) / 1024))
        if partition.startswith("batch#"):
            yield Write(self._clock(), INDEX, 1)

    def _answered(self, parsed: Any, model: Any, **rest: Any) -> None:
        if model.name == "GetItem":
            self.read_units += max(1, ceil(size_of(parsed.get("Item", {})) / 4096))
        elif model.name == "Query":
            self.read_units += max(1, ceil(sum(map(size_of, parsed["Items"])) / 4096))
        elif model.name == "BatchGetItem":
            for items in parsed["Responses"].values():
                self.read_units += sum(ceil(size_of(each) / 4096) for each in items)


def size_of(value: Any) -> int:
    """Bytes of an item, or of a part of one, as DynamoDB counts them."""
    if not isinstance(value, dict):
        return len(value if isinstance(value, bytes) else str(value).encode())
    return sum(len(str(name)) + size_of(each) for name, each in value.items())
