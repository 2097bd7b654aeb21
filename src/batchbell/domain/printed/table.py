"""Table: batches in columns, for a terminal."""

import unicodedata
from collections.abc import Sequence

from batchbell.domain.batch import Batch
from batchbell.domain.listed import Listed
from batchbell.domain.message.outcome import seconds_taken
from batchbell.domain.message.sentence import given_name
from batchbell.domain.message.wording import duration
from batchbell.domain.verdict import Verdict, verdict_for

_HEADINGS = ("STATUS", "NAME", "ID", "REQUESTS", "AGE", "TOOK")
_NAME_ROOM = 40
_UNKNOWN = "completed, unclear"


def table_of(rows: Sequence[Listed], now: float) -> list[str]:
    """A heading and a line for each row; columns as wide as they need to be."""
    cells = [_HEADINGS, *(_cells(row.batch, now) for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(_padded, line, widths)).rstrip() for line in cells]


def standing_of(batch: Batch) -> str:
    """How it really ended, or else its status."""
    verdict = verdict_for(batch)
    if verdict is None:
        return printable(batch.status.replace("_", " "))
    return _UNKNOWN if verdict is Verdict.UNKNOWN else verdict


def printable(text: str) -> str:
    """Foreign text in one line, without what would steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def _cells(batch: Batch | None, now: float) -> tuple[str, ...]:
    if batch is None:
        return ("unreadable", "", "see --json", "", "", "")
    _, name = given_name(batch) or ("", "")
    took = seconds_taken(batch)
    return (
        standing_of(batch),
        _cut(printable(name)),
        printable(batch.id),
        _requests(batch),
        "" if batch.created_at is None else duration(now - batch.created_at),
        "" if took is None else duration(took),
    )


def _requests(batch: Batch) -> str:
    counts = batch.request_counts
    if counts is None or counts.total <= 0:
        return ""
    if counts.completed >= counts.total:
        return f"{counts.total:,}"
    done = counts.completed + counts.failed
    if verdict_for(batch) in (Verdict.PARTLY_FAILED, Verdict.ALL_FAILED) and counts.failed:
        return f"{counts.failed:,} of {counts.total:,} failed"
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    return f"{done:,} of {counts.total:,}{failed}"


def _cut(name: str) -> str:
    return name if len(name) <= _NAME_ROOM else f"{name[: _NAME_ROOM - 1]}…"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """The cells it takes: East Asian characters and most emoji take two."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
