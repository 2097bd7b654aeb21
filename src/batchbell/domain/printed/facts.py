"""Facts: everything about one batch, for a terminal."""

from collections.abc import Iterator
from datetime import UTC, datetime

from batchbell.domain.batch import Batch, BatchError
from batchbell.domain.message.outcome import seconds_taken
from batchbell.domain.message.wording import duration
from batchbell.domain.printed.table import printable, standing_of

_TIMES = (
    ("created", "created_at"),
    ("in progress", "in_progress_at"),
    ("finalizing", "finalizing_at"),
    ("completed", "completed_at"),
    ("failed", "failed_at"),
    ("cancelling", "cancelling_at"),
    ("cancelled", "cancelled_at"),
    ("expired", "expired_at"),
    ("expires", "expires_at"),
)


def facts_of(batch: Batch, now: float) -> list[str]:
    """A line for each thing that the API said of it; what it left out is left out."""
    labelled = [(label, printable(value)) for label, value in _facts(batch, now) if value]
    width = max(len(label) for label, _ in labelled)
    return [f"{label:<{width}}  {value}" for label, value in labelled]


def _facts(batch: Batch, now: float) -> Iterator[tuple[str, str]]:
    yield "batch", batch.id
    standing = standing_of(batch)
    same = standing == batch.status.replace("_", " ")
    yield "status", standing if same else f"{standing} (status {batch.status})"
    yield from _numbers(batch)
    for label, name in _TIMES:
        at: int | None = getattr(batch, name)
        if at is not None:
            yield label, _when(at, now)
    took = seconds_taken(batch)
    yield "took", "" if took is None else duration(took)
    yield "window", batch.completion_window or ""
    yield "endpoint", batch.endpoint or ""
    yield "model", batch.model or ""
    yield "input file", batch.input_file_id or ""
    yield "output file", batch.output_file_id or ""
    yield "error file", batch.error_file_id or ""
    for key, value in batch.metadata:
        yield "metadata", f"{key}: {value}"
    for error in batch.errors:
        yield "error", _error(error)
    if batch.errors_left_out:
        yield "error", f"and {batch.errors_left_out:,} more; --json shows all"


def _numbers(batch: Batch) -> Iterator[tuple[str, str]]:
    if counts := batch.request_counts:
        yield "requests", f"{counts.total:,}: {counts.completed:,} completed, {counts.failed:,} failed"
    if usage := batch.usage:
        cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
        reasoning = f" ({usage.reasoning_tokens:,} reasoning)" if usage.reasoning_tokens else ""
        total = f"{usage.total_tokens:,} in all"
        yield (
            "tokens",
            f"{usage.input_tokens:,} in{cached}, {usage.output_tokens:,} out{reasoning}, {total}",
        )


def _when(at: int, now: float) -> str:
    distance = duration(abs(now - at))
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{moment}, {f'in {distance}' if at > now else f'{distance} ago'}"


def _error(error: BatchError) -> str:
    where = f"line {error.line:,}" if error.line is not None else ""
    param = f"param {error.param}" if error.param else ""
    return ": ".join(filter(None, (where, error.code, param, error.message)))
