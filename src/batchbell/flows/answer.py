"""Answer: parse, query, render."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from batchbell.domain.batch import Batch
from batchbell.domain.command import OPEN, Command, Health, Help, One, Recent
from batchbell.domain.errors import PermanentError, TransientError
from batchbell.domain.outbox import Outbox
from batchbell.domain.place import Place
from batchbell.domain.reply.details import details_reply, unknown_reply
from batchbell.domain.reply.health import health_reply
from batchbell.domain.reply.progress import as_of, as_watched
from batchbell.domain.reply.recent import recent_reply
from batchbell.domain.reply.reply import Reply
from batchbell.domain.reply.usage import usage_reply
from batchbell.domain.spot import Window, open_window
from batchbell.domain.watch import Watch

ASK_S = 1.2
"""How long OpenAI may take to tell of a batch that is not in the table; Slack waits 3 seconds for all."""


class Records(Protocol):
    """What the polls have left."""

    def load_watch(self) -> Watch | None: ...

    def recorded_batch(self, batch_id: str) -> Batch | None: ...


class RecentRecords(Protocol):
    """The records in the order of their batches' creation."""

    def window(self, query: Recent, now: int) -> Window: ...

    def batches(self, batch_ids: Sequence[str]) -> Mapping[str, Batch]: ...


class OutboxTable(Protocol):
    """What is undelivered."""

    def read(self, channel: str) -> Outbox: ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Where answers come from. `ask` asks the server for a batch, until a deadline."""

    records: Records
    recent: RecentRecords
    outbox: OutboxTable
    ask: Callable[[str, float], Batch | None]


def answer(
    command: Command,
    sources: Sources,
    place: Place,
    channel: str,
    name: str,
    clock: Callable[[], float],
) -> Reply:
    """The answer; `name` is the slash command's. Nothing is written.

    Raises: TransientError, PermanentError when the table fails.
    """
    now = int(clock())
    match command.query:
        case Recent() as query:
            return _recent(query, sources, place, now)
        case One(batch_id):
            return _one(batch_id, sources, place, clock)
        case Health():
            watch, outbox = sources.records.load_watch(), sources.outbox.read(channel)
            return health_reply(watch, outbox, place, now)
        case Help() as query:
            return usage_reply(query, name)


def _recent(query: Recent, sources: Sources, place: Place, now: int) -> Reply:
    watch = sources.records.load_watch()
    watched = watch.watched if watch else {}

    def window(query: Recent) -> Window:
        return open_window(query, watched) if query.status == OPEN else sources.recent.window(query, now)

    page = window(query)
    if query.newer_than and not page.has_newer:
        # The top was reached: a full page from there, not the few rows above the last one.
        query = replace(query, newer_than=None)
        page = window(query)
    batches = sources.recent.batches([spot.batch_id for spot in page.spots])
    shown = {id: as_watched(batch, watched) for id, batch in batches.items()}
    return recent_reply(query, page, shown, watch, place, now)


def _one(batch_id: str, sources: Sources, place: Place, clock: Callable[[], float]) -> Reply:
    """What is recorded of it, or else what the server says."""
    watch = sources.records.load_watch()
    for spelling in dict.fromkeys((batch_id, batch_id.lower())):
        if batch := sources.records.recorded_batch(spelling):
            shown = as_watched(batch, watch.watched if watch else {})
            return details_reply(shown, place, watch, as_of(watch, int(clock())))
    try:
        batch = sources.ask(batch_id, clock() + ASK_S)
    except (TransientError, PermanentError):
        return unknown_reply(batch_id, place, f", and {place.service} could not be asked just now")
    if batch is None:
        return unknown_reply(batch_id, place, f", and {place.service} does not know it either")
    return details_reply(batch, place, None, f"Not in the table; {place.service} was asked just now")
