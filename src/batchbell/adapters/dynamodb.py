"""DynamoDB: the client, and its errors in the domain's words."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from batchbell.domain.errors import PermanentError, StaleError, TransientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]

CONFLICT_TRIES = 4
CONFLICT_WAIT_S = 0.1

UNITS_PER_S = 400
"""One partition takes 1,000 write units a second, and two runs may be writing at once."""

_MOST_PARTS = 4
_MOST_KEYS = 100

_PERMANENT = frozenset({"ResourceNotFoundException", "AccessDeniedException"})


class UnstorableError(PermanentError):
    """The table will never take this item as it is: it is too large, or malformed."""


class ConditionError(StaleError):
    """A condition failed: `found` holds, for each write of the request, the item that was there.

    It is empty where there was none, and None for a write whose condition did not fail.
    """

    def __init__(self, message: str, found: list[Item | None]) -> None:
        super().__init__(message)
        self.found = found


class ConflictError(TransientError):
    """Another transaction was writing one of the same items at that moment."""


def make_client(read_s: float = 5, tries: int = 4) -> "DynamoDBClient":
    """A client that gives up in seconds: what it could not do, the next run does.

    botocore gives every transaction a token, so that its own retries write it once.
    """
    config = Config(
        connect_timeout=min(2, read_s),
        read_timeout=read_s,
        retries={"mode": "standard", "total_max_attempts": tries},
    )
    return boto3.client("dynamodb", config=config)


@dataclass(frozen=True, slots=True)
class Table:
    """The table; `retention_s` is how long an ended batch is remembered in it.

    Each method raises ConditionError, a StaleError; UnstorableError and PermanentError for what
    will always fail; ConflictError and TransientError for the rest.
    """

    client: "DynamoDBClient"
    name: str
    retention_s: int
    sleep: Callable[[float], None] = time.sleep

    def ask(self, call: str, operation: str, **request: Any) -> Any:
        """Make one request of this table; `call` is what errors name it."""
        named = getattr(self.client, operation)
        return self._ask(call, lambda: named(TableName=self.name, **request))

    def get(self, call: str, key: Item) -> Item | None:
        """One item, as the last write left it."""
        return next(iter(self.get_many(call, [key])), None)

    def get_many(self, call: str, keys: Sequence[Item]) -> list[Item]:
        """The items of these keys, as the last writes left them, in any order.

        DynamoDB may answer a part of them first, 16 MB at most at once.
        """
        if len(keys) > _MOST_KEYS:
            return self.get_many(call, keys[:_MOST_KEYS]) + self.get_many(call, keys[_MOST_KEYS:])
        items: list[Item] = []
        left: Any = {self.name: {"Keys": list(keys), "ConsistentRead": True}} if keys else {}
        for _ in range(_MOST_PARTS):
            if not left:
                return items
            answer = self._ask(call, partial(self.client.batch_get_item, RequestItems=left))
            items += answer["Responses"].get(self.name, [])
            left = answer.get("UnprocessedKeys")
        raise TransientError(f"{call}: only a part was answered")

    def query(self, call: str, pk: str, most: int) -> list[Item]:
        """The first items of a partition, as the last writes left them."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
            ConsistentRead=True,
            PaginationConfig={"MaxItems": most},
        )
        items: list[Item] = self._ask(call, pages.build_full_result).get("Items", [])
        return items

    def pace(self, units: float) -> None:
        """Wait for as long as one partition should be given for so many write units."""
        self.sleep(units / UNITS_PER_S)

    def transact(self, call: str, writes: Iterable[Item]) -> None:
        """All of these writes, or none."""
        named: Any = [
            {action: {"TableName": self.name, **write}} for each in writes for action, write in each.items()
        ]
        self._ask(call, lambda: self.client.transact_write_items(TransactItems=named))

    def _ask(self, call: str, request: Callable[[], Any]) -> Any:
        """Make the request, a few times over where another one writes the same items."""
        for attempt in range(CONFLICT_TRIES - 1):
            try:
                return _translated(call, request)
            except ConflictError:
                self.sleep(CONFLICT_WAIT_S * 2**attempt)
        return _translated(call, request)


def _translated(call: str, request: Callable[[], Any]) -> Any:
    try:
        return request()
    except ClientError as error:
        raise _translation(call, error) from error
    except BotoCoreError as error:
        raise TransientError(f"{call}: {type(error).__name__}") from error


def _translation(call: str, error: ClientError) -> Exception:
    response: Any = error.response
    code = response["Error"]["Code"]
    message = f"{call}: {code}"
    if code == "ConditionalCheckFailedException":
        return ConditionError(message, [response.get("Item", {})])
    if code == "TransactionCanceledException":
        return _cancellation(message, response)
    if code == "TransactionConflictException":
        return ConflictError(message)
    if code == "ValidationException":
        return UnstorableError(message)
    return PermanentError(message) if code in _PERMANENT else TransientError(message)


def _cancellation(message: str, response: Any) -> Exception:
    reasons = response.get("CancellationReasons", [])
    codes = {reason.get("Code") for reason in reasons}
    if "ConditionalCheckFailed" in codes:
        failed = "ConditionalCheckFailed"
        found = [each.get("Item", {}) if each.get("Code") == failed else None for each in reasons]
        return ConditionError(message, found)
    if "ValidationError" in codes:
        return UnstorableError(message)
    message = f"{message} ({', '.join(sorted(str(code) for code in codes - {'None'}))})"
    return ConflictError(message) if "TransactionConflict" in codes else TransientError(message)
