"""Memory table: a DynamoDB table beneath botocore, for speed; it knows the expressions that batchbell writes.

The same simulations on moto's table get the same answers (tests/simulation/test_simulation.py).
"""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from functools import cache
from types import CodeType
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, Any]
Key = tuple[str, str]

_TOKEN = re.compile(r"<>|<=|>=|[=<>(),]|[#:]?\w+")
_WORDS = {"AND": "and", "OR": "or", "NOT": "not", "=": "==", "<>": "!="}


class MemoryTable:
    """One table. Each operation is answered at once and as a whole, or raises ClientError.

    Items are never changed in place: what was read, or backed up, stays as it was.
    """

    def __init__(self) -> None:
        self.items: dict[Key, Item] = {}
        self.on_write: Callable[[Item, Item], None] = lambda _before, _after: None
        self._tokens: set[str] = set()

    def lie_beneath(self, client: Any) -> None:
        """Answer every request of this client of boto3, in place of its endpoint."""
        client.meta.events.register("before-call.dynamodb", self._received)

    def item_at(self, key: Item) -> Item:
        """The item of a key; an empty one where there is none."""
        return self.items.get(_key(key), {})

    def _received(self, model: Any, params: Any, **_: Any) -> tuple[Any, Item]:
        try:
            return answered(self(model.name, request_in(params)))
        except ClientError as error:
            return _Refused, {**error.response}  # botocore raises it, after those who meter have seen it

    def __call__(self, operation: str, request: Item) -> Item:
        """The answer to a request. Raises: ClientError."""
        operations = {
            "GetItem": self._get,
            "BatchGetItem": self._get_many,
            "Query": self._query,
            "PutItem": lambda request: self._change("Put", operation, request),
            "UpdateItem": lambda request: self._change("Update", operation, request),
            "DeleteItem": lambda request: self._change("Delete", operation, request),
            "TransactWriteItems": self._transact,
        }
        return operations[operation](request)

    def _get(self, request: Item) -> Item:
        item = self.items.get(_key(request["Key"]))
        return {"Item": item} if item else {}

    def _get_many(self, request: Item) -> Item:
        [(name, wanted)] = request["RequestItems"].items()
        found = (self.items.get(_key(key)) for key in wanted["Keys"])
        return {"Responses": {name: [item for item in found if item]}}

    def _query(self, request: Item) -> Item:
        assert request["KeyConditionExpression"] == "pk = :pk"
        pk = request["ExpressionAttributeValues"][":pk"]["S"]
        return {"Items": [self.items[key] for key in sorted(self.items) if key[0] == pk]}

    def _change(self, action: str, operation: str, request: Item) -> Item:
        failed = self._refusal(request)
        if failed is not None:
            raise refusal("ConditionalCheckFailedException", operation, **failed)
        self._write(action, request)
        return {}

    def _transact(self, request: Item) -> Item:
        if request["ClientRequestToken"] in self._tokens:
            return {}
        writes = [pair for each in request["TransactItems"] for pair in each.items()]
        keys = [_key_of(write) for _, write in writes]
        if len(set(keys)) < len(keys) or len(keys) > 100:
            raise refusal("ValidationException", "TransactWriteItems")
        refusals = [self._refusal(write) for _, write in writes]
        if any(each is not None for each in refusals):
            reasons = [
                {"Code": "None"} if each is None else {"Code": "ConditionalCheckFailed", **each}
                for each in refusals
            ]
            raise refusal("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)
        for action, write in writes:
            self._write(action, write)
        self._tokens.add(request["ClientRequestToken"])
        return {}

    def _refusal(self, write: Item) -> Item | None:
        """What a failed condition answers; None where it holds."""
        condition = write.get("ConditionExpression")
        item = self.items.get(_key_of(write))
        if condition is None or _holds(condition, item or {}, write):
            return None
        wanted = write.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        return {"Item": item} if item and wanted else {}

    def _write(self, action: str, write: Item) -> None:
        key = _key_of(write)
        before = self.items.get(key, {})
        if action == "Put":
            self.items[key] = write["Item"]
        elif action == "Delete":
            self.items.pop(key, None)
        else:
            self.items[key] = _updated(before or write["Key"], write)
        self.on_write(before, self.items.get(key, {}))


class _OK:
    status_code = 200


class _Refused:
    status_code = 400


def answered(content: Item) -> tuple[Any, Item]:
    """An answer as botocore takes it from a handler that spares it the request."""
    return _OK, {**content, "ResponseMetadata": {}}


def request_in(params: Any) -> Item:
    """The request that botocore was about to send."""
    request: Item = json.loads(params["body"], object_hook=_with_bytes)
    return request


def _with_bytes(content: Item) -> Item:
    is_binary = len(content) == 1 and isinstance(content.get("B"), str)
    return {"B": b64decode(content["B"])} if is_binary else content


def refusal(code: str, operation: str, **details: Any) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}, **details}, operation)


def _key(key: Item) -> Key:
    return key["pk"]["S"], key["sk"]["S"]


def _key_of(write: Item) -> Key:
    return _key(write.get("Key") or write["Item"])


def _updated(item: Item, write: Item) -> Item:
    """The item after `SET path = value, … REMOVE path, …`."""
    sets, _, removes = write["UpdateExpression"].partition("REMOVE ")
    new = dict(item)
    for assignment in re.split(r",\s*(?![^(]*\))", sets.removeprefix("SET ").strip()):
        if assignment:
            path, _, value = assignment.partition(" = ")
            new[_named(path, write)] = _evaluated(value, item, write, lambda each: each, _UPDATES)
    for path in filter(None, map(str.strip, removes.split(","))):
        new.pop(_named(path, write), None)
    return new


def _holds(condition: str, item: Item, write: Item) -> bool:
    return bool(_evaluated(condition, item, write, _comparable, _CONDITIONS))


def _evaluated(
    expression: str,
    item: Item,
    write: Item,
    read: Callable[[Item | None], Any],
    functions: Mapping[str, Callable[..., Any]],
) -> Any:
    values = write.get("ExpressionAttributeValues", {})
    names = {
        "path": lambda path: read(item.get(_named(path, write))),
        "value": lambda value: read(values[value]),
        **functions,
    }
    return eval(_compiled(expression), names)  # our own adapters' expressions


@cache
def _compiled(expression: str) -> CodeType:
    """The expression as Python."""
    words = []
    for token, following in zip(tokens := _TOKEN.findall(expression), [*tokens[1:], ""], strict=True):
        if token.startswith(":"):
            words.append(f"value({token!r})")
        elif token in _WORDS or not re.match(r"[#\w]", token) or following == "(":
            words.append(_WORDS.get(token, token))
        else:
            words.append(f"path({token!r})")
    return compile(" ".join(words), expression, "eval")


def _named(path: str, write: Item) -> str:
    return str(write["ExpressionAttributeNames"][path]) if path.startswith("#") else path


class _Missing:
    """An attribute that is not there: no comparison with it holds."""

    def _no(self, _other: object) -> bool:
        return False

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _no  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


_MISSING = _Missing()


def _comparable(value: Item | None) -> Any:
    """A value that compares as DynamoDB compares it: as a number, a text or a list."""
    if value is None:
        return _MISSING
    [(kind, content)] = value.items()
    if kind == "L":
        return [_comparable(each) for each in content]
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
