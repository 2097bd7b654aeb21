"""Summarise the error file of a batch: how often each reason occurs, and nothing that a request says.

Each line holds a request's error, in one of two shapes: with the answer to the request, or without any.
    {"custom_id": …, "response": {"status_code": 400, "body": {"error": {"code": …, "type": …}}}, "error": null}
    {"custom_id": …, "response": null, "error": {"code": "batch_expired"}}
"""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from batchbell.models import ErrorSummary

_MAX_LINE_BYTES = 2**18
_MAX_REASONS = 20
_OTHER = "other"
_CODE = re.compile("[A-Za-z]+(_[A-Za-z0-9]+)*")
_NOT_RUN = ("batch_expired", "batch_cancelled")


@dataclass(slots=True)
class ErrorFile:
    """An error file as it arrives, chunk by chunk; never more than a line of it is kept.

    A line that is too long, or is no line of such a file, is skipped: the summary then is not of the whole file.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    has_unreadable: bool = False
    rest: bytearray = field(default_factory=bytearray)

    def add(self, chunk: bytes) -> None:
        first, *others = chunk.split(b"\n")
        self._add_rest(first)
        for each in others:
            self._take_line()
            self._add_rest(each)

    def summary(self, *, is_whole: bool) -> ErrorSummary | None:
        """Return what was read; None if that is no line. Unless `is_whole`, the last line may be cut: it is dropped."""
        if is_whole:
            self._take_line()
        lines, not_run = self.reasons.total(), sum(self.reasons.pop(each, 0) for each in _NOT_RUN)
        reasons = tuple(self.reasons.most_common())
        return ErrorSummary(reasons, not_run, lines, is_whole and not self.has_unreadable) if lines else None

    def _add_rest(self, part: bytes) -> None:
        self.rest += part[: _MAX_LINE_BYTES + 1 - len(self.rest)]

    def _take_line(self) -> None:
        line = self.rest.strip()
        self.rest.clear()
        if not line:
            return
        reason = _reason_of(line) if len(line) <= _MAX_LINE_BYTES else None
        if reason is None:
            self.has_unreadable = True
            return
        # Any number of different words must fit into the memory and the record.
        is_kept = reason in self.reasons or len(self.reasons) < _MAX_REASONS or reason in _NOT_RUN
        self.reasons[reason if is_kept else _OTHER] += 1


def _reason_of(line: bytearray) -> str | None:
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
