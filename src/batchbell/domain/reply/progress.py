"""Progress: how far an open batch has come, and how old our view of it is."""

from collections.abc import Mapping
from dataclasses import replace

from batchbell.domain.batch import Batch, RequestCounts
from batchbell.domain.message.mrkdwn import date
from batchbell.domain.message.wording import duration
from batchbell.domain.watch import GONE, Watch, Watched

STALE_S = 600
"""After so long without a good poll an answer warns of its age."""

_CELLS = 10
_SETTLING_S = 300


def bar(counts: RequestCounts | None) -> str:
    """`▰▰▰▱▱▱▱▱▱▱ 300 of 1,000`; empty where the server does not count."""
    if counts is None or counts.total <= 0:
        return ""
    done = min(max(counts.completed + counts.failed, 0), counts.total)
    cells = _CELLS * done // counts.total
    failed = f" ({counts.failed:,} failed)" if counts.failed > 0 else ""
    return f"{'▰' * cells}{'▱' * (_CELLS - cells)} {done:,} of {counts.total:,}{failed}"


def is_open(batch: Batch) -> bool:
    return not batch.is_terminal and batch.status != GONE


def as_watched(batch: Batch, watched: Mapping[str, Watched]) -> Batch:
    """The batch as recorded at its last transition, with the counts of the last poll."""
    seen = watched.get(batch.id)
    if seen is None or seen.status != batch.status or seen.request_counts is None or not is_open(batch):
        return batch
    return replace(batch, request_counts=seen.request_counts)


def is_forsaken(batch: Batch, watch: Watch | None) -> bool:
    """Whether it was left open when another list began to be watched: its end will not be seen."""
    if watch is None or watch.polled_at is None or not is_open(batch) or batch.id in watch.watched:
        return False
    # A poll that is under way has recorded batches that the watch does not hold yet.
    return (batch.created_at or watch.polled_at) < watch.polled_at - _SETTLING_S


def as_of(watch: Watch | None, now: int) -> str:
    """When the list was last read, and whether it was read whole."""
    if watch is None or watch.polled_at is None:
        return ":warning: No poll has succeeded yet."
    age = f", {duration(now - watch.polled_at)} ago" if now - watch.polled_at > STALE_S else ""
    unread = "; a part of the list is still unread" if watch.has_unread else ""
    warning = ":warning: " if age or unread else ""
    return f"{warning}As of {date(watch.polled_at)}{age}{unread}"
