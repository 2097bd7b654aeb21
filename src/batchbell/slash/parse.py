"""What a slash command or a button asks for, from its text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote

from batchbell.models import DELETED, Status, normalised
from batchbell.notify.details import question

ALL, OPEN, PROBLEMS = "all", "open", "problems"
STATUSES = (ALL, OPEN, PROBLEMS, *Status, DELETED)
MAX_ROWS = 40  # Slack accepts some 11,000 characters in the blocks of a message; a row and its option take 200

_SHARE = {"--share", "\u2014share", "\u2013share", "-share", "share"}  # macOS makes one dash of two
_FILLERS = {"recent", "latest", "newest", "last", "list", "show", "batches", "the", "only", "needs"}
_SYNONYMS = {"running": OPEN, "attention": PROBLEMS, "problem": PROBLEMS}
_QUOTES = "`'\"<>\u2018\u2019\u201c\u201d"
_ID = re.compile(r"(?<![A-Za-z0-9])batch[_-][\w-]{1,200}", re.IGNORECASE | re.ASCII)
_OTHER_ID = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w.:=+-]{8,200}", re.ASCII)  # a UUID, base64, …


@dataclass(frozen=True, slots=True)
class Recent:
    """The most recent batches of a status, where `failed` means what it means in `NotifyOn`, and `problems` are also
    the expired; at most one of the two row positions is given, by which a page stays the same while new batches arrive.
    """

    count: int = 10
    status: str = ALL
    older_than: str | None = None
    newer_than: str | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """Everything about one batch."""

    batch_id: str


@dataclass(frozen=True, slots=True)
class BotStatus:
    """Whether batchbell itself works."""


@dataclass(frozen=True, slots=True)
class Help:
    """The forms of the command; `invalid` is a text that has none of them."""

    invalid: str | None = None


Query = Recent | Details | BotStatus | Help


@dataclass(frozen=True, slots=True)
class Command:
    """A query, and whether the whole channel is to see its answer."""

    query: Query
    is_shared: bool = False


def parse(text: str) -> Command:
    """Return what the text asks for, whatever its case, spaces and order. It never fails."""
    words = [word for each in re.split(r"[\s,;]+", text) if (word := each.strip(_QUOTES))]
    asked = [word for word in words if word.lower() not in _SHARE]
    return Command(_query(asked) or Help(invalid=text), is_shared=len(asked) < len(words))


def text_of(query: Query) -> str:
    """Return the text that asks for this, as the value of a button."""
    if isinstance(query, Details):
        return question(query.batch_id)
    if not isinstance(query, Recent):
        return "status" if isinstance(query, BotStatus) else "help"
    older = f" older:{quote(query.older_than, safe='')}" if query.older_than else ""
    newer = f" newer:{quote(query.newer_than, safe='')}" if query.newer_than else ""
    return f"{query.status} {query.count}{older}{newer}"


def _query(words: Sequence[str]) -> Query | None:
    match [word.lower() for word in words]:
        case ["help" | "--help" | "-h" | "?"]:
            return Help()
        case ["status" | "health"]:
            return BotStatus()
        case ["batch", _] if "/" not in words[1] and _is_key(batch_id := unquote(words[1])):
            return Details(batch_id)  # as a button says it
        case [_] | ["batch" | "details" | "show", _] if found := _ID.search(unquote(words[-1])):
            return Details(found[0][:5].lower() + found[0][5:])  # the word may be a link to its page
        case ["batch" | "details" | "show", _] | [_] if _OTHER_ID.fullmatch(words[-1]):
            return Details(words[-1])
    return _recent(words)


def _recent(words: Sequence[str]) -> Recent | None:
    """Return the list that the words ask for; None if one is unknown, or two contradict each other."""
    # "in progress" is one word.
    joined = re.sub(r"\b(in|timed)\s+(progress|out)\b", r"\1_\2", " ".join(words), flags=re.IGNORECASE)
    values: dict[str, int | str] = {}
    for word in [each for each in joined.split() if each.lower() not in _FILLERS]:
        name, _, position = word.partition(":")
        new: tuple[str, Any] = ("status", _SYNONYMS.get(word.lower(), str(normalised(word))))
        if re.fullmatch("[0-9]{1,9}", word):
            new = ("count", min(max(int(word), 1), MAX_ROWS))
        elif name.lower() in ("older", "newer") and len(word) < 1_000 and _is_key(unquote(position)):
            new = (f"{name.lower()}_than", unquote(position))
        elif not re.fullmatch("[a-z][a-z_]{2,39}", new[1]):  # a server may have statuses of its own
            return None
        if values.setdefault(*new) != new[1]:
            return None
    return None if {"older_than", "newer_than"} <= values.keys() else replace(Recent(), **values)  # type: ignore[arg-type]


def _is_key(text: str) -> bool:
    """Whether the text can be an id or a position, which must fit into a key of the table."""
    return text.isprintable() and 0 < len(text) < 1_000
