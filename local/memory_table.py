"""An in-memory DynamoDB table beneath botocore, for speed; it knows the requests that our table code makes.

tests/simulation/test_simulation.py runs the same schedules on moto's table and compares.
"""

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from operator import gt, lt
from types import CodeType, SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, Any]
Key = tuple[str, str]

INDEXES = {
    "by_creation": ("kind", "created", "status", "has_failures", "ttl"),
    "open": ("open_in", "created", "status", "expires_at", "counts", "announced", "missing_since", "unconfirmed_since"),
}
"""What each index holds beside the table's key, as in template.yaml; the first two are its own key."""

_TOKEN = re.compile(r"<>|<=|>=|[=<>(),]|[#:]?\w+")
_WORDS = {"AND": "and", "OR": "or", "NOT": "not", "=": "==", "<>": "!="}
_CLAUSE = re.compile(r"\b(SET|REMOVE|ADD)\b")
_OUTSIDE_PARENTHESES = r",\s*(?![^(]*\))"


class MemoryTable:
    """One table. Each request takes effect as a whole or raises ClientError.

    A query on an index sees the items as they were `index_lag_s` ago. Items are replaced, never
    changed in place. `on_write` is called with the item before and after each write.
    """

    def __init__(self, clock: Callable[[], float] = time.time, index_lag_s: float = 0) -> None:
        self.items: dict[Key, Item] = {}
        self.on_write: Callable[[Item, Item], None] = lambda _before, _after: None
        self.index_lag_s = index_lag_s
        self._clock = clock
        self._overwritten: deque[tuple[float, Key, Item]] = deque()
        self._tokens: set[str] = set()

    def attach(self, client: Any) -> None:
        """Answer every request of this boto3 client instead of its endpoint."""
        client.meta.events.register("before-call.dynamodb", self._respond)

    def item_at(self, key: Item) -> Item:
        """Return the item of a key; an empty one if there is none."""
        return self.items.get(_key(key), {})

    def __call__(self, operation: str, request: Item) -> Item:
        """Return the response to a request. Raises: ClientError."""
        match operation:
            case "GetItem":
                item = self.item_at(request["Key"])
                return {"Item": item} if item else {}
            case "BatchGetItem":
                [(name, wanted)] = request["RequestItems"].items()
                return {"Responses": {name: list(filter(None, map(self.item_at, wanted["Keys"])))}}
            case "Query":
                return self._query(request)
            case "TransactWriteItems":
                return self._transact(request)
        failure = self._failure(request)
        if failure is not None:
            raise client_error("ConditionalCheckFailedException", operation, **failure)
        self._write(operation.removesuffix("Item"), request)
        return {}

    def _respond(self, model: Any, params: Any, **_: Any) -> tuple[Any, Item]:
        try:
            return response_with(self(model.name, json.loads(params["body"])))
        except ClientError as error:
            # botocore raises it, after the meter has seen it.
            return SimpleNamespace(status_code=400), {**error.response}

    def _query(self, request: Item) -> Item:
        index = request.get("IndexName")
        keys = (*INDEXES[index][:2], "pk", "sk") if index else ("pk", "sk")
        is_descending = not request.get("ScanIndexForward", True)
        condition, filtered = request["KeyConditionExpression"], request.get("FilterExpression")
        partition = request["ExpressionAttributeValues"][condition.partition(" AND ")[0].split(" = ")[1]]

        def position(item: Item) -> tuple[Any, ...]:
            return tuple(_comparable(item[name]) for name in keys[1:])

        items = [
            item
            for item in (self._items_in(index) if index else self.items.values())
            if item.get(keys[0]) == partition and keys[1] in item and _holds(condition, item, request)
        ]
        items.sort(key=position, reverse=is_descending)
        if start := request.get("ExclusiveStartKey"):
            after, compare = position(start), lt if is_descending else gt
            items = [item for item in items if compare(position(item), after)]
        read = items[: request.get("Limit")]
        shown = [item for item in read if not filtered or _holds(filtered, item, request)]
        last = {"LastEvaluatedKey": {name: read[-1][name] for name in keys}} if len(read) < len(items) else {}
        return {"Items": shown, **last}

    def _items_in(self, index: str) -> Iterable[Item]:
        items, until = dict(self.items), self._clock() - self.index_lag_s
        for at, key, before in reversed(self._overwritten):
            if at <= until:
                break
            items[key] = before
        return (in_index(index, item) for item in items.values() if INDEXES[index][0] in item)

    def _transact(self, request: Item) -> Item:
        operation = "TransactWriteItems"
        if request["ClientRequestToken"] in self._tokens:
            return {}
        writes = [pair for each in request["TransactItems"] for pair in each.items()]
        keys = {_key_of(write) for _, write in writes}
        if len(keys) < len(writes) or len(keys) > 100:
            raise client_error("ValidationException", operation)
        failures = [self._failure(write) for _, write in writes]
        if failures != [None] * len(writes):
            failed = {"Code": "ConditionalCheckFailed"}
            reasons = [{"Code": "None"} if each is None else failed | each for each in failures]
            raise client_error("TransactionCanceledException", operation, CancellationReasons=reasons)
        for action, write in writes:
            self._write(action, write)
        self._tokens.add(request["ClientRequestToken"])
        return {}

    def _failure(self, write: Item) -> Item | None:
        """Return the details of a condition that failed; None if it holds."""
        condition = write.get("ConditionExpression")
        item = self.items.get(_key_of(write), {})
        if condition is None or _holds(condition, item, write):
            return None
        is_wanted = write.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        return {"Item": item} if item and is_wanted else {}

    def _write(self, action: str, write: Item) -> None:
        key, now = _key_of(write), self._clock()
        before = self.items.get(key, {})
        if action == "Put":
            self.items[key] = write["Item"]
        elif action == "Update":
            self.items[key] = _updated(before or write["Key"], write)
        else:
            self.items.pop(key, None)
        self._overwritten.append((now, key, before))
        while self._overwritten[0][0] < now - self.index_lag_s:
            self._overwritten.popleft()
        self.on_write(before, self.items.get(key, {}))


