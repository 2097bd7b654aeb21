"""Poll: list, compare, record."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from heapq import nlargest
from itertools import chain
from typing import TYPE_CHECKING, Any

from batchbell.config import Config
from batchbell.errors import TOO_LARGE, AuthenticationError, ConflictError, PermanentError, TransientError
from batchbell.models import DELETED, Batch, Notification, Page, lacks_counts
from batchbell.poll import state as poll_state
from batchbell.poll.changes import DELETED_AFTER_S, Rules, filled, unconfirmed, without_result
from batchbell.poll.cursor import OVERLAP_S, backlog_after, created_at, is_end, is_oldest_first, is_past, moved
from batchbell.records import Backlog, Change, Cursor, PollState, Recorded

if TYPE_CHECKING:
    from batchbell.aws.store import Store
    from batchbell.openai.client import OpenAIClient

logger = logging.getLogger(__name__)

MAX_PAGES = 1000  # of one poll: more than there is time for, unless a fast server's list has no end
FULL_PAGES = (20, 100)  # rows by default, and as asked for: there may be more where the server does not say
MAX_RETRIEVED = 500  # open batches retrieved by id in one poll; the others have their turn in later polls
MAX_FAILED = 3  # after so many failed retrievals in a row the rest waits for the next poll
LIST_SHARE = 0.8  # of the poll's time is for listing; the rest is for retrieving open batches by id
MAX_FILES, FILES_SHARE = 10, 1 / 3  # error files read in one poll, and how much of its time they may take
LAST_REQUEST_S = 3  # no request starts so shortly before the deadline that it would only be cut

Found = Batch | None | TransientError | PermanentError  # what a retrieval by id gives: None is a 404


@dataclass(slots=True)
class PollResult:
    """What one poll did; `failure` is what went wrong first, `notifications` counts those it made.

    `is_stuck` and `hides_new` are those of PollState.
    """

    is_complete: bool = False
    is_stuck: bool = False
    hides_new: bool = False
    failure: str | None = None
    pages: int = 0
    retrieved: int = 0
    recorded: int = 0
    notifications: int = 0
    open: int = 0
    unreadable: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)

    def fail(self, error: TransientError | PermanentError) -> None:
        self.failure = self.failure or str(error)


def poll(
    openai: "OpenAIClient",
    store: "Store",
    config: Config,
    *,
    clock: Callable[[], float],
    deadline_at: float,
    at_once: int = 8,
) -> PollResult:
    """Record how the listed batches differ from what is recorded, with what is to be announced.

    Two polls at once and a death anywhere are safe: a change and its notification are written together or
    not at all, and nothing counts as read before it is recorded. `at_once` batches are retrieved at a time.

    Raises: TransientError, PermanentError when the table fails; ConflictError, after which nothing is lost,
    when another poll saved its state first.
    """
    started_at = int(clock())
    list_until = started_at + (deadline_at - started_at) * LIST_SHARE
    state, is_new = store.load_state(), False
    if state is None or state.base_url != openai.server.base_url:
        state = poll_state.begun(openai.server.base_url, state, None, started_at)
        # Before the first request: what ends from here on is announced, even if this run dies.
        state, is_new = store.save_state(state), True
    pages = openai.paginate(deadline_at=list_until)
    try:
        first = next(pages)
    except (TransientError, PermanentError) as error:
        notifications: list[Notification] = []
        if isinstance(error, AuthenticationError):
            state, notifications = poll_state.key_refused(state, error, int(clock()))
        store.save_state(replace(state, failure=str(error)), notifications)
        return PollResult(failure=str(error))
    if first.project and state.project and first.project != state.project:
        state = poll_state.begun(state.base_url, state, first.project, int(clock()))
        state, is_new = store.save_state(state), True
    if state.project is None:
        state = replace(state, project=first.project or "")
    # By the other clock an end shortly before the baseline may be a later one. Not what the poll that
    # began it finds ended: that had ended before.
    baseline_at = state.baseline_at - (0 if is_new else OVERLAP_S)
    is_baseline = state.baseline_reason is not None
    rules = Rules(config, state.scope, baseline_at, state.cursor.announce_from, is_baseline)
    with ThreadPoolExecutor(at_once) as threads:
        retrieve_all = threads.map if at_once > 1 else map
        run = _Poll(openai, store, rules, state, started_at, list_until, deadline_at, clock, retrieve_all)
        return run.run(chain([first], pages))


@dataclass(slots=True)
class _Range:
    """Rows as they are read, newest first; `is_lost`: they do not begin with the row that was expected."""

    ids: list[str] = field(default_factory=list)
    is_complete: bool = False
    is_lost: bool = False


class _LateError(Exception):
    """There is no time left for another request."""


@dataclass(slots=True)
class _Poll:
    """One poll that has its first page. `known` are open and deleted batches; of the `worst` ends the files are read."""

    openai: "OpenAIClient"
    store: "Store"
    rules: Rules
    state: PollState
    started_at: int
    list_until: float
    deadline_at: float
    clock: Callable[[], float]
    map: Callable[..., Iterator[Any]]
    known: dict[str, Recorded] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)
    newest_at: int = 0
    is_oldest_first: bool = False
    pre_existing: int = 0
    worst: list[Change] = field(default_factory=list)
    result: PollResult = field(default_factory=PollResult)

    def run(self, pages: Iterator[Page]) -> PollResult:
        self.known = self.store.open_batches(self.state.scope)
        self.unseen = {id for id, recorded in self.known.items() if recorded.status != DELETED}
        self._read_list(pages)
        self._check_by_id()
        self._save()
        self._add_error_summaries()
        return self.result

    @property
    def now(self) -> int:
        return int(self.clock())

    def _read_list(self, pages: Iterator[Page]) -> None:
        """Read what is new, then what an earlier poll left; move the cursor or leave a backlog."""
        cursor, backlog = self.state.cursor, self.state.backlog
        top = self._read(pages, backlog.top_to if backlog else cursor.read_back_to, reads_on=not backlog)
        if not top.is_complete:
            backlog = backlog_after(cursor, backlog, top.ids, self.newest_at, self.started_at)
        elif backlog:
            cursor, backlog = self._read_backlog(cursor, backlog)
        else:
            cursor, self.result.is_complete = moved(cursor, self.newest_at, self.started_at), True
        self.state = replace(self.state, cursor=cursor, backlog=backlog)

    def _read_backlog(self, cursor: Cursor, backlog: Backlog) -> tuple[Cursor, Backlog | None]:
        """Go on where the last poll stopped. If the server lost that place, start again at the top."""
        pages = self.openai.paginate(backlog.after, deadline_at=self.list_until)
        rest = self._read(pages, backlog.down_to, expected=backlog.expected)
        if rest.is_complete:
            self.result.is_complete = True
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
        """Read pages down to a time; then, if `reads_on`, as long as they show open batches."""
        part, was_promised, poor = _Range(), False, 0
        seen, stop_at = set[str](), self.list_until - LAST_REQUEST_S
        # The first page was read before, and is taken in any case.
        while self.result.pages == 0 or (self.result.pages < MAX_PAGES and self.clock() < stop_at):
            try:
                page = next(pages)
            except (TransientError, PermanentError) as error:
                self.result.fail(error)
                part.is_lost = isinstance(error, PermanentError) and not part.ids
                break
            is_first = not seen
            if self.result.pages == 0:
                self.is_oldest_first = is_oldest_first(page)
            new = [id for id in dict.fromkeys(batch.id for batch in page.batches) if id not in seen]
            if expected and is_first and new[:1] != [expected]:
                part.is_lost = True
                self._take_page(page)  # what it shows is true all the same
                break
            seen.update(new)
            part.ids += new
            shown = self._take_page(page)
            ends = is_end(page, has_new_ids=bool(new), was_promised=was_promised)
            # Where the oldest come first, what is new is at the end; a backlog leads there in several polls.
            goes_on = self.is_oldest_first and (expected or not self.state.backlog)
            part.is_complete = part.is_complete or ends or (not goes_on and is_past(page, down_to, self.now))
            if ends or not new:
                self.result.is_stuck = not ends and page.has_more is True
                is_cut = page.has_more or (page.has_more is None and len(page.rows) in FULL_PAGES)
                self.result.hides_new = self.is_oldest_first and bool(is_cut)
                break
            poor = poor + 1 if part.is_complete and shown < 2 else 0
            # Read on for open batches while pages show them, or there are more than can be retrieved by id.
            if part.is_complete and not (reads_on and self.unseen and (poor < 2 or len(self.unseen) > MAX_RETRIEVED)):
                break
            # The expected row was just seen: if nothing follows it, the list does end there.
            was_promised = page.has_more is True and not (expected and is_first)
        return part

    def _take_page(self, page: Page) -> int:
        """Record what the page changes; return how many batches it shows that are recorded as open.

        A row that is open past its window proves nothing: it is retrieved by id. Also above a backlog a
        row may be new that is older than those that were read: it showed up late.
        """
        now, read_back_to = self.now, self.state.cursor.read_back_to
        self.result.pages += 1
        self.result.unreadable += page.unreadable
        self.newest_at = max([self.newest_at, *(created_at(each, now) for each in page.batches if each.created_at)])
        known, unknown = {}, {}
        for batch in page.batches:
            is_overdue = batch.is_open and batch.expires_at is not None and batch.expires_at < now
            if batch.id in self.known and not is_overdue:
                known[batch.id] = batch
            elif batch.id not in self.known and (batch.is_open or created_at(batch, now) >= read_back_to):
                unknown[batch.id] = batch
        self.unseen.difference_update(known)
        shown = sum(self.known[id].status != DELETED for id in known)
        recorded = self.store.recorded(unknown, now)
        self._record([(batch, self.known[id]) for id, batch in known.items()])
        self._record([(batch, recorded.get(id)) for id, batch in unknown.items()])
        return shown

    def _check_by_id(self) -> None:
        """Retrieve open batches that no page showed, in turn: from the one after the last checked."""
        checked_to, failed = self.state.checked_to, 0
        positions = {id: self.known[id].position for id in self.unseen}
        turn = sorted(positions, key=lambda id: (positions[id] <= checked_to, positions[id]))
        for id, found in self._retrieve(turn[:MAX_RETRIEVED]):
            checked_to = positions[id]
            if isinstance(found, TransientError | PermanentError):
                self.result.unreadable.append(id)
                failed += 1
                if failed >= (1 if self.result.failure else MAX_FAILED):
                    self.result.fail(found)
                    break
                continue
            failed = 0
            if found is None:
                self._miss(id)
                continue
            is_cut = found.is_terminal and not (found.metadata and found.created_at)
            record = self.store.find(id) if is_cut else None
            self._record([(filled(found, record.batch) if record else found, self.known[id])])
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
        with suppress(_LateError):
            for id, found in zip(ids, self.map(self._retrieve_one, ids), strict=True):
                self.result.retrieved += 1
                yield id, found

    def _retrieve_one(self, id: str) -> Found:
        if self.clock() >= self.deadline_at - LAST_REQUEST_S:
            raise _LateError
        try:
            row = self.openai.retrieve(id, deadline_at=self.deadline_at)
        except (TransientError, PermanentError) as error:
            return error
        return row.batch if row else None

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
            if change and change.notification and lacks_counts(batch):
                unsure[batch.id] = (change, recorded)
            elif change:
                changes.append(change)
        answers = dict(self._retrieve(list(unsure)))
        for id, (change, recorded) in unsure.items():
            found = answers.get(id)
            if isinstance(found, Batch):
                confirmed = self.rules.change_for(filled(found, change.batch), recorded, self.now)
            elif isinstance(found, PermanentError) and found.code == TOO_LARGE:
                confirmed = change  # no later answer will be smaller
            else:
                confirmed = unconfirmed(change, recorded, self.now)
            changes += [confirmed] if confirmed else []
        return changes

    def _write(self, changes: Sequence[Change]) -> Sequence[tuple[Change, Recorded | None]]:
        """Write the changes; return those that another poll was ahead of, with what it wrote."""
        if not changes:
            return ()
        done = self.store.record(changes, self.state.scope, self.now)
        self.result.recorded += len(done.stored)
        self.result.notifications += sum(change.notification is not None for change in done.stored)
        self.result.rejected += [change.batch.id for change in done.rejected]
        for change in done.stored:
            batch = change.batch
            self.known.pop(batch.id, None)
            if not batch.is_terminal:
                self.known[batch.id] = Recorded(
                    batch.status, request_counts=batch.request_counts, scope=self.state.scope
                )
        ended = [*self.worst, *filter(self.rules.wants_error_summary, done.stored)]
        self.worst = nlargest(MAX_FILES, ended, key=lambda change: without_result(change.batch))
        self._log(done.stored)
        return done.conflicts

    def _log(self, stored: Sequence[Change]) -> None:
        pre_existing = []
        for change in stored:
            batch, is_announced = change.batch, change.notification is not None
            if change.old_status is None and batch.is_terminal and not is_announced:
                pre_existing.append(batch.id)
            elif change.old_status != batch.status:
                fields = {"old_status": change.old_status, "status": batch.status, "is_announced": is_announced}
                logger.info("Recorded", extra={"batch_id": batch.id, **fields})
        self.pre_existing += len(pre_existing)
        if pre_existing:
            # The first poll may find thousands: a line for each page is enough.
            logger.info("Recorded, not announced: ended when first met", extra={"batch_ids": pre_existing})

    def _save(self) -> None:
        """Save what the next poll starts from, with what is announced besides batches."""
        now, before, result = self.now, self.state, self.result
        if not result.is_complete:  # a read that was cut short shows no better
            result.is_stuck, result.hides_new = result.is_stuck or before.is_stuck, result.hides_new or before.hides_new
        result.open = sum(recorded.status != DELETED for recorded in self.known.values())
        state = replace(
            before,
            open_count=result.open,
            baseline_ended=before.baseline_ended + (self.pre_existing if before.baseline_reason else 0),
            polled_at=before.polled_at if result.failure else now,
            failure=result.failure,
            is_stuck=result.is_stuck,
            hides_new=result.hides_new,
        )
        state, notifications = poll_state.key_accepted(state, now)
        # A server that repeats itself never shows more: what it did show is watched.
        if result.is_complete or result.is_stuck:
            state, announced = poll_state.baseline_announced(state, self.rules.config, now)
            notifications += announced
        self.store.save_state(state, notifications)
        result.notifications += len(notifications)

    def _add_error_summaries(self) -> None:
        """Add to the worst ends of this poll why requests failed. It comes last: what fails costs only the reasons."""
        until = min(self.clock() + FILES_SHARE * (self.deadline_at - self.started_at), self.deadline_at)
        files = [change.batch.error_file_id or "" for change in self.worst]
        summaries = self.map(partial(self.openai.error_summary, deadline_at=until), files)
        for change, summary in zip(self.worst, summaries, strict=True):
            if summary is None:
                logger.info("Error file not read", extra={"batch_id": change.batch.id})
                continue
            with suppress(TransientError, PermanentError, ConflictError):  # or another run is sending it
                self.store.add_error_summary(replace(change.batch, error_summary=summary), change.notification)
