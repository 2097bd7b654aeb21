"""OpenAI: JSON answers parsed, leniently where servers differ.

`null`, absent and `""` are one. Strings are cut so that a record stays far below DynamoDB's
400 KB, and lone surrogates, which JSON can escape and UTF-8 cannot hold, become `?`.
"""

import json
import math
from datetime import UTC, datetime
from typing import Any

from batchbell.domain.batch import Batch, BatchError, Page, RequestCounts, Usage, normalised

_MOST_CHARS = 512
_MOST_ID_BYTES = 512
_MOST_ERRORS = 50
_MOST_ERROR_CHARS = 300
_MOST_PAIRS = 32
_MOST_WORD_CHARS = 64
_MOST_COUNT = 10**15

_FIRST_MILLISECONDS = 10**11
"""Seconds reach this in the year 5138; milliseconds passed it in 1973."""

_NOTHING = BatchError()

_YEAR_10000 = 253_402_300_800


def parse_page(content: Any, project: str | None = None) -> Page | None:
    """The page that an answer of List Batches holds; None where it holds no list.

    A bare array (Together) is the whole list, and a `data` of null (Go's empty slice) an empty one.
    """
    rows = rows_of(content)
    if rows is None:
        return None
    batches, unreadable = [], []
    for place, row in enumerate(rows, start=1):
        if batch := parse_batch(row):
            batches.append(batch)
        else:
            unreadable.append(_id(row) or f"row {place}")
    has_more = content.get("has_more") if isinstance(content, dict) else False
    return Page(
        batches=tuple(batches),
        has_more=has_more if isinstance(has_more, bool) else None,
        unreadable=tuple(unreadable),
        project=_text(project),
    )


def rows_of(content: Any) -> list[Any] | None:
    """The rows of an answer of List Batches, as they came; None where it holds no list."""
    rows = content.get("data", "") if isinstance(content, dict) else content
    if rows is None and isinstance(content, dict):
        return []
    return rows if isinstance(rows, list) else None


def parse_batch(row: Any, *, is_retrieved: bool = False) -> Batch | None:
    """The batch in a row; None where it is not an object with a usable id and a status."""
    batch_id = _id(row)
    if not batch_id:
        return None
    status = normalised(_text(row.get("status")) or "")
    if not status:
        return None
    errors = _parse_errors(row.get("errors") or row.get("error"))
    return Batch(
        id=batch_id,
        status=status,
        endpoint=_text(row.get("endpoint")),
        model=_text(row.get("model") or row.get("model_id")),
        completion_window=_text(row.get("completion_window")),
        input_file_id=_text(row.get("input_file_id")),
        output_file_id=_text(row.get("output_file_id")),
        error_file_id=_text(row.get("error_file_id")),
        created_at=_time(row.get("created_at")),
        in_progress_at=_time(row.get("in_progress_at")),
        expires_at=_time(row.get("expires_at") or row.get("job_deadline")),
        finalizing_at=_time(row.get("finalizing_at")),
        completed_at=_time(row.get("completed_at")),
        failed_at=_time(row.get("failed_at")),
        expired_at=_time(row.get("expired_at")),
        cancelling_at=_time(row.get("cancelling_at")),
        cancelled_at=_time(row.get("cancelled_at")),
        request_counts=_parse_counts(row.get("request_counts")),
        usage=_parse_usage(row.get("usage")),
        metadata=_parse_metadata(row.get("metadata")),
        errors=errors[:_MOST_ERRORS],
        errors_left_out=max(0, len(errors) - _MOST_ERRORS),
        is_retrieved=is_retrieved,
    )


def _parse_counts(counts: Any) -> RequestCounts | None:
    """None where nothing is counted. Bifrost counts what succeeded beside a `completed` of 0."""
    if not isinstance(counts, dict):
        return None
    total, failed = _count(counts.get("total")), _count(counts.get("failed"))
    completed, succeeded = _count(counts.get("completed")), _count(counts.get("succeeded"))
    if total is None and failed is None and completed is None and succeeded is None:
        return None
    completed, failed = max(completed or 0, succeeded or 0), failed or 0
    return RequestCounts(completed + failed if total is None else total, completed, failed)


def _parse_usage(usage: Any) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    read, written = _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))
    total = _count(usage.get("total_tokens"))
    if total is None and read is None and written is None:
        return None
    return Usage(
        input_tokens=read or 0,
        output_tokens=written or 0,
        total_tokens=total or (read or 0) + (written or 0),
        cached_tokens=_detail(usage, "input_tokens_details", "cached_tokens"),
        reasoning_tokens=_detail(usage, "output_tokens_details", "reasoning_tokens"),
    )


def _detail(usage: dict[str, Any], group: str, name: str) -> int:
    details = usage.get(group)
    return (_count(details.get(name)) or 0) if isinstance(details, dict) else 0


def _parse_metadata(metadata: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(metadata, dict):
        return ()
    pairs = [(_text(key, _MOST_WORD_CHARS), _text(_as_string(value))) for key, value in metadata.items()]
    return tuple([(key, value) for key, value in pairs if key and value][:_MOST_PAIRS])


def _as_string(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return None


def _parse_errors(errors: Any) -> tuple[BatchError, ...]:
    """The errors in an object with `data`, a list, a lone object or a string."""
    if not errors:
        return ()
    if isinstance(errors, dict) and "data" in errors:
        errors = errors["data"]
    rows = errors if isinstance(errors, list) else [errors]
    return tuple(error for row in rows if (error := _parse_error(row)))


def _parse_error(row: Any) -> BatchError | None:
    if isinstance(row, str):
        row = {"message": row}
    if not isinstance(row, dict):
        return None
    error = BatchError(
        code=_text(_as_string(row.get("code")), _MOST_WORD_CHARS),
        message=_text(_as_string(row.get("message")), _MOST_ERROR_CHARS),
        line=_count(row.get("line")),
        param=_text(row.get("param"), _MOST_WORD_CHARS),
    )
    return error if error != _NOTHING else None


def _id(row: Any) -> str | None:
    """The row's id. One that is too long is none: cut, it would be another's."""
    value = _text(row.get("id"), _MOST_ID_BYTES + 1) if isinstance(row, dict) else None
    is_usable = value and value.strip() and len(value.encode()) <= _MOST_ID_BYTES
    return value if is_usable else None


def _text(value: Any, most_chars: int = _MOST_CHARS) -> str | None:
    if not isinstance(value, str):
        return None
    if value.isascii() and len(value) <= most_chars:
        return value or None
    return value[:most_chars].encode("utf-8", "replace").decode() or None


def _count(value: Any) -> int | None:
    if value is None or (type(value) is int and 0 <= value <= _MOST_COUNT):
        return value
    number = _number(value)
    return None if number is None else int(min(max(number, 0), _MOST_COUNT))


def _time(value: Any) -> int | None:
    """Unix seconds, from seconds, milliseconds or ISO 8601. Go servers say 0 for "not yet"."""
    if value is None or (type(value) is int and 1 <= value <= _FIRST_MILLISECONDS):
        return value
    seconds = _number(value)
    if seconds is None:
        seconds = _iso_seconds(value) if isinstance(value, str) else 0
    elif seconds > _FIRST_MILLISECONDS:
        seconds /= 1000
    return int(seconds) if 1 <= seconds < _YEAR_10000 else None


def _iso_seconds(value: str) -> float:
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return 0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
