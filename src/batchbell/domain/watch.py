"""Watch: what one poll leaves for the next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from batchbell.domain.batch import TERMINAL, Batch, Page, RequestCounts
from batchbell.domain.cursor import OVERLAP_S, Position, created_at
from batchbell.domain.diff import Since
from batchbell.domain.notification import BaselineReason

GONE = "gone"
"""The status recorded of a batch that the server no longer knows."""

GONE_AFTER_S = 3600
"""A batch is gone when the server did not know it twice, at least so long apart."""

MOST_ENDED = 5000
"""How many recently ended batches are remembered besides the open ones, to spare look-ups."""

LONG_STOP_S = 3600
"""After so long without a good poll the table may be a restored one, that has forgotten posts."""

RECHECK_S = 300
"""How often a batch that is listed as open long after its window is asked for by id."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One batch as it was last met; `checked_at` is when it was last asked for by id.

    `missing_since` is the time of the first 404 in a row. `rank` is its ordinal in the list, which
    grows towards the newest; `above` is the id of the row just above it, when it was first met.
    """

    status: str
    created_at: int
    expires_at: int | None = None
    checked_at: int = 0
    missing_since: int | None = None
    request_counts: RequestCounts | None = None
    rank: int | None = None
    above: str | None = None

    @property
    def is_open(self) -> bool:
        return self.status not in TERMINAL and self.status != GONE

    def is_overdue(self, now: int) -> bool:
        """Whether it is open past its window: some servers list rows that are long out of date."""
        return self.is_open and self.expires_at is not None and self.expires_at < now


@dataclass(frozen=True, slots=True)
class KeyTrouble:
    """OpenAI refused the key `polls` times in a row since `since`."""

    since: int
    polls: int


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of what is watched that the table keeps apart: the batches up to position `newest`.

    `digest` tells one content from another.
    """

    number: int
    newest: str
    digest: str


@dataclass(frozen=True, slots=True)
class Watch:
    """What is watched and how far it was read; `version` counts the writes, `shards` are of the last.

    `base_url` and `project` name the list: another one is another world. `reason` is why this
    baseline was begun, None once the channel has been told; `baseline_ended` counts the batches it
    found ended. `polled_at` is the last poll in which nothing failed, though it may have left a part
    of the list to the next ones, and `failure` what went wrong in a later one; `is_stuck` if the
    server repeated itself instead of showing the rest of its list.
    `resumed_at` is the first poll after a long stop: what happened before may have been announced
    already, if the table was restored to an earlier time.
    """

    base_url: str
    baseline_at: int
    reason: BaselineReason | None
    project: str | None = None
    baseline_ended: int = 0
    position: Position = Position()
    polled_at: int | None = None
    failure: str | None = None
    is_stuck: bool = False
    resumed_at: int | None = None
    trouble: KeyTrouble | None = None
    watched: Mapping[str, Watched] = field(default_factory=dict)
    version: int = 0
    shards: tuple[Shard, ...] = ()

    @property
    def has_unread(self) -> bool:
        """Whether a part of the list has not been read since the last complete walk."""
        return self.is_stuck or bool(self.position.unread)

    @property
    def since(self) -> Since:
        is_taken = self.reason is None
        baseline_at = self.baseline_at - OVERLAP_S if is_taken else self.baseline_at
        return Since(baseline_at, self.position.cursor.seen_through)

    @property
    def open_count(self) -> int:
        return sum(seen.is_open for seen in self.watched.values())


def begun(base_url: str, before: Watch | None, project: str | None, now: int) -> Watch:
    """A new baseline: nothing is known yet of this list, and nothing that ended on it is told."""
    if before is None:
        return Watch(base_url, now, BaselineReason.INSTALLED, project)
    reason = BaselineReason.PROJECT if before.base_url == base_url else BaselineReason.BASE_URL
    again = Watch(base_url, now, reason, project, trouble=before.trouble)
    return replace(again, version=before.version, shards=before.shards)


def resumed(watch: Watch, now: int) -> Watch:
    """The watch, which notes it when it goes on after a long stop."""
    last_at = watch.baseline_at if watch.polled_at is None else watch.polled_at
    return replace(watch, resumed_at=now) if now - last_at > LONG_STOP_S else watch


def is_another_project(watch: Watch, page: Page) -> bool:
    """Whether the page is of another project's list; not every server names a project."""
    return None not in (watch.project, page.project) and watch.project != page.project


def met(batch: Batch, before: Watched | None, now: int) -> Watched:
    """The batch as it is met now, in a list or by its id; what did not change stays as it was."""
    before = before or Watched(batch.status, created_at(batch, now))
    seen = replace(
        before,
        status=batch.status,
        created_at=before.created_at if batch.created_at is None else created_at(batch, now),
        expires_at=batch.expires_at,
        request_counts=batch.request_counts,
    )
    if batch.is_retrieved:
        return replace(seen, checked_at=now, missing_since=None)
    # A row that is listed long after its window proves nothing.
    return seen if seen.is_overdue(now) else replace(seen, missing_since=None)


def to_retrieve(watched: Mapping[str, Watched], met: Iterable[str], now: int) -> list[str]:
    """The open batches to ask for by id, least recently checked first.

    Those that the walk did not meet, and those that it met open although their window is over.
    """
    met = set(met)
    due = [
        id
        for id, seen in watched.items()
        if seen.is_open and (id not in met or (seen.is_overdue(now) and seen.checked_at <= now - RECHECK_S))
    ]
    return sorted(due, key=lambda id: watched[id].checked_at)


def kept(watched: Mapping[str, Watched], seen_through: int, gone_since: int) -> dict[str, Watched]:
    """What the next poll must know: the open, the gone since then, and the newest of the ended.

    An ended batch older than `seen_through` would not count as new if it were met again, so it
    may be forgotten; beyond `MOST_ENDED` the records themselves keep an end from being told twice.
    """
    ended = [
        (id, Watched(seen.status, seen.created_at, rank=seen.rank))
        for id, seen in watched.items()
        if seen.status in TERMINAL and seen.created_at >= seen_through
    ]
    newest = sorted(ended, key=lambda pair: pair[1].created_at)[-MOST_ENDED:]
    alive = {
        id: seen
        for id, seen in watched.items()
        if seen.is_open or (seen.status == GONE and seen.checked_at >= gone_since)
    }
    return alive | dict(newest)
