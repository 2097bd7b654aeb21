"""What a person sees: progress and errors, the table of `list`, the facts of `show`, what checks found."""

import io
import sys
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any, TextIO

from batchbell.models import Batch, Row, Status
from batchbell.notify import details
from batchbell.notify.details import given_name, seconds_taken, tokens
from batchbell.notify.mrkdwn import counted, duration

STATUSES = ("all", "open", "problems", *Status)  # a server may have others
MARKS = {"ok": "✓", "wrong": "✗", "skipped": "\N{EN DASH}"}
_TIMES = ["created", "in_progress", "finalizing", "cancelling", "completed", "failed", "cancelled", "expired"]


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Say on the terminal what takes time, until it is done; elsewhere say nothing."""
    terminal, clear_line = sys.stderr if sys.stderr.isatty() else io.StringIO(), "\r\x1b[K"
    print(f"{clear_line}{what} …", end="", file=terminal, flush=True)
    try:
        yield
    finally:
        print(clear_line, end="", file=terminal, flush=True)


def say(text: str, file: TextIO | None = None) -> None:
    """Print lines. Control characters in untrusted words become blanks."""
    print("\n".join(map(printable, text.split("\n"))), file=file, flush=True)


def print_error(reason: str) -> int:
    """Print in one line what went wrong; return the exit code for it."""
    say(f"batchbell: {' '.join(reason.split())}", file=sys.stderr)
    return 1


def printable(untrusted: str) -> str:
    """Return the text in one line, without characters that control the terminal."""
    return "".join(char if char.isprintable() else " " for char in untrusted)


def plain(markup: str) -> str:
    """Return in one line what messages say with Slack's markup."""
    return printable(unescape(markup.replace("`", "")))


def table_of(rows: Sequence[Row], now: float) -> list[str]:
    """Return headings and a line for each row, in columns as wide as they need to be."""
    lines = [("STATUS", "NAME", "ID", "REQUESTS", "WHEN", "TOOK"), *(_cells(row.batch, now) for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    padded = ([text + " " * (width - _width(text)) for text, width in zip(line, widths, strict=True)] for line in lines)
    return ["  ".join(line).rstrip() for line in padded]


def _cells(batch: Batch | None, now: float) -> tuple[str, ...]:
    if batch is None:
        return ("unreadable", "", "see --json", "", "", "")
    _, name = given_name(batch) or ("", "")
    took_s = seconds_taken(batch)
    return (
        plain(details.label(batch)),
        printable(name if len(name) <= 40 else f"{name[:39]}…"),
        printable(batch.id),
        plain(details.counts_text(batch)),
        _when(batch, now),
        "" if took_s is None else duration(took_s),
    )


def _when(batch: Batch, now: float) -> str:
    """Return how long ago it ended, or how long it may still run; else its age."""
    if batch.ended_at is not None:
        return f"ended {duration(now - batch.ended_at)} ago"
    if batch.is_open and batch.status != Status.CANCELLING and (batch.expires_at or 0) > now:
        return f"{duration((batch.expires_at or 0) - now)} left"
    return "" if batch.created_at is None else f"created {duration(now - batch.created_at)} ago"


def _width(text: str) -> int:
    """Return how many cells the text takes: East Asian characters and most emoji take two."""
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text if not unicodedata.combining(char))


def facts_of(batch: Batch, now: float, page: str | None = None) -> list[str]:
    """Return how the batch ended, why and what to do, and a line for each thing that the API said about it."""
    facts = [(label, printable(value)) for label, value in _facts(batch, now, page) if value]
    width = max(len(label) for label, _ in facts)
    return [f"{label:<{width}}  {value}" for label, value in facts]


def _facts(batch: Batch, now: float, page: str | None) -> Iterator[tuple[str, str | None]]:
    yield "batch", batch.id
    shown, status = plain(details.label(batch)), batch.status
    yield "status", shown if shown.startswith(status.replace("_", " ")) else f"{shown} (status {status})"
    yield "happened", plain(details.happened(batch))
    for reason in details.request_reasons(batch, most=20):
        yield "why", plain(reason)
    if batch.error_summary and not batch.error_summary.is_whole:
        yield "why", f"in the first {counted(batch.error_summary.lines, 'line')} of the error file; there are more"
    yield "next", details.capitalised(plain(details.next_step(batch)))
    yield "page", page
    if counts := batch.request_counts:
        yield "requests", f"{counts.total:,}: {counts.completed:,} completed, {counts.failed:,} failed"
    if batch.usage:
        total = f"{batch.usage.total_tokens:,} in all"
        yield "tokens", total if tokens(batch.usage) in ("", total) else f"{tokens(batch.usage)}, {total}"
    names = _TIMES + ([] if batch.is_terminal else ["expires"])
    times = [(at, name) for name in names if (at := getattr(batch, f"{name}_at")) is not None]
    for at, name in sorted(times, key=lambda time: time[0]):
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


def cli_texts() -> dict[str, Any]:
    """Return the sections of advice.toml."""
    return tomllib.loads(Path(__file__).with_name("advice.toml").read_text("utf-8"))


def text_for(section: str, code: str, **values: str) -> str:
    """Return a code's text of advice.toml; `values` are named in it."""
    texts = cli_texts()[section]
    area, _, name = code.rpartition(".")
    return str(next(texts[key] for key in (code, f"{area}.*", f"*.{name}") if key in texts)).format(**values)


class CheckError(Exception):
    """What a check found wrong, with its code, or why it was skipped, without one; and what to do.

    `values` are named in the advice for the code, if none is given.
    """

    def __init__(self, says: str, code: str | None = None, advice: str | None = None, **values: str) -> None:
        super().__init__(says)
        self.code, self.advice = code, advice or (text_for("advice", code, **values) if code else None)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What `check` says: `standing` is ok, wrong or skipped. Programs read `check` and `code`: neither ever changes."""

    check: str
    standing: str
    says: str
    code: str | None = None
    advice: str | None = None
