"""Our dataclasses as JSON, and back."""

import dataclasses
import functools
import json
import types
import typing
from enum import StrEnum
from typing import Any, TypeVar

from batchbell.models import Subject

T = TypeVar("T")

_KINDS: dict[str, type] = {cls.__name__: cls for cls in typing.get_args(Subject)}


def encoded(value: object) -> str:
    """Return a dataclass as JSON, without defaults; where a field may hold one of several, with its kind."""
    return json.dumps(value, default=_fields, ensure_ascii=False, separators=(",", ":"))


def decoded(cls: type[T], text: str) -> T:
    """Return the dataclass, without a newer version's fields. Raises: ValueError, KeyError, TypeError."""
    value: T = _typed(cls, json.loads(text))
    return value


def _fields(value: Any) -> dict[str, Any]:
    pairs = ((each, getattr(value, each.name)) for each in dataclasses.fields(value))
    fields = {each.name: found for each, found in pairs if found != each.default}
    kind = type(value).__name__
    return {"kind": kind, **fields} if kind in _KINDS else fields


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
