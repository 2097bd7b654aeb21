"""Poll: list, compare, record."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

from batchbell.config import Config
from batchbell.errors import (
    AuthenticationError,
    BatchbellError,
    ConflictError,
    PermanentError,
    TransientError,
)
from batchbell.models import DELETED, Batch, Page
from batchbell.poll import state as poll_state
from batchbell.poll.changes import DELETED_AFTER_S, Rules, needs_counts, unconfirmed
from batchbell.poll.cursor import OVERLAP_S, backlog_after, created_at, is_end, is_past, moved, newest_of
from batchbell.records import Backlog, Change, Cursor, PollState, Recorded

if TYPE_CHECKING:
    from batchbell.aws.store import Store
    from batchbell.openai.client import OpenAIClient

logger = logging.getLogger(__name__)

MAX_PAGES = 1000
"""Pages of one poll: more than there is time for, unless a fast server's list has no end."""

MAX_RETRIEVED = 500
"""Batches retrieved by id in one poll; the others have their turn in later polls."""

MAX_FAILED = 3
"""After so many failures in a row the rest waits for the next poll."""

LIST_SHARE = 2 / 3
"""Fraction of the poll's time that is for listing; the rest is for retrieving open batches by id."""

LAST_REQUEST_S = 3
"""No request starts so shortly before the deadline that it would only be cut."""

