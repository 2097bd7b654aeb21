"""Read OpenAI's JSON answers into values, leniently where servers differ.

`null`, absent and `""` are one. Strings are cut so that a record stays far below DynamoDB's limit of 400 KB.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from batchbell.models import Batch, BatchError, Page, RequestCounts, Row, Status, Usage, normalised

_MAX_TEXT_CHARS, _MAX_NAME_CHARS, _MAX_MESSAGE_CHARS = 512, 64, 300
_MAX_ID_BYTES, _MAX_COUNT = 512, 10**15
_MAX_ERRORS, _MAX_METADATA_PAIRS = 50, 32
_FIRST_MILLISECONDS = 10**11  # seconds reach this in the year 5138; milliseconds passed it in 1973
_YEAR_10000 = 253_402_300_800

_NAME = re.compile(r'[\s,]*"([^"\\]*)"\s*:\s*')
_KNOWN_STATUSES = frozenset(Status)
# Some servers set `completed_at` at every end, some `expired_at` beside another end: those come last.
_ENDS = (Status.FAILED, Status.CANCELLED, Status.COMPLETED, Status.EXPIRED)

_TEXTS = ("endpoint", "completion_window")
_STEPS = ("created", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")


def parse_page(content: Any, headers: Mapping[str, str]) -> Page | None:
    """Return the page in an answer of List Batches; None where it holds no list."""
    has_more: Any = False
    data = content  # a bare array (Together) is the whole list
    if isinstance(content, dict):
        data, has_more = content.get("data", ""), content.get("has_more")
        data = [] if data is None else data  # Go's empty slice
    if not isinstance(data, list):
        return None
    rows = []
    for index, raw in enumerate(data, start=1):
        batch = parse_batch(raw)
        rows.append(Row(batch.id if batch else _id(raw) or f"row {index}", batch, raw))
    project, organization = _text(headers.get("openai-project")), _text(headers.get("openai-organization"))
    return Page(tuple(rows), has_more if isinstance(has_more, bool) else None, project, organization)


def parse_retrieved(content: Any, batch_id: str) -> Row | None:
    """Return the batch in an answer of Retrieve Batch, under the id asked for; None where it is none."""
    batch = parse_batch(content, is_retrieved=True)
    return Row(batch_id, replace(batch, id=batch_id), content) if batch else None


def parse_batch(raw: Any, *, is_retrieved: bool = False) -> Batch | None:
    """Return the batch in a row; None where that is not an object with a usable id and a status."""
    batch_id = _id(raw)
    status = _status(raw) if batch_id else None
    if not batch_id or not status:
        return None
    errors = _errors(raw.get("errors") or raw.get("error"))
    fields: dict[str, Any] = {name: _text(raw.get(name)) for name in _TEXTS}
    fields |= {f"{kind}_file_id": _file(raw, kind) for kind in ("input", "output", "error")}
    fields |= {f"{step}_at": _time(raw.get(f"{step}_at")) for step in _STEPS}
    return Batch(
        id=batch_id,
        status=status,
        model=_text(raw.get("model") or raw.get("model_id")),
        expires_at=_time(raw.get("expires_at") or raw.get("job_deadline")),
        request_counts=_request_counts(raw),
        usage=_usage(raw.get("usage")),
        metadata=_metadata(raw.get("metadata")),
        errors=tuple(errors[:_MAX_ERRORS]),
        errors_left_out=max(0, len(errors) - _MAX_ERRORS),
        is_retrieved=is_retrieved,
        **fields,
    )


def head_of(text: str) -> dict[str, Any]:
    """Return the fields of a JSON object of which only the beginning is there, as far as they are whole."""
    fields, at, decoder = dict[str, Any](), text.find("{") + 1, json.JSONDecoder()
    while found := _NAME.match(text, at):
        try:
            value, at = decoder.raw_decode(text, found.end())
        except (ValueError, RecursionError):
            break
        if at < len(text):  # a number at the very end may be cut
            fields[found[1]] = value
    return fields


def number(value: Any) -> float | None:
    """Return the number or numeric string as a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def _id(raw: Any) -> str | None:
    """Return the row's id. One that is too long is none: cut, it would name another batch."""
    text = _text(raw.get("id"), _MAX_ID_BYTES + 1) if isinstance(raw, dict) else None
    return text if text and text.strip() and len(text.encode()) <= _MAX_ID_BYTES else None


def _status(raw: dict[str, Any]) -> str:
    """Return the normalised status; of an unknown one, the end that the row's times tell, if any."""
    status = normalised(_text(raw.get("status")) or "")
    if not status or status in _KNOWN_STATUSES:
        return status
    return next((str(end) for end in _ENDS if _time(raw.get(f"{end}_at"))), status)


