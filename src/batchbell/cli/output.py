"""What a person sees: the table of `list`, the facts of `show`, a check's result, progress and errors."""

import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from batchbell.models import Batch, Outcome, Row, outcome_of
from batchbell.notify.details import given_name, seconds_taken
from batchbell.notify.mrkdwn import duration

_CLEAR = "\r\x1b[K"
_HEADINGS = ("STATUS", "NAME", "ID", "REQUESTS", "AGE", "TOOK")
_MAX_NAME = 40
_TIMES = "created in_progress finalizing completed failed cancelling cancelled expired expires"


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Say on the terminal what takes time, until it is done; elsewhere say nothing."""
    if not sys.stderr.isatty():
        yield
        return
    print(f"{_CLEAR}{what} …", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print(_CLEAR, end="", file=sys.stderr, flush=True)


def print_error(reason: str) -> int:
    """Print in one line what went wrong; return the exit code for it."""
    print(f"batchbell: {' '.join(reason.split())}", file=sys.stderr)
    return 1


def printable(untrusted: str) -> str:
    """Return the text in one line, without characters that control the terminal."""
    return "".join(char if char.isprintable() else " " for char in untrusted)


def table_of(rows: Sequence[Row], now: float) -> list[str]:
    """Return headings and a line for each row, in columns as wide as they need to be."""
    lines = [_HEADINGS, *(_cells(row.batch, now) for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(map(_padded, line, widths)).rstrip() for line in lines]


def _cells(batch: Batch | None, now: float) -> tuple[str, ...]:
    if batch is None:
        return ("unreadable", "", "see --json", "", "", "")
    _, name = given_name(batch) or ("", "")
    took_s = seconds_taken(batch)
    return (
        _status(batch),
        printable(name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 1]}…"),
        printable(batch.id),
        _requests(batch),
        "" if batch.created_at is None else duration(now - batch.created_at),
        "" if took_s is None else duration(took_s),
    )


def _status(batch: Batch) -> str:
    """Return how the batch really ended, or its status while it is open."""
    outcome = outcome_of(batch)
    if outcome is Outcome.UNKNOWN:
        return "completed, unclear"
    return outcome or printable(batch.status.replace("_", " "))


def _requests(batch: Batch) -> str:
    counts = batch.request_counts
    if counts is None or counts.total <= 0:
        return ""
    if counts.completed >= counts.total:
        return f"{counts.total:,}"
    if outcome_of(batch) in (Outcome.PARTLY_FAILED, Outcome.ALL_FAILED) and counts.failed:
        return f"{counts.failed:,} of {counts.total:,} failed"
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    return f"{counts.completed + counts.failed:,} of {counts.total:,}{failed}"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Return how many cells the text takes: East Asian characters and most emoji take two."""
    wide = ("W", "F")
    cells = (
        2 if unicodedata.east_asian_width(char) in wide else 1
        for char in text
        if not unicodedata.combining(char)
    )
    return sum(cells)


def facts_of(batch: Batch, now: float) -> list[str]:
    """Return a line for each thing that the API said about the batch."""
    facts = [(label, printable(value)) for label, value in _facts(batch, now) if value]
    width = max(len(label) for label, _ in facts)
    return [f"{label:<{width}}  {value}" for label, value in facts]


def _facts(batch: Batch, now: float) -> Iterator[tuple[str, str | None]]:
    yield "batch", batch.id
    status = _status(batch)
    is_same = status == batch.status.replace("_", " ")
    yield "status", status if is_same else f"{status} (status {batch.status})"
    if counts := batch.request_counts:
        yield "requests", f"{counts.total:,}: {counts.completed:,} completed, {counts.failed:,} failed"
    if usage := batch.usage:
        cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
        reasoning = f" ({usage.reasoning_tokens:,} reasoning)" if usage.reasoning_tokens else ""
        tokens = f"{usage.input_tokens:,} in{cached}, {usage.output_tokens:,} out{reasoning}"
        yield "tokens", f"{tokens}, {usage.total_tokens:,} in all"
    for name in _TIMES.split():
        if (at := getattr(batch, f"{name}_at")) is not None:
            moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            distance = duration(abs(now - at))
            yield name.replace("_", " "), f"{moment}, {f'in {distance}' if at > now else f'{distance} ago'}"
    took_s = seconds_taken(batch)
    yield "took", None if took_s is None else duration(took_s)
    yield "window", batch.completion_window
    for name in ("endpoint", "model", "input_file", "output_file", "error_file"):
        yield name.replace("_", " "), getattr(batch, f"{name}_id" if "file" in name else name)
    for key, value in batch.metadata:
        yield "metadata", f"{key}: {value}"
    for error in batch.errors:
        line = f"line {error.line:,}" if error.line is not None else ""
        param = f"param {error.param}" if error.param else ""
        yield "error", ": ".join(filter(None, (line, error.code, param, error.message)))
    if batch.errors_left_out:
        yield "error", f"and {batch.errors_left_out:,} more; --json shows all"
