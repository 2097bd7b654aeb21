"""DynamoDB: requests of one table, and their errors."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from batchbell.errors import ConflictError, PermanentError, TransientError

Item = dict[str, Any]

UNITS_PER_S = 400
"""A partition takes 1,000 write units a second, and two runs may be writing at once."""

_MAX_KEYS, _MAX_PARTS = 100, 8


class RejectedError(PermanentError):
    """DynamoDB will never take this item: it is too large, or malformed."""


class ConditionError(ConflictError):
    """A condition failed. `found` holds the item of each write, {} where none was there, None where it did not fail."""

    def __init__(self, message: str, found: list[Item | None]) -> None:
        super().__init__(message)
        self.found = found


def make_client(read_s: float = 5, tries: int = 4) -> Any:
    """Return a client that gives up within seconds: what it could not do, the next run does."""
    # botocore gives every transaction a token, so that its own retries write it once.
    retries: Any = {"mode": "standard", "total_max_attempts": tries}
    config = Config(connect_timeout=min(2, read_s), read_timeout=read_s, retries=retries)
    return boto3.client("dynamodb", config=config)


def typed(value: Any) -> Item:
    """Return a string, number, boolean or set of strings as DynamoDB's JSON has it."""
    if isinstance(value, bool | str):
        return {"BOOL" if isinstance(value, bool) else "S": value}
    return {"N": str(value)} if isinstance(value, int | float) else {"SS": sorted(value)}


def plain(item: Item) -> dict[str, Any]:
    """Return an item's attributes as Python values."""
    read: dict[str, Callable[[Any], Any]] = {"N": json.loads, "SS": frozenset}
    pairs = ((name, *next(iter(value.items()))) for name, value in item.items())
    return {name: read.get(kind, lambda each: each)(content) for name, kind, content in pairs}


def expression(values: Item, **texts: str) -> Item:
    """Return the arguments `texts` of a request, with the names and values that they mention.

    Every attribute is written as `#name`, since many good names are reserved words of DynamoDB.
    """
    written = " ".join(texts.values())
    names = {f"#{name}": name for name in re.findall(r"#(\w+)", written)}
    used = {f":{name}": typed(values[name]) for name in re.findall(r":(\w+)", written)}
    more = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": used}
    return {**texts, **{name: each for name, each in more.items() if each}}


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `call` is what errors name a request.

    Raises: ConditionError; RejectedError and PermanentError for what always fails; TransientError for the rest.
    """

    client: Any
    name: str
    sleep: Callable[[float], None] = time.sleep

    def request(self, call: str, operation: str, **arguments: Any) -> Any:
        return self._ask(call, partial(getattr(self.client, operation), TableName=self.name, **arguments))

    def get_many(self, call: str, keys: Sequence[Item]) -> list[Item]:
        """Return the items of these keys, as the last writes left them, in any order."""
        items: list[Item] = []
        left, parts = list(keys), 0
        while left:
            wanted: Any = {self.name: {"Keys": left[:_MAX_KEYS], "ConsistentRead": True}}
            answer = self._ask(call, partial(self.client.batch_get_item, RequestItems=wanted))
            items += answer["Responses"].get(self.name, [])
            # DynamoDB may answer a part only.
            unanswered = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            left, parts = [*unanswered, *left[_MAX_KEYS:]], parts + bool(unanswered)
            if parts == _MAX_PARTS:
                raise TransientError(f"{call}: DynamoDB answered only a part")
        return items

    def query(self, call: str, max_pages: int = 1000, **arguments: Any) -> Iterator[Item]:
        """Yield the items, page by page as they are wanted."""
        for _ in range(max_pages):
            answer = self.request(call, "query", **arguments)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def transact(self, call: str, writes: Iterable[Item]) -> None:
        """Make all of these writes, or none."""
        named: Any = [{action: {"TableName": self.name, **write}} for each in writes for action, write in each.items()]
        self._ask(call, partial(self.client.transact_write_items, TransactItems=named))

    def _ask(self, call: str, request: Callable[[], Any]) -> Any:
        try:
            return request()
        except (ClientError, BotoCoreError) as error:
            raise _translated(call, error) from error


_KINDS: dict[str, type[Exception]] = {
    "AccessDenied": PermanentError,
    "ResourceNotFound": PermanentError,
    "Validation": RejectedError,
    "ValidationError": RejectedError,  # so it is called in a transaction, where the gravest counts
    "TransactionConflict": ConflictError,
}


def _translated(call: str, error: ClientError | BotoCoreError) -> Exception:
    if isinstance(error, BotoCoreError):
        return TransientError(f"{call}: {type(error).__name__}")
    response: Any = error.response
    code = response["Error"]["Code"]
    is_canceled = code == "TransactionCanceledException"
    reason = {"Code": code.removesuffix("Exception"), "Item": response.get("Item", {})}
    reasons = response.get("CancellationReasons", []) if is_canceled else [reason]
    found = [each.get("Item", {}) if each.get("Code") == "ConditionalCheckFailed" else None for each in reasons]
    if any(item is not None for item in found):
        return ConditionError(f"{call}: {code}", found)
    codes = sorted({str(reason.get("Code")) for reason in reasons} - {"None"})
    kind = next((kind for each, kind in _KINDS.items() if each in codes), TransientError)
    return kind(f"{call}: {code}" + (f" ({', '.join(codes)})" if is_canceled else ""))
