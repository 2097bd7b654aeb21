"""Read OpenAI's JSON answers into values, leniently where servers differ.

`null`, absent and `""` are one. Strings are cut so that a record stays far below DynamoDB's limit
of 400 KB. Lone surrogates, which JSON can escape and UTF-8 cannot hold, become `?`.
"""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from batchbell.models import Batch, BatchError, Page, RequestCounts, Row, Status, Usage, normalised

_MAX_TEXT_CHARS = 512
_MAX_ID_BYTES = 512
_MAX_ERRORS = 50
_MAX_MESSAGE_CHARS = 300
_MAX_METADATA_PAIRS = 32
_MAX_NAME_CHARS = 64
_MAX_COUNT = 10**15

_FIRST_MILLISECONDS = 10**11
"""Seconds reach this in the year 5138; milliseconds passed it in 1973."""

_YEAR_10000 = 253_402_300_800

_KNOWN_STATUSES = frozenset(Status)

# Some servers set `completed_at` at every end, some `expired_at` beside another end: those come last.
_ENDS = (Status.FAILED, Status.CANCELLED, Status.COMPLETED, Status.EXPIRED)


def parse_page(content: Any, project: str | None = None, organization: str | None = None) -> Page | None:
    """Return the page in an answer of List Batches; None where it holds no list.

    A bare array (Together) is the whole list, and a `data` of null (Go's empty slice) an empty one.
    """
    if isinstance(content, dict):
        rows, has_more = content.get("data", ""), content.get("has_more")
        rows = [] if rows is None else rows
    else:
        rows, has_more = content, False
    if not isinstance(rows, list):
        return None
    return Page(
        tuple(_row(raw, number) for number, raw in enumerate(rows, start=1)),
        has_more if isinstance(has_more, bool) else None,
        project=_text(project),
        organization=_text(organization),
    )


def parse_retrieved(content: Any, batch_id: str) -> Row | None:
    """Return the batch in an answer of Retrieve Batch, under the id asked for; None where it is none."""
    batch = parse_batch(content, is_retrieved=True)
    if batch is None:
        return None
    return Row(batch_id, batch if batch.id == batch_id else replace(batch, id=batch_id), content)


def parse_batch(raw: Any, *, is_retrieved: bool = False) -> Batch | None:
    """Return the batch in a row; None where that is not an object with a usable id and a status."""
    batch_id = _id(raw)
    status = _status(raw) if batch_id else None
    if not batch_id or not status:
        return None
    errors = _errors(raw.get("errors") or raw.get("error"))
    return Batch(
        id=batch_id,
        status=status,
        created_at=_time(raw.get("created_at")),
        endpoint=_text(raw.get("endpoint")),
        model=_text(raw.get("model") or raw.get("model_id")),
        completion_window=_text(raw.get("completion_window")),
        input_file_id=_text(raw.get("input_file_id")),
        output_file_id=_text(raw.get("output_file_id")),
        error_file_id=_text(raw.get("error_file_id")),
        in_progress_at=_time(raw.get("in_progress_at")),
        expires_at=_time(raw.get("expires_at") or raw.get("job_deadline")),
        finalizing_at=_time(raw.get("finalizing_at")),
        completed_at=_time(raw.get("completed_at")),
        failed_at=_time(raw.get("failed_at")),
        expired_at=_time(raw.get("expired_at")),
        cancelling_at=_time(raw.get("cancelling_at")),
        cancelled_at=_time(raw.get("cancelled_at")),
        request_counts=_request_counts(raw.get("request_counts")),
        usage=_usage(raw.get("usage")),
        metadata=_metadata(raw.get("metadata")),
        errors=errors[:_MAX_ERRORS],
        errors_left_out=max(0, len(errors) - _MAX_ERRORS),
        is_retrieved=is_retrieved,
    )


def _row(raw: Any, number: int) -> Row:
    batch = parse_batch(raw)
    return Row(batch.id if batch else _id(raw) or f"row {number}", batch, raw)