def _file(raw: dict[str, Any], kind: str) -> str | None:
    """Return the id of a file, or its URL at Azure, without the query, which may hold a signature."""
    return _text(raw.get(f"{kind}_file_id")) or (_text(raw.get(f"{kind}_blob")) or "").partition("?")[0] or None


def _request_counts(raw: dict[str, Any]) -> RequestCounts | None:
    """Return None where nothing is counted. Bifrost counts `succeeded` beside a `completed` of 0.

    Elsewhere the counts stand beside the other fields, or as `total_requests` and the like, as in Mistral's
    API, whose `completed_requests` include the failed ones.
    """
    names = ("total", "failed", "completed", "succeeded")
    in_words = _counts(raw, *(f"{name}_requests" for name in names))
    places = (_counts(raw.get("request_counts"), *names), _counts(raw, *names), in_words)
    found = next((counts for counts in places if any(each is not None for each in counts)), None)
    if found is None:
        return None
    total, failed, completed, succeeded = found
    completed = None if found is in_words and succeeded is not None else completed
    completed, failed = _larger(completed, succeeded), failed or 0
    return RequestCounts(total or 0, completed, failed)


def _usage(raw: Any) -> Usage | None:
    """Return the tokens in the spelling of batches, or of chat completions: a server may send both."""
    names = ("input_tokens", "prompt_tokens", "output_tokens", "completion_tokens", "total_tokens")
    read, prompt, written, completion, total = counts = _counts(raw, *names)
    if all(each is None for each in counts):
        return None
    read, written = _larger(read, prompt), _larger(written, completion)
    parts = {"cached_tokens": ("input", "prompt"), "reasoning_tokens": ("output", "completion")}
    cached, reasoning = (
        _larger(*(_counts(raw.get(f"{kind}_tokens_details"), part)[0] for kind in kinds))
        for part, kinds in parts.items()
    )
    return Usage(read, written, total or read + written, cached, reasoning)


def _larger(*counts: int | None) -> int:
    return max(each or 0 for each in counts)


def _counts(raw: Any, *names: str) -> list[int | None]:
    return [_count(raw.get(name)) if isinstance(raw, dict) else None for name in names]


def _metadata(raw: Any) -> tuple[tuple[str, str], ...]:
    items = raw.items() if isinstance(raw, dict) else ()
    pairs = [(_text(key, _MAX_NAME_CHARS), _text(_as_string(value))) for key, value in items]
    return tuple([(key, value) for key, value in pairs if key and value][:_MAX_METADATA_PAIRS])


def _errors(raw: Any) -> list[BatchError]:
    """Return the errors of an object with `data`, of a list, of a lone object or of a string."""
    if not raw:
        return []
    rows, errors = raw["data"] if isinstance(raw, dict) and "data" in raw else raw, []
    for row in rows if isinstance(rows, list) else [rows]:
        fields = row if isinstance(row, dict) else {"message": row if isinstance(row, str) else None}
        error = BatchError(
            code=_text(_as_string(fields.get("code")), _MAX_NAME_CHARS),
            message=_text(_as_string(fields.get("message")), _MAX_MESSAGE_CHARS),
            line=_count(fields.get("line")),
            param=_text(fields.get("param"), _MAX_NAME_CHARS),
        )
        if error != BatchError():
            errors.append(error)
    return errors


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
    # JSON can escape a lone surrogate, which UTF-8 cannot hold: it becomes `?`.
    return value[:max_chars].encode("utf-8", "replace").decode() or None


def _count(value: Any) -> int | None:
    if value is None or (type(value) is int and 0 <= value <= _MAX_COUNT):
        return value
    count = number(value)
    return None if count is None else int(min(max(count, 0), _MAX_COUNT))


def _time(value: Any) -> int | None:
    """Return Unix seconds, from any unit down to nanoseconds, or ISO 8601. Go servers write 0 for "not yet"."""
    if value is None or (type(value) is int and 1 <= value <= _FIRST_MILLISECONDS):
        return value
    seconds = number(value)
    if seconds is None:
        try:
            at = datetime.fromisoformat(value.strip())
        except (AttributeError, ValueError):
            return None
        seconds = at.replace(tzinfo=at.tzinfo or UTC).timestamp()
    else:
        for _ in ("milliseconds", "microseconds", "nanoseconds"):
            seconds /= 1000 if seconds > _FIRST_MILLISECONDS else 1
    return int(seconds) if 1 <= seconds < _YEAR_10000 else None
