"""A DynamoDB table of moto's, with the keys that template.yaml gives it, and faults on demand."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from cfnlint.decode.cfn_yaml import load
from moto import mock_aws

from batchbell.aws.dynamodb import make_client
from bench.meter import Meter, item_of
from local.memory_table import MemoryTable

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
NAME = "batchbell-test"
_DESIGN = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


def cut_before(operation: str) -> Exception:
    """The request never arrived."""
    return ConnectTimeoutError(endpoint_url=operation)


def cut_after(operation: str) -> Exception:
    """The request took effect, its answer was lost."""
    return ReadTimeoutError(endpoint_url=operation)


def throttled(operation: str) -> Exception:
    """The request was refused for now."""
    error = {"Code": "ThrottlingException", "Message": "slow down"}
    return ClientError({"Error": error}, operation)  # type: ignore[typeddict-item]


class LocalTable:
    """The table, its client, and every call made of it.

    `before` and `after` are asked at each call, by its operation's name, for an exception to raise
    in its place, or once it has taken effect.
    """

    name = NAME

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.before: Callable[[str], BaseException | None] = lambda operation: None
        self.after: Callable[[str], BaseException | None] = lambda operation: None
        self._aws = mock_aws()

    def __enter__(self) -> Self:
        self._aws.start()
        self.client = make_client()
        self._create(NAME)
        self.client.meta.events.register("before-call.dynamodb", self._begin)
        self.client.meta.events.register("after-call.dynamodb", self._end)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._aws.stop()

    def meter(self, clock: Callable[[], float]) -> Meter:
        """What counts the units of every request from now on."""
        return Meter(self.client.meta.events, item_of(make_client(), NAME), clock)

    def copy_to(self, name: str) -> None:
        """Make another table that holds what this one does now."""
        self._create(name)
        for item in self.items():
            self.client.put_item(TableName=name, Item=item)

    def items(self, pk: str | None = None) -> list[dict[str, Any]]:
        """All items, or those of one partition, without counting as calls."""
        calls, before, after = self.calls, self.before, self.after
        self.calls, self.before, self.after = [], lambda _: None, lambda _: None
        found = self.client.scan(TableName=NAME, ConsistentRead=True)["Items"]
        self.calls, self.before, self.after = calls, before, after
        return [item for item in found if pk is None or item["pk"]["S"] == pk]

    def _create(self, name: str) -> None:
        properties = load(str(TEMPLATE))["Resources"]["Table"]["Properties"]
        wanted = {key: properties[key] for key in _DESIGN}
        self.client.create_table(TableName=name, **wanted)

    def _begin(self, model: Any, **rest: Any) -> None:
        self.calls.append(model.name)
        if error := self.before(model.name):
            raise error

    def _end(self, model: Any, **rest: Any) -> None:
        if error := self.after(model.name):
            raise error


class FastTable(LocalTable):
    """The same in memory: moto takes minutes over hundreds of items.

    tests/aws and tests/handlers show on moto that DynamoDB takes our requests.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self.memory = MemoryTable(clock)

    def __enter__(self) -> Self:
        self.client = make_client()
        self.client.meta.events.register("before-call.dynamodb", self._begin)
        self.memory.attach(self.client)
        self.client.meta.events.register("after-call.dynamodb", self._end)
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs."""

    def meter(self, clock: Callable[[], float]) -> Meter:
        return Meter(self.client.meta.events, self.memory.item_at, clock)

    def items(self, pk: str | None = None) -> list[dict[str, Any]]:
        return [item for key, item in self.memory.items.items() if pk is None or key[0] == pk]
