"""Our dataclasses as JSON, and back."""

import dataclasses
import functools
import json
import types
import typing
from enum import StrEnum
from typing import Any, TypeVar

from batchbell.models import Batch, Deleted, KeyAccepted, KeyRefused, Watching

T = TypeVar("T")

_KINDS: dict[str, type] = {
    "batch": Batch,
    "deleted": Deleted,
    "watching": Watching,
    "key_refused": KeyRefused,
    "key_accepted": KeyAccepted,
}
_KIND_OF = {cls: kind for kind, cls in _KINDS.items()}


def encoded(value: object) -> str:
    """Return a dataclass as JSON, without defaults; where a field may hold one of several, with its kind."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def decoded(cls: type[T], text: str) -> T:
    """Return the dataclass, without a newer version's fields. Raises: ValueError, KeyError, TypeError."""
    value: T = _typed(cls, json.loads(text))
    return value


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((each, getattr(value, each.name)) for each in dataclasses.fields(value))
        fields = {each.name: _plain(found) for each, found in pairs if found != each.default}
        kind = _KIND_OF.get(type(value))
        return {"kind": kind, **fields} if kind else fields
    return [_plain(each) for each in value] if isinstance(value, (tuple, list)) else value


def _typed(expected: Any, value: Any) -> Any:
    if value is None:
        return None
    args = [each for each in typing.get_args(expected) if each is not types.NoneType]
    if typing.get_origin(expected) is tuple:
        return tuple(_typed(args[0], each) for each in value)
    if args:  # a field that may hold one of several
        return _typed(args[0] if len(args) == 1 else _KINDS[value["kind"]], value)
    if dataclasses.is_dataclass(expected):
        hints = _hints(expected)
        known = {name: _typed(hints[name], each) for name, each in value.items() if name in hints}
        return expected(**known)  # type: ignore[operator]
    return expected(value) if issubclass(expected, StrEnum) else value


_hints: Any = functools.cache(typing.get_type_hints)