def response_with(content: Item) -> tuple[Any, Item]:
    """Return a response as botocore takes it from a handler that replaces the request."""
    return SimpleNamespace(status_code=200), {**content, "ResponseMetadata": {}}


def in_index(name: str, item: Item) -> Item:
    """Return what this index holds of an item."""
    return {field: item[field] for field in ("pk", "sk", *INDEXES[name]) if field in item}


def client_error(code: str, operation: str, **details: Any) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}, **details}, operation)


def _key(key: Item) -> Key:
    return key["pk"]["S"], key["sk"]["S"]


def _key_of(write: Item) -> Key:
    return _key(write.get("Key") or write["Item"])


def _named(path: str, request: Item) -> str:
    return str(request["ExpressionAttributeNames"][path]) if path.startswith("#") else path


def _updated(item: Item, write: Item) -> Item:
    """Return the item after an UpdateExpression; every value is computed from the item before it."""
    new, values = dict(item), write.get("ExpressionAttributeValues", {})
    _, *parts = _CLAUSE.split(write["UpdateExpression"])
    for clause, text in zip(parts[::2], parts[1::2], strict=True):
        for each in re.split(_OUTSIDE_PARENTHESES, text.strip()):
            path, _, rest = each.strip().partition(" ")
            if not path:
                raise client_error("ValidationException", "UpdateItem")
            name = _named(path, write)
            if clause == "SET":
                new[name] = _evaluated(rest.removeprefix("= "), item, write, _UPDATES)
            elif clause == "ADD":
                new[name] = {"SS": sorted({*item.get(name, {"SS": ()})["SS"], *values[rest.strip()]["SS"]})}
            else:
                new.pop(name, None)
    return new


def _holds(condition: str, item: Item, request: Item) -> bool:
    return bool(_evaluated(condition, item, request, _CONDITIONS, _comparable))


def _evaluated(
    expression: str,
    item: Item,
    request: Item,
    functions: Mapping[str, Callable[..., Any]],
    read: Callable[[Item | None], Any] = lambda typed: typed,
) -> Any:
    values = request.get("ExpressionAttributeValues", {})
    names = {
        "path": lambda path: read(item.get(_named(path, request))),
        "value": lambda value: read(values[value]),
        **functions,
    }
    return eval(_compiled(expression), names)  # only our own code's expressions


@cache
def _compiled(expression: str) -> CodeType:
    """Return the expression as Python code."""
    words = []
    for token, following in zip(tokens := _TOKEN.findall(expression), [*tokens[1:], ""], strict=True):
        if token.startswith(":"):
            words.append(f"value({token!r})")
        elif token in _WORDS or not re.match(r"[#\w]", token) or following == "(":
            words.append(_WORDS.get(token, token))
        else:
            words.append(f"path({token!r})")
    return compile(" ".join(words), expression, "eval")


class _Missing:
    """An attribute that is absent: of all comparisons with it only `<>` holds."""

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = lambda _self, _other: False
    __hash__ = None


_MISSING = _Missing()


def _comparable(value: Item | None) -> Any:
    """Return a value that compares as in DynamoDB: a number, a text, a list or a set."""
    if value is None:
        return _MISSING
    [(kind, content)] = value.items()
    if kind == "L":
        return [_comparable(each) for each in content]
    if kind == "SS":
        return frozenset(content)
    return float(content) if kind == "N" else content


_CONDITIONS = {
    "attribute_exists": lambda value: value is not _MISSING,
    "attribute_not_exists": lambda value: value is _MISSING,
    "contains": lambda many, one: many is not _MISSING and one in many,
}
_UPDATES = {
    "if_not_exists": lambda old, new: new if old is None else old,
    "list_append": lambda first, second: {"L": first["L"] + second["L"]},
}
