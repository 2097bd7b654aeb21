"""Summarise the error file of a batch: how often each reason occurs, and nothing that a request says.

Each line holds a request's error, in one of two shapes: with the answer to the request, or without any.
    {"custom_id": …, "response": {"status_code": 400, "body": {"error": {"code": …, "type": …}}}, "error": null}
    {"custom_id": …, "response": null, "error": {"code": "batch_expired"}}
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from batchbell.models import ErrorSummary

_MAX_LINE_BYTES = 2**18
_MAX_REASONS = 20
_OTHER = "other"
_CODE = re.compile("[A-Za-z]+(_[A-Za-z0-9]+)*")
_NOT_RUN = ("batch_expired", "batch_cancelled")


def summary_of(chunks: Iterable[bytes], max_bytes: int, errors: tuple[type[Exception], ...]) -> ErrorSummary | None:
    """Return what a file says in its first `max_bytes`, or before one of `errors`, EOFError among them; None if that is no line.

    A line that is too long, or is no line of such a file, is skipped.
    """
    reasons, is_whole = Counter[str](), True
    try:
        for line in _lines(chunks, max_bytes):
            if len(line) > _MAX_LINE_BYTES or (reason := _reason_of(line)) is None:
                continue
            # Any number of different words must fit into the memory and the record.
            is_kept = reason in reasons or len(reasons) < _MAX_REASONS or reason in _NOT_RUN
            reasons[reason if is_kept else _OTHER] += 1
    except errors:
        is_whole = False
    lines, not_run = reasons.total(), sum(reasons.pop(each, 0) for each in _NOT_RUN)
    return ErrorSummary(tuple(reasons.most_common()), not_run, lines, is_whole) if lines else None


def _lines(chunks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    """Yield each line, of which no more is kept than it may have. Raises: EOFError if there are more bytes."""
    rest = bytearray()
    for chunk in chunks:
        first, *others = chunk[:max_bytes].split(b"\n")
        rest += first[: _MAX_LINE_BYTES + 1 - len(rest)]
        for each in others:
            yield bytes(rest)
            rest = bytearray(each[: _MAX_LINE_BYTES + 1])
        max_bytes -= len(chunk)
        if max_bytes < 0:
            raise EOFError
    yield bytes(rest)


def _reason_of(line: bytes) -> str | None:
    """Return the reason in a line: the code, else the type, else the HTTP status. None if it is no such line."""
    try:
        row = _object(json.loads(line))
    except (ValueError, RecursionError):
        return None
    error, response = _object(row.get("error")), _object(row.get("response"))
    if "custom_id" not in row or not (error or response):
        return None
    answered, status = _object(_object(response.get("body")).get("error")), response.get("status_code")
    for word in (error.get("code"), answered.get("code"), answered.get("type")):
        # Only what looks like a code, so that no text of a request or a message gets any further.
        if isinstance(word, str) and len(word) <= 48 and _CODE.fullmatch(word) and word != row["custom_id"]:
            return word
    is_status = isinstance(status, int | str) and re.fullmatch("[1-5][0-9][0-9]", str(status))
    return str(status) if is_status else _OTHER


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
