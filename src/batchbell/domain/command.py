"""Command: what a slash command or a button asks for, from its text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from batchbell.domain.batch import Status, normalised
from batchbell.domain.watch import GONE

ALL, OPEN = "all", "open"
STATUSES = (ALL, OPEN, *Status, GONE)

MOST_ROWS = 40
"""Slack draws at most 50 blocks; each row is one, and a few stand around them."""

_SHARE = {"--share", "\u2014share", "\u2013share", "-share", "share"}  # macOS makes one dash of two
_FILLERS = {"recent", "latest", "newest", "last", "list", "show", "batches", "the"}
_OLDER, _NEWER = "older:", "newer:"
_QUOTES = "`'\"<>\u2018\u2019\u201c\u201d"
_ID = re.compile(r"batch[_-][\w-]{1,200}", re.IGNORECASE | re.ASCII)
_LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class Recent:
    """The most recent batches, newest first: all, the open ones, or those of one status.

    `failed` is meant as in `NotifyOn`. At most one of the two positions is given; they are those
    of rows, so that a page stays what it was while new batches arrive.
    """

    count: int = 10
    status: str = ALL
    older_than: str | None = None
    newer_than: str | None = None


@dataclass(frozen=True, slots=True)
class One:
    """All about one batch."""

    batch_id: str


@dataclass(frozen=True, slots=True)
class Health:
    """How batchbell itself is doing."""


@dataclass(frozen=True, slots=True)
class Help:
    """What can be asked; `misread` is what was asked and not understood."""

    misread: str | None = None


Query = Recent | One | Health | Help


@dataclass(frozen=True, slots=True)
class Command:
    """A query, and whether the whole channel is to see its answer."""

    query: Query
    is_shared: bool = False


def parse(text: str) -> Command:
    """What the text asks for, whatever its case, spaces and order; never an error."""
    bare = (word.strip(_QUOTES) for word in re.split(r"[\s,;]+", text))
    words = [word for word in bare if word]
    asked = [word for word in words if word.lower() not in _SHARE]
    return Command(_query(asked) or Help(misread=text), is_shared=len(asked) < len(words))


def text_of(query: Query) -> str:
    """The text that asks for this, for a button to carry."""
    match query:
        case One(batch_id):
            return f"batch {quote(batch_id, safe='', errors='replace')}"
        case Health():
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
            return Health()
        case ["batch" | "details" | "show", _] if batch_id := _id_in(words[1]) or _foreign_id(words):
            return One(batch_id)
        case [_] if batch_id := _id_in(words[0]):
            return One(batch_id)
    return _recent(words)


def _recent(words: Sequence[str]) -> Recent | None:
    """What the words say of a list; None if one says nothing, or two contradict each other."""
    said: dict[str, int | str] = {}
    for word in _statuses_joined(words):
        lowered = word.lower()
        if lowered in _FILLERS:
            continue
        if re.fullmatch("[0-9]{1,9}", word):
            new: tuple[str, int | str] = ("count", min(max(int(word), 1), MOST_ROWS))
        elif lowered.startswith((_OLDER, _NEWER)) and len(word) < _LONGEST:
            position = unquote(word[len(_OLDER) :])
            new = ("older_than" if lowered.startswith(_OLDER) else "newer_than", position)
            if not position.isprintable() or not position:
                return None
        elif (status := normalised(word)) in STATUSES:
            new = ("status", str(status))
        else:
            return None
        if said.setdefault(*new) != new[1]:
            return None
    if {"older_than", "newer_than"} <= said.keys():
        return None
    return replace(Recent(), **said)  # type: ignore[arg-type]


def _statuses_joined(words: Sequence[str]) -> list[str]:
    """`in progress` is one word."""
    return re.sub(r"\b(in|timed)\s+(progress|out)\b", r"\1_\2", " ".join(words), flags=re.IGNORECASE).split()


def _id_in(word: str) -> str | None:
    """The batch id in a word, which may be a link to its page."""
    found = _ID.search(unquote(word))
    return found[0][:5].lower() + found[0][5:] if found else None


def _foreign_id(words: Sequence[str]) -> str | None:
    """An id that does not look like OpenAI's; it must be announced by a word before it."""
    batch_id = unquote(words[1])
    is_sound = words[0].lower() == "batch" and batch_id.isprintable() and 0 < len(batch_id) < _LONGEST
    return batch_id if is_sound else None