Found = Batch | None | TransientError | PermanentError
"""What a retrieval by id gives: None is a 404."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """What one poll did; `failure` is what went wrong first. `notifications` counts those it made."""

    is_complete: bool = False
    failure: str | None = None
    pages: int = 0
    retrieved: int = 0
    recorded: int = 0
    notifications: int = 0
    open: int = 0
    is_stuck: bool = False
    unreadable: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()


def poll(
    openai: "OpenAIClient",
    store: "Store",
    config: Config,
    *,
    clock: Callable[[], float],
    deadline_at: float,
    at_once: int = 8,
) -> PollResult:
    """List batches, and record how they differ from what is recorded, with what is to be announced.

    It reads what is new and checks what is open, up to `at_once` batches by id at a time. Two polls
    at once and a death anywhere are safe: a change and its notification are written together or not at
    all, and nothing counts as read before it is recorded.

    Raises: TransientError, PermanentError when the table fails; ConflictError when another poll saved
    its state first, after which nothing is lost.
    """
    started_at = int(clock())
    state, is_new = store.load_state(), False
    if state is None or state.base_url != openai.server.base_url:
        state = poll_state.begun(openai.server.base_url, state, None, started_at)
        # Before the first request: what ends from here on is announced, even if this run dies.
        state, is_new = store.save_state(state), True
    pages = openai.paginate(deadline_at=started_at + (deadline_at - started_at) * LIST_SHARE)
    try:
        first = next(pages)
    except AuthenticationError as error:
        state, notifications = poll_state.key_refused(state, error.status, int(clock()))
        store.save_state(replace(state, failure=str(error)), notifications)
        return PollResult(failure=str(error))
    except (TransientError, PermanentError) as error:
        store.save_state(replace(state, failure=str(error)))
        return PollResult(failure=str(error))
    if first.project and state.project and first.project != state.project:
        state = poll_state.begun(state.base_url, state, first.project, int(clock()))
        state, is_new = store.save_state(state), True
    if state.project is None:
        state = replace(state, project=first.project or "")
    # An end shortly before the baseline may be a later one by the other clock; but what this very
    # poll finds ended had ended before.
    baseline_at = state.baseline_at - (0 if is_new else OVERLAP_S)
    rules = Rules(config, baseline_at, state.cursor.announce_from)
    with ThreadPoolExecutor(at_once) as threads:
        run = _Poll(openai, store, rules, state, started_at, deadline_at, clock, at_once, threads)
        return run.run(chain([first], pages))


@dataclass(slots=True)
class _Range:
    """A part of the list as it is read; `ids` are its rows, newest first.

    `is_lost`: it does not begin with the row that was expected.
    """

    ids: list[str] = field(default_factory=list)
    is_complete: bool = False
    is_lost: bool = False


@dataclass(slots=True)
class _Poll:
    """One poll that has its first page. `known` is what the table says of open and deleted batches."""

    openai: "OpenAIClient"
    store: "Store"
    rules: Rules
    state: PollState
    started_at: int
    deadline_at: float
    clock: Callable[[], float]
    at_once: int
    threads: ThreadPoolExecutor
    known: dict[str, Recorded] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    newest_at: int = 0
    is_complete: bool = False
    pre_existing: int = 0
    result: PollResult = field(default_factory=PollResult)

    def run(self, pages: Iterator[Page]) -> PollResult:
        self.known = self.store.open_batches(self.state.scope)
        self._read_list(pages)
        self._check_by_id()
        return self._finish()

    @property
    def now(self) -> int:
        return int(self.clock())

    # Listing

    def _read_list(self, pages: Iterator[Page]) -> None:
        """Read what is new, then what an earlier poll left; move the cursor or leave a backlog."""
        cursor, backlog = self.state.cursor, self.state.backlog
        top = self._read(pages, backlog.top_to if backlog else cursor.read_back_to, reads_on=not backlog)
        if not top.is_complete:
            backlog = backlog_after(cursor, backlog, top.ids, self.newest_at)
        elif backlog is None:
            cursor = moved(cursor, self.newest_at, self.started_at)
            self.is_complete = True
        else:
            cursor, backlog = self._read_backlog(cursor, backlog)
        self.state = replace(self.state, cursor=cursor, backlog=backlog)

    def _read_backlog(self, cursor: Cursor, backlog: Backlog) -> tuple[Cursor, Backlog | None]:
        """Go on where the last poll stopped. If the server lost that place, start again at the top."""
        pages = self.openai.paginate(backlog.after, deadline_at=self._list_until)
        rest = self._read(pages, backlog.down_to, expected=backlog.expected)
        if rest.is_complete:
            self.is_complete = True
            return backlog.cursor, None
        if rest.is_lost:
            return cursor, None
        backlog = replace(backlog, top_to=max(backlog.top_to, self.newest_at))
        if len(rest.ids) > 1:
            backlog = replace(backlog, after=rest.ids[-2], expected=rest.ids[-1])
        return cursor, backlog

    def _read(
        self, pages: Iterator[Page], down_to: int, *, reads_on: bool = False, expected: str | None = None
    ) -> _Range:
        """Read pages down to a time; then, if `reads_on`, as long as they show enough open batches."""
        part, was_promised, poor = _Range(), False, 0
        seen: set[str] = set()
        while not self._is_late() and self.result.pages < MAX_PAGES:
            try:
                page = next(pages)
            except (TransientError, PermanentError) as error:
                self._fail(error)
                part.is_lost = isinstance(error, PermanentError) and not part.ids
                break
            new = [batch.id for batch in page.batches if batch.id not in seen]
            is_first = not seen
            if expected and is_first and new[:1] != [expected]:
                part.is_lost = True
                break
            seen.update(new)
            part.ids += dict.fromkeys(new)
            shown = self._take_page(page, down_to)
            is_end_of_list = is_end(page, has_new_ids=bool(new), was_promised=was_promised)
            part.is_complete = part.is_complete or is_end_of_list or is_past(page, down_to, self.now)
            if is_end_of_list or not new:
                self.result = replace(self.result, is_stuck=not is_end_of_list and page.has_more is True)
                break
            poor = poor + 1 if part.is_complete and shown < 2 else 0
            if part.is_complete and not (reads_on and self._pays(poor)):
                break
            # The expected row was just seen: if nothing follows it, the list does end there.
            was_promised = page.has_more is True and not (expected and is_first)
        return part

    def _pays(self, poor: int) -> bool:
        """Whether to read on for open batches after so many pages in a row with fewer than two of them."""
        unseen = len(self._unseen())
        return unseen > MAX_RETRIEVED or (unseen > 0 and poor < 2)

    @property
    def _list_until(self) -> float:
        return self.started_at + (self.deadline_at - self.started_at) * LIST_SHARE

    def _is_late(self) -> bool:
        return self.clock() >= self._list_until - LAST_REQUEST_S

    def _take_page(self, page: Page, down_to: int) -> int:
        """Record what the page changes; return how many batches it shows that are recorded as open.

        A row that is open past its window proves nothing: it is retrieved by id.
        """
        now = self.now
        unreadable = (*self.result.unreadable, *page.unreadable)
        self.result = replace(self.result, pages=self.result.pages + 1, unreadable=unreadable)
        self.newest_at = max(self.newest_at, newest_of(page.batches, now))
        batches = {each.id: each for each in page.batches}
        overdue = {id for id, each in batches.items() if id in self.known and _is_overdue(each, now)}
        known = {id: each for id, each in batches.items() if id in self.known and id not in overdue}
        unknown = {
            id: each
            for id, each in batches.items()
            if id not in self.known and (each.is_open or created_at(each, now) >= down_to)
        }
        recorded = self.store.recorded(unknown, now)
        shown = sum(self.known[id].is_open for id in known)
        self.seen.update(known, unknown)
        self._record([(each, self.known[id]) for id, each in known.items()])
        self._record([(each, recorded.get(id)) for id, each in unknown.items()])
        return shown

    # Retrieving by id

    def _unseen(self) -> list[str]:
        return [id for id, recorded in self.known.items() if recorded.is_open and id not in self.seen]

    def _check_by_id(self) -> None:
        """Retrieve open batches that no page showed, in turn: from the one after the last checked."""
        unseen = sorted(self._unseen(), key=lambda id: self.known[id].position)
        checked_to = self.state.checked_to
        turn = [id for id in unseen if self.known[id].position > checked_to]
        turn += [id for id in unseen if self.known[id].position <= checked_to]
        failed = 0
        for id, found in self._retrieve(turn[:MAX_RETRIEVED]):
            checked_to = self.known[id].position
            if isinstance(found, TransientError | PermanentError):
                self.result = replace(self.result, unreadable=(*self.result.unreadable, id))
                failed += 1
                if failed >= (1 if self.result.failure else MAX_FAILED):
                    self._fail(found)
                    break
                continue
            failed = 0
            if found is None:
                self._miss(id)
            else:
                self._record([(found, self.known[id])])
        self.state = replace(self.state, checked_to=checked_to)

    def _miss(self, id: str) -> None:
        """The server does not know this batch: it was deleted if that is so for an hour."""
        recorded, now = self.known[id], self.now
        if recorded.missing_since is None:
            with suppress(ConflictError):
                self.store.set_missing(id, recorded.status, now)
        elif now - recorded.missing_since >= DELETED_AFTER_S:
            record = self.store.find(id)
            batch = record.batch if record else Batch(id, recorded.status)
            self._write([self.rules.deletion(batch, recorded, now)])

    def _retrieve(self, ids: Sequence[str]) -> Iterator[tuple[str, Found]]:
        """Yield each id with what its retrieval gives, in this order, until it is too late."""
        running: deque[tuple[str, Future[Found]]] = deque()
        for id in ids:
            if self.clock() >= self.deadline_at - LAST_REQUEST_S:
                break
            self.result = replace(self.result, retrieved=self.result.retrieved + 1)
            if self.at_once == 1:
                yield id, self._retrieved(id)
                continue
            running.append((id, self.threads.submit(self._retrieved, id)))
            if len(running) == self.at_once:
                next_id, future = running.popleft()
                yield next_id, future.result()
        for id, future in running:
            yield id, future.result()

    def _retrieved(self, id: str) -> Found:
        try:
            row = self.openai.retrieve(id, deadline_at=self.deadline_at)
        except (TransientError, PermanentError) as error:
            return error
        return row.batch if row else None

    # Recording

    def _record(self, pairs: Iterable[tuple[Batch, Recorded | None]]) -> None:
        """Record what these batches change; where another poll was ahead, compare with what it wrote."""
        conflicts = self._write(self._changes(pairs))
        pairs = [(change.batch, found) for change, found in conflicts if change.batch.status != DELETED]
        self._write(self._changes(pairs))

    def _changes(self, pairs: Iterable[tuple[Batch, Recorded | None]]) -> list[Change]:
        """Return the changes, with the counts that their announcements need, which a list may lack."""
        changes, unsure = [], {}
        for batch, recorded in pairs:
            change = self.rules.change_for(batch, recorded, self.now)
            if change and needs_counts(change):
                unsure[batch.id] = (change, recorded)
            elif change:
                changes.append(change)
        answers = dict(self._retrieve(list(unsure)))
        for id, (change, recorded) in unsure.items():
            found = answers.get(id)
            confirmed = (
                self.rules.change_for(found, recorded, self.now)
                if isinstance(found, Batch)
                else unconfirmed(change, recorded, self.now)
            )
            changes += [confirmed] if confirmed else []
        return changes

    def _write(self, changes: Sequence[Change]) -> Sequence[tuple[Change, Recorded | None]]:
        """Write the changes; return those that another poll was ahead of, with what it wrote."""
        if not changes:
            return ()
        done = self.store.record(changes, self.state.scope, self.now)
        self.result = replace(
            self.result,
            recorded=self.result.recorded + len(done.stored),
            notifications=self.result.notifications
            + sum(change.notification is not None for change in done.stored),
            rejected=(*self.result.rejected, *(change.batch.id for change in done.rejected)),
        )
        for change in done.stored:
            self._remember(change)
        self._log(done.stored)
        return done.conflicts

    def _remember(self, change: Change) -> None:
        batch = change.batch
        if batch.is_terminal:
            self.known.pop(batch.id, None)
            return
        before = self.known.get(batch.id)
        self.known[batch.id] = Recorded(
            batch.status,
            position=before.position if before else "",
            expires_at=batch.expires_at,
            request_counts=batch.request_counts,
            unconfirmed_since=change.unconfirmed_since,
        )

    def _log(self, stored: Sequence[Change]) -> None:
        pre_existing = [change.batch.id for change in stored if change.is_pre_existing]
        self.pre_existing += len(pre_existing)
        if pre_existing:
            # The first poll may find thousands: a line for each page is enough.
            logger.info("Recorded, not announced: ended when first met", extra={"batch_ids": pre_existing})
        for change in stored:
            if not change.is_pre_existing and change.old_status != change.batch.status:
                fields = {"batch_id": change.batch.id, "old_status": change.old_status}
                is_announced = change.notification is not None
                logger.info(
                    "Recorded", extra={**fields, "status": change.batch.status, "is_announced": is_announced}
                )

    # The end

    def _fail(self, error: BatchbellError) -> None:
        self.result = replace(self.result, failure=self.result.failure or str(error))

    def _finish(self) -> PollResult:
        """Save what the next poll starts from, with what is announced besides batches."""
        now, before, result = self.now, self.state, self.result
        state = replace(
            before,
            open_count=sum(recorded.is_open for recorded in self.known.values()),
            baseline_ended=before.baseline_ended + (self.pre_existing if before.baseline_reason else 0),
            polled_at=before.polled_at if result.failure else now,
            failure=result.failure,
            is_stuck=result.is_stuck,
        )
        state, notifications = poll_state.key_accepted(state, now)
        # A server that repeats itself never shows more: what it did show is watched.
        if self.is_complete or result.is_stuck:
            state, announced = poll_state.baseline_announced(state, self.rules.config, now)
            notifications += announced
        self.store.save_state(state, notifications)
        return replace(
            result,
            is_complete=self.is_complete,
            open=state.open_count,
            notifications=result.notifications + len(notifications),
        )


def _is_overdue(batch: Batch, now: int) -> bool:
    """Whether it is shown open past its window: some servers list rows that are long out of date."""
    return batch.is_open and batch.expires_at is not None and batch.expires_at < now
