"""What a slash command or a button asks for, from its text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from batchbell.models import DELETED, Status, normalised

ALL, OPEN = "all", "open"
STATUSES = (ALL, OPEN, *Status, DELETED)

MAX_ROWS = 40
"""Slack accepts at most 50 blocks; each row is one, and a few stand around them."""

FORMS = (
    ("", "the 10 most recent batches, newest first"),
    (" failed", "those that failed, wholly or in part; also any status, `open` or `all`"),
    (" 25", f"the 25 most recent, {MAX_ROWS} at most; `failed 25` is both"),
    (" batch_…", "all about one batch: its errors, tokens, files and metadata"),
    (" status", "how batchbell itself is doing"),
    (" help", "this list"),
)

_SHARE = {"--share", "\u2014share", "\u2013share", "-share", "share"}  # macOS makes one dash of two
_FILLERS = {"recent", "latest", "newest", "last", "list", "show", "batches", "the"}
_OLDER, _NEWER = "older:", "newer:"
_QUOTES = "`'\"<>\u2018\u2019\u201c\u201d"
_ID = re.compile(r"batch[_-][\w-]{1,200}", re.IGNORECASE | re.ASCII)
_MAX_LENGTH = 1_000


@dataclass(frozen=True, slots=True)
class Recent:
    """The most recent batches, newest first: all, the open ones, or those of one status.

    `failed` means what it means in `NotifyOn`. At most one of the two positions is given; they are
    those of rows, so that a page stays the same while new batches arrive.
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
    bare = (word.strip(_QUOTES) for word in re.split(r"[\s,;]+", text))
    words = [word for word in bare if word]
    asked = [word for word in words if word.lower() not in _SHARE]
    return Command(_query(asked) or Help(invalid=text), is_shared=len(asked) < len(words))


def text_of(query: Query) -> str:
    """Return the text that asks for this, as the value of a button."""
    match query:
        case Details(batch_id):
            return f"batch {quote(batch_id, safe='', errors='replace')}"
        case BotStatus():
            return "status"
        case Help():
            return "help"
        case Recent(count, status, older_than, newer_than):
            positions = ((_OLDER, older_than), (_NEWER, newer_than))
            return " ".join(
                [status, str(count), *(name + quote(key, safe="") for name, key in positions if key)]
            )


def _query(words: Sequence[str]) -> Query | None:
    match [word.lower() for word in words]:
        case ["help" | "--help" | "-h" | "?"]:
            return Help()
        case ["status" | "health"]:
            return BotStatus()
        case ["batch" | "details" | "show", _] if batch_id := _id_in(words[1]) or _other_id(words):
            return Details(batch_id)
        case [_] if batch_id := _id_in(words[0]):
            return Details(batch_id)
    return _recent(words)


def _recent(words: Sequence[str]) -> Recent | None:
    """Return the list that the words ask for; None if one is unknown, or two contradict each other."""
    # "in progress" is one word.
    joined = re.sub(r"\b(in|timed)\s+(progress|out)\b", r"\1_\2", " ".join(words), flags=re.IGNORECASE)
    values: dict[str, int | str] = {}
    for word in joined.split():
        lowered = word.lower()
        if lowered in _FILLERS:
            continue
        if re.fullmatch("[0-9]{1,9}", word):
            new: tuple[str, int | str] = ("count", min(max(int(word), 1), MAX_ROWS))
        elif lowered.startswith((_OLDER, _NEWER)) and len(word) < _MAX_LENGTH:
            position = unquote(word[len(_OLDER) :])
            new = ("older_than" if lowered.startswith(_OLDER) else "newer_than", position)
            if not position.isprintable() or not position:
                return None
        elif (status := normalised(word)) in STATUSES:
            new = ("status", str(status))
        else:
            return None
        if values.setdefault(*new) != new[1]:
            return None
    if {"older_than", "newer_than"} <= values.keys():
        return None
    return replace(Recent(), **values)  # type: ignore[arg-type]


def _id_in(word: str) -> str | None:
    """Return the batch id in a word, which may be a link to its page."""
    found = _ID.search(unquote(word))
    return found[0][:5].lower() + found[0][5:] if found else None


def _other_id(words: Sequence[str]) -> str | None:
    """Return an id that does not look like OpenAI's, which must follow the word `batch`."""
    batch_id = unquote(words[1])
    is_valid = words[0].lower() == "batch" and batch_id.isprintable() and 0 < len(batch_id) < _MAX_LENGTH
    return batch_id if is_valid else None
