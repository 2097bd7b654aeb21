"""Poll: list, diff, record."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from batchbell.domain import trouble
from batchbell.domain.batch import Batch, Page, Status
from batchbell.domain.cursor import (
    COMPLETE,
    End,
    Leg,
    end_of,
    position_after_complete,
    position_after_incomplete,
)
from batchbell.domain.delivery import may_be_forgotten
from batchbell.domain.errors import PermanentError, RefusedError, TransientError
from batchbell.domain.notification import Notification
from batchbell.domain.policy import Policy
from batchbell.domain.watch import Watch, begun, is_another_project, kept, resumed, to_retrieve
from batchbell.flows import learn

PAGE_LIMIT = 100
MOST_PAGES = 200
MOST_RETRIEVED = 200
MOST_FAILED = 3
"""After so many failed requests in a row for single batches, the rest wait for the next poll."""

LAST_REQUEST_S = 3
"""No request is begun so shortly before the deadline that it would only be cut."""

CONFIRM_WITHIN_S = 3600
"""How long the end of a batch may wait for its counts."""


class Listing(Protocol):
    """The batches as OpenAI lists them."""

    @property
    def base_url(self) -> str: ...

    def page(self, after: str | None, limit: int, *, deadline_at: float) -> Page: ...

    def retrieve(self, batch_id: str, *, deadline_at: float) -> Batch | None: ...


class Records(learn.Records, Protocol):
    """The batches as our table holds them."""

    def load_watch(self) -> Watch | None: ...

    def save_watch(self, watch: Watch, owed: Sequence[Notification] = ()) -> Watch: ...

    def recorded_batch(self, batch_id: str) -> Batch | None: ...


@dataclass(frozen=True, slots=True)
class PollResult:
    """What one poll did. `end` says where its walk stopped, `failure` what went wrong first."""

    is_complete: bool
    end: str | None = None
    failure: str | None = None
    pages: int = 0
    retrieved: int = 0
    recorded: int = 0
    owed: int = 0
    open: int = 0
    unreadable: tuple[str, ...] = ()
    unstorable: tuple[str, ...] = ()


def poll(
    listing: Listing,
    records: Records,
    policy: Policy,
    clock: Callable[[], float],
    deadline_at: float,
) -> PollResult:
    """List batches and record how they differ from what was recorded, with what that owes.

    Safe to run twice at once and to be killed anywhere: a transition and its notification are
    written together or not at all, and nothing counts as read before it is recorded.

    Raises: TransientError when the table fails; StaleError when another poll was first, after
    which nothing is lost, since the other one's walk stands.
    """
    watch = records.load_watch()
    if watch is None or watch.base_url != listing.base_url:
        watch = records.save_watch(begun(listing.base_url, watch, None, int(clock())))
    watch = resumed(watch, int(clock()))
    try:
        first = listing.page(None, PAGE_LIMIT, deadline_at=deadline_at)
    except RefusedError as error:
        watch, owed = trouble.refused(watch, error.status, int(clock()))
        records.save_watch(watch, _doubted(owed, watch))
        return PollResult(is_complete=False, failure=str(error))
    except (TransientError, PermanentError) as error:
        return PollResult(is_complete=False, failure=str(error))
    if is_another_project(watch, first):
        watch = records.save_watch(begun(listing.base_url, watch, first.project, int(clock())))
    watch = replace(watch, project=watch.project or first.project)
    return _Poll(listing, records, policy, clock, deadline_at, watch).run(first)


@dataclass(slots=True)
class _Poll:
    """One poll that has its first page: how far it came, and what it learned."""

    listing: Listing
    records: Records
    policy: Policy
    clock: Callable[[], float]
    deadline_at: float
    watch: Watch
    learning: learn.Learning = field(init=False)
    met_ids: set[str] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)
    leg: int = 0
    rows: list[str] = field(default_factory=list)
    end: End | None = None
    newest_at: int = 0
    pages: int = 0
    retrieved: int = 0

    def __post_init__(self) -> None:
        self.learning = learn.Learning(
            records=self.records,
            policy=self.policy,
            since=self.watch.since,
            resumed_at=self.watch.resumed_at,
            confirm=self._confirmed,
            watched=dict(self.watch.watched),
        )

    def run(self, first: Page) -> PollResult:
        """Read on from the first page, ask for what was not met, write down how far it came."""
        failure = self._attempt(lambda: self._walk(first))
        failure = self._attempt(lambda: self._retrieve(MOST_FAILED if failure is None else 1)) or failure
        watch, owed = self._finished(failure)
        self.records.save_watch(watch, owed)
        return PollResult(
            is_complete=self.end in COMPLETE,
            end=self.end,
            failure=failure,
            pages=self.pages,
            retrieved=self.retrieved,
            recorded=self.learning.recorded,
            owed=self.learning.owed + len(owed),
            open=sum(seen.is_open for seen in watch.watched.values()),
            unreadable=tuple(self.unreadable),
            unstorable=tuple(self.learning.unstorable),
        )

    def _now(self) -> int:
        return int(self.clock())

    def _is_late(self) -> bool:
        return self.clock() >= self.deadline_at - LAST_REQUEST_S

    def _attempt(self, step: Callable[[], None]) -> str | None:
        """Take a step; what was learned before an error stays learned."""
        try:
            step()
        except (TransientError, PermanentError) as error:
            return str(error)
        return None

    def _walk(self, first: Page) -> None:
        page: Page | None = first
        for number, leg in enumerate(self.watch.position.legs()):
            self.leg, self.rows, self.end = number, [], None
            leg_ids: set[str] = set()
            after = leg.after
            while self.end is None:
                if page is None:
                    if self.pages >= MOST_PAGES or self._is_late():
                        return
                    page = self._page(leg, after)
                end = end_of(
                    leg,
                    page,
                    is_first=not self.rows,
                    new_ids=len({batch.id for batch in page.batches} - leg_ids),
                    now=self._now(),
                )
                leg_ids.update(batch.id for batch in page.batches)
                self._learn(page)
                self.end, page, after = end, None, self.rows[-1] if self.rows else after
            if self.end not in COMPLETE:
                return

    def _page(self, leg: Leg, after: str | None) -> Page:
        try:
            return self.listing.page(after, PAGE_LIMIT, deadline_at=self.deadline_at)
        except PermanentError:
            if leg.after is not None and not self.rows:
                self.end = End.LOST  # the row to go on from may be gone
            raise

    def _learn(self, page: Page) -> None:
        now = self._now()
        self.pages += 1
        self.learning.learn(page.batches, now)
        self.rows += [batch.id for batch in page.batches]
        self.met_ids.update(batch.id for batch in page.batches)
        self.unreadable += page.unreadable
        known = [min(batch.created_at, now) for batch in page.batches if batch.created_at]
        self.newest_at = max([self.newest_at, *known])

    def _retrieve(self, most_failed: int) -> None:
        """Ask for the open batches by id that the walk did not show as they are."""
        failed = 0
        due = to_retrieve(self.learning.watched, self.met_ids, self._now())
        for batch_id in due[:MOST_RETRIEVED]:
            if self._is_late():
                return
            self.retrieved += 1
            try:
                batch = self.listing.retrieve(batch_id, deadline_at=self.deadline_at)
            except (TransientError, PermanentError):
                self.unreadable.append(batch_id)
                self.learning.put_last(batch_id, self._now())
                failed += 1
                if failed >= most_failed:
                    raise
                continue
            failed = 0
            if batch is None:
                last_known = self.records.recorded_batch
                self.learning.miss(batch_id, last_known, self._now())
            else:
                self.learning.learn([batch], self._now())

    def _confirmed(self, batch: Batch) -> Batch:
        """The completed batch with the counts it has when asked for by id.

        If it cannot be had now, it counts as still finalizing for a while: its end can wait for
        a better word than that nothing is known.
        """
        ended_at = batch.ended_at or batch.created_at or self._now()
        may_wait = max(ended_at, self.watch.resumed_at or 0) > self._now() - CONFIRM_WITHIN_S
        unconfirmed = replace(batch, status=Status.FINALIZING) if may_wait else batch
        if self._is_late():
            return unconfirmed
        self.retrieved += 1
        try:
            retrieved = self.listing.retrieve(batch.id, deadline_at=self.deadline_at)
        except (TransientError, RefusedError):
            return unconfirmed
        except PermanentError:
            return batch
        return batch if retrieved is None else retrieved

    def _finished(self, failure: str | None) -> tuple[Watch, list[Notification]]:
        """What the next poll will start from, and what is owed besides transitions."""
        now = self._now()
        before, watched = self.watch, self.learning.watched
        if self.end in COMPLETE:
            open_since = [seen.created_at for seen in watched.values() if seen.is_open]
            position = position_after_complete(before.position, self.newest_at, open_since)
        else:
            position = position_after_incomplete(
                before.position, self.end, self.leg, self.rows, self.newest_at
            )
        gone_since = now - self.policy.retention_s
        watch = replace(
            before,
            position=position,
            watched=kept(watched, position.cursor.seen_through, gone_since),
            polled_at=before.polled_at if failure else now,
            baseline_ended=before.baseline_ended + self.learning.history,
        )
        watch, owed = trouble.accepted(watch, now)
        # A server that repeats itself will never show more: what it did show is watched.
        if self.end in COMPLETE or self.end is End.STUCK:
            watch, told = trouble.baseline_told(watch, self.policy, now)
            owed += told
        return watch, _doubted(owed, watch)


def _doubted(owed: Sequence[Notification], watch: Watch) -> list[Notification]:
    """What is owed, marked to be looked for first where it may have been announced before."""
    return [replace(each, look_first=may_be_forgotten(each, watch.resumed_at)) for each in owed]
