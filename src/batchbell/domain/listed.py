"""Listed: rows as the API gave them, and which of them an operator asked for."""

import re
from dataclasses import dataclass

from batchbell.domain.batch import Batch, Status, normalised
from batchbell.domain.command import ALL, OPEN
from batchbell.domain.policy import has_failures

STATUSES = (ALL, OPEN, *Status)


@dataclass(frozen=True, slots=True)
class Listed:
    """One row: the batch read from it, None where it is unreadable, and the row itself, as JSON."""

    batch: Batch | None
    verbatim: str


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One answer of List Batches; `has_more` is None where the server does not say."""

    rows: tuple[Listed, ...]
    has_more: bool | None = False


def wanted_status(text: str) -> str:
    """The status meant, in the API's spelling, or `open` or `all`; other servers have others.

    Raises: ValueError for what is no word.
    """
    status = normalised(text)
    if not re.fullmatch(r"[a-z][a-z0-9_]{,59}", status):
        raise ValueError(f"{text!r} is no status; there are {', '.join(STATUSES)}, and your server's own")
    return status


def is_wanted(row: Listed, status: str) -> bool:
    """Whether the row is asked for; `failed` is meant as in `NotifyOn`: wholly or in part."""
    if status == ALL:
        return True
    if row.batch is None:
        return False
    if status == OPEN:
        return not row.batch.is_terminal
    return row.batch.status == status or (status == Status.FAILED and has_failures(row.batch))
