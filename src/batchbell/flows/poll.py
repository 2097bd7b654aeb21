"""Poll: list, diff, record."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol

from batchbell.domain import trouble
from batchbell.domain.batch import Batch, Page, Status
from batchbell.domain.cursor import End
from batchbell.domain.delivery import may_be_forgotten
from batchbell.domain.errors import PermanentError, RefusedError, TransientError
from batchbell.domain.notification import Notification
from batchbell.domain.policy import Policy
from batchbell.domain.rank import ranked
from batchbell.domain.watch import Watch, begun, is_another_project, kept, resumed
from batchbell.flows import learn
from batchbell.flows.ask import PAGE_LIMIT, Asking, LateError, Listing
from batchbell.flows.visit import Visit
from batchbell.flows.walk import Walk

AT_ONCE = 8
"""Requests side by side, where one need not wait for another's answer."""

CONFIRM_WITHIN_S = 3600
"""How long the end of a batch may wait for its counts."""


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
    at_once: int = AT_ONCE,
) -> PollResult:
    """List batches and record how they differ from what was recorded, with what that owes.

    It reads what is new, and looks at what is open: `at_once` requests at a time where it can.

    Safe to run twice at once and to be killed anywhere: a transition and its notification are
    written together or not at all, and nothing counts as read before it is recorded.

    Raises: TransientError when the table fails; StaleError when another poll was first, after
    which nothing is lost, since the other one's walk stands.
    """
    walked_at = int(clock())
    watch = records.load_watch()
    if watch is None or watch.base_url != listing.base_url:
        watch = records.save_watch(begun(listing.base_url, watch, None, int(clock())))
    watch = resumed(watch, int(clock()))
    try:
        first = listing.page(None, PAGE_LIMIT, deadline_at=deadline_at)
    except RefusedError as error:
        watch, owed = trouble.refused(replace(watch, failure=str(error)), error.status, int(clock()))
        records.save_watch(watch, _doubted(owed, watch))
        return PollResult(is_complete=False, failure=str(error))
    except (TransientError, PermanentError) as error:
        if watch.failure != str(error):
            records.save_watch(replace(watch, failure=str(error)))
        return PollResult(is_complete=False, failure=str(error))
    if is_another_project(watch, first):
        watch = records.save_watch(begun(listing.base_url, watch, first.project, int(clock())))
    watch = replace(watch, project=watch.project or first.project)
    with ThreadPoolExecutor(at_once) as threads:
        asking = Asking(listing, clock, deadline_at, at_once, threads)
        return _Poll(asking, records, policy, watch, walked_at).run(first)


@dataclass(slots=True)
class _Poll:
    """One poll that has its first page."""

    asking: Asking
    records: Records
    policy: Policy
    watch: Watch
    walked_at: int
    learning: learn.Learning = field(init=False)
    walk: Walk = field(init=False)
    visit: Visit = field(init=False)
    confirmed: int = 0

    def __post_init__(self) -> None:
        self.learning = learn.Learning(
            records=self.records,
            policy=self.policy,
            since=self.watch.since,
            resumed_at=self.watch.resumed_at,
            confirm=self._confirmed,
            watched=dict(self.watch.watched),
        )
        self.walk = Walk(self.asking, self.learning, self.watch.position, self.walked_at)
        self.visit = Visit(self.asking, self.learning, self.records.recorded_batch)

    def run(self, first: Page) -> PollResult:
        """Read on from the first page, look at what was not met, write down how far it came."""
        steps: list[Callable[[], None]] = [
            lambda: self.walk.run(first),
            lambda: self.visit.in_the_list(_rows_of_a_page(first)),
            self.visit.by_id,
        ]
        failure = None
        for step in steps:
            try:
                step()
            except (TransientError, PermanentError) as error:
                # What was learned before stays learned.
                failure = failure or str(error)
                self.visit.patience = 1
        watch, owed = self._finished(failure)
        self.records.save_watch(watch, owed)
        return PollResult(
            is_complete=self.walk.is_complete,
            end=self.walk.end,
            failure=failure,
            pages=self.learning.pages,
            retrieved=self.visit.retrieved + self.confirmed,
            recorded=self.learning.recorded,
            owed=self.learning.owed + len(owed),
            open=watch.open_count,
            unreadable=tuple(self.learning.unreadable),
            unstorable=tuple(self.learning.unstorable),
        )

    def _confirmed(self, batch: Batch) -> Batch:
        """The completed batch with the counts it has when asked for by id.

        If it cannot be had now, or is not known by its id, it counts as still finalizing for a
        while: its end can wait for a better word than that nothing is known.
        """
        now = self.asking.now()
        ended_at = batch.ended_at or batch.created_at or now
        may_wait = max(ended_at, self.watch.resumed_at or 0) > now - CONFIRM_WITHIN_S
        unconfirmed = replace(batch, status=Status.FINALIZING) if may_wait else batch
        try:
            retrieved = self.asking.retrieve(batch.id)
        except LateError:
            return unconfirmed
        except (TransientError, RefusedError):
            retrieved = unconfirmed
        except PermanentError:
            retrieved = batch
        self.confirmed += 1
        return unconfirmed if retrieved is None else retrieved

    def _finished(self, failure: str | None) -> tuple[Watch, list[Notification]]:
        """What the next poll will start from, and what is owed besides transitions."""
        now = self.asking.now()
        before, position = self.watch, self.walk.next_position()
        stretches = [*self.walk.stretches(), *self.visit.stretches]
        watched = ranked(self.learning.watched, stretches)
        gone_since = now - self.policy.retention_s
        is_stuck = self.walk.end is End.STUCK
        watch = replace(
            before,
            position=position,
            is_stuck=is_stuck,
            watched=kept(watched, position.cursor.seen_through, gone_since),
            polled_at=before.polled_at if failure else now,
            failure=failure,
            baseline_ended=before.baseline_ended + (self.learning.history if before.reason else 0),
        )
        watch, owed = trouble.accepted(watch, now)
        # A server that repeats itself will never show more: what it did show is watched.
        if self.walk.is_complete or is_stuck:
            watch, told = trouble.baseline_told(watch, self.policy, now)
            owed += told
        return watch, _doubted(owed, watch)


def _doubted(owed: Sequence[Notification], watch: Watch) -> list[Notification]:
    """What is owed, marked to be looked for first where it may have been announced before."""
    return [replace(each, look_first=may_be_forgotten(each, watch.resumed_at)) for each in owed]


def _rows_of_a_page(first: Page) -> int:
    """How many rows a page of this server holds; some never give as many as they are asked for."""
    return PAGE_LIMIT if first.has_more is False else len(first.batches) + len(first.unreadable)