def _id(raw: Any) -> str | None:
    """Return the row's id. One that is too long is none: cut, it would name another batch."""
    text = _text(raw.get("id"), _MAX_ID_BYTES + 1) if isinstance(raw, dict) else None
    return text if text and text.strip() and len(text.encode()) <= _MAX_ID_BYTES else None


def _status(raw: dict[str, Any]) -> str | None:
    """Return the normalised status; of an unknown one, the end that the row's times tell, if any."""
    status = _text(raw.get("status"))
    if status is None or status in _KNOWN_STATUSES:
        return status
    status = normalised(status)
    if not status or status in _KNOWN_STATUSES:
        return status
    return next((str(end) for end in _ENDS if _time(raw.get(f"{end}_at"))), status)


def _request_counts(counts: Any) -> RequestCounts | None:
    """Return None where nothing is counted. Bifrost counts `succeeded` beside a `completed` of 0."""
    if not isinstance(counts, dict):
        return None
    total, failed = _count(counts.get("total")), _count(counts.get("failed"))
    completed, succeeded = _count(counts.get("completed")), _count(counts.get("succeeded"))
    if total is None and failed is None and completed is None and succeeded is None:
        return None
    completed, failed = max(completed or 0, succeeded or 0), failed or 0
    return RequestCounts(completed + failed if total is None else total, completed, failed)


def _usage(usage: Any) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    input_tokens, output_tokens = _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))
    total = _count(usage.get("total_tokens"))
    if total is None and input_tokens is None and output_tokens is None:
        return None
    return Usage(
        input_tokens or 0,
        output_tokens or 0,
        total or (input_tokens or 0) + (output_tokens or 0),
        cached_tokens=_token_detail(usage.get("input_tokens_details"), "cached_tokens"),
        reasoning_tokens=_token_detail(usage.get("output_tokens_details"), "reasoning_tokens"),
    )


def _token_detail(details: Any, name: str) -> int:
    return (_count(details.get(name)) or 0) if isinstance(details, dict) else 0


def _metadata(metadata: Any) -> tuple[tuple[str, str], ...]:
    if not metadata or not isinstance(metadata, dict):
        return ()
    pairs = [(_text(key, _MAX_NAME_CHARS), _text(_as_string(value))) for key, value in metadata.items()]
    return tuple([(key, value) for key, value in pairs if key and value][:_MAX_METADATA_PAIRS])


def _errors(errors: Any) -> tuple[BatchError, ...]:
    """Return the errors of an object with `data`, of a list, of a lone object or of a string."""
    if not errors:
        return ()
    if isinstance(errors, dict) and "data" in errors:
        errors = errors["data"]
    rows = errors if isinstance(errors, list) else [errors]
    return tuple(error for row in rows if (error := _error(row)))


def _error(row: Any) -> BatchError | None:
    if isinstance(row, str):
        row = {"message": row}
    if not isinstance(row, dict):
        return None
    error = BatchError(
        code=_text(_as_string(row.get("code")), _MAX_NAME_CHARS),
        message=_text(_as_string(row.get("message")), _MAX_MESSAGE_CHARS),
        line=_count(row.get("line")),
        param=_text(row.get("param"), _MAX_NAME_CHARS),
    )
    return error if error != BatchError() else None


def _as_string(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return None


def _text(value: Any, max_chars: int = _MAX_TEXT_CHARS) -> str | None:
    if not isinstance(value, str):
        return None
    if value.isascii() and len(value) <= max_chars:
        return value or None
    return value[:max_chars].encode("utf-8", "replace").decode() or None


def _count(value: Any) -> int | None:
    if value is None or (type(value) is int and 0 <= value <= _MAX_COUNT):
        return value
    number = _number(value)
    return None if number is None else int(min(max(number, 0), _MAX_COUNT))


def _time(value: Any) -> int | None:
    """Return Unix seconds, from seconds, milliseconds or ISO 8601. Go servers write 0 for "not yet"."""
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
        at = datetime.fromisoformat(value.strip())
    except ValueError:
        return 0
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
