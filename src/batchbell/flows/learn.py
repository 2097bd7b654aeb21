"""Learn: batches just listed, as transitions recorded with the notifications they owe."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from batchbell.domain.batch import TERMINAL, Batch, Page, Status
from batchbell.domain.delivery import may_be_forgotten
from batchbell.domain.diff import Since, Transition, diff, is_owed
from batchbell.domain.notification import Gone, Notification
from batchbell.domain.policy import Policy
from batchbell.domain.record import Entry, Recorded, Stale
from batchbell.domain.verdict import Verdict, verdict_for
from batchbell.domain.watch import GONE, GONE_AFTER_S, Watched, met


class Records(Protocol):
    """Where transitions are recorded."""

    def record(self, entries: Sequence[Entry], now: int) -> Recorded: ...


@dataclass(slots=True)
class Learning:
    """What one poll has learned so far; `watched` follows what is recorded, never runs ahead.

    `confirm` asks for a completed batch by id, of which the list does not tell how it fared.
    `history` counts those that had ended when they were first met, and are not told; `met_ids` were
    listed; `waiting` are completed batches that count as open until their counts can be had.
    """

    records: Records
    policy: Policy
    since: Since
    resumed_at: int | None
    confirm: Callable[[Batch], Batch]
    watched: dict[str, Watched]
    recorded: int = 0
    owed: int = 0
    history: int = 0
    pages: int = 0
    met_ids: set[str] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)
    unstorable: list[str] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)

    def learn_page(self, page: Page, batches: Sequence[Batch], now: int) -> None:
        """Learn these batches of a page."""
        self.pages += 1
        self.unreadable += page.unreadable
        self.met_ids.update(batch.id for batch in batches)
        self.learn(batches, now)

    def learn(self, batches: Sequence[Batch], now: int) -> None:
        """Record how these batches differ from what is recorded, and watch them from then on."""
        met_before = {batch.id for batch in batches} & self.watched.keys()
        statuses = {id: self.watched[id].status for id in met_before}
        transitions = [self._sure(each, now) for each in diff(statuses, batches, self.since, now)]
        overtaken = self._record([self._entry(each, now) for each in transitions], now)
        again = [self._again(each, now) for each in overtaken]
        overtaken = self._record(again, now)
        # Overtaken twice: the next poll starts from the status that was found.
        found = {each.entry.transition.batch.id: each.status for each in overtaken}
        moved = {each.batch.id: each.batch for each in (*transitions, *(entry.transition for entry in again))}
        for batch in batches:
            before = self.watched.get(batch.id)
            is_known = batch.id in moved or before is not None
            is_final = before is not None and before.status in TERMINAL
            if is_known and batch.id not in self.unstorable and not is_final:
                seen = met(moved.get(batch.id, batch), before, now)
                self.watched[batch.id] = replace(seen, status=found.get(batch.id) or seen.status)

    def put_last(self, batch_id: str, now: int) -> None:
        """Ask for this one again only after the others: it could not be had."""
        self.watched[batch_id] = replace(self.watched[batch_id], checked_at=now)

    def lose_place(self, batch_id: str) -> None:
        """The list does not show this one below the row that was above it."""
        self.watched[batch_id] = replace(self.watched[batch_id], above=None)

    def miss(self, batch_id: str, last_known: Callable[[str], Batch | None], now: int) -> None:
        """The server does not know this batch: it is gone when that is so for long."""
        seen = self.watched[batch_id]
        missing_since = now if seen.missing_since is None else seen.missing_since
        self.watched[batch_id] = replace(seen, missing_since=missing_since, checked_at=now)
        if now - missing_since < GONE_AFTER_S:
            return
        batch = last_known(batch_id) or Batch(batch_id, seen.status, seen.created_at)
        transition = Transition(replace(batch, status=GONE), seen.status, was_watched=True)
        owed = self._notification(batch_id, Gone(batch, missing_since), now)
        entry = Entry(transition, owed if self.policy.concerns(batch) else None)
        for stale in self._record([entry], now):
            again = replace(transition, old_status=stale.status)
            self._record([Entry(again, None if GONE in stale.told else entry.owed)], now)
        if self.watched[batch_id].is_open:
            self.watched[batch_id] = replace(seen, status=GONE, checked_at=now)

    def _sure(self, transition: Transition, now: int) -> Transition:
        """The transition with the counts that its message needs, which a list may show too late."""
        batch = transition.batch
        is_unsure = batch.status == Status.COMPLETED and verdict_for(batch) is Verdict.UNKNOWN
        if is_unsure and not batch.is_retrieved and is_owed(transition, self.policy, self.since, now):
            batch = self.confirm(batch)
            if not (batch.is_terminal or batch.is_retrieved):
                self.waiting.add(batch.id)
        return replace(transition, batch=batch)

    def _entry(self, transition: Transition, now: int, told: frozenset[str] = frozenset()) -> Entry:
        batch = transition.batch
        is_made_up = batch.id in self.waiting and not batch.is_terminal
        if is_made_up or batch.status in told or not is_owed(transition, self.policy, self.since, now):
            return Entry(transition, None)
        return Entry(transition, self._notification(batch.id, batch, now))

    def _notification(self, batch_id: str, subject: Batch | Gone, now: int) -> Notification:
        status = GONE if isinstance(subject, Gone) else subject.status
        notification = Notification(f"{batch_id}#{status}", now, subject)
        return replace(notification, look_first=may_be_forgotten(notification, self.resumed_at))

    def _again(self, stale: Stale, now: int) -> Entry:
        """The entry for a batch that another poll recorded first, from the status it recorded."""
        # Who has a record was seen before, if not by this watch: its end is news.
        was_watched = stale.status is not None
        transition = stale.entry.transition
        transition = replace(transition, old_status=stale.status, was_watched=was_watched)
        return self._entry(self._sure(transition, now), now, stale.told)

    def _record(self, entries: Sequence[Entry], now: int) -> list[Stale]:
        """Record the entries; give those overtaken that still bring something new."""
        outcome = self.records.record(entries, now)
        self.recorded += len(outcome.stored)
        self.owed += sum(entry.owed is not None for entry in outcome.stored)
        self.history += sum(entry.is_history for entry in outcome.stored)
        self.unstorable += [entry.transition.batch.id for entry in outcome.unstorable]
        overtaken = []
        for stale in outcome.stale:
            batch = stale.entry.transition.batch
            if stale.status in TERMINAL:
                seen = met(batch, self.watched.get(batch.id), now)
                self.watched[batch.id] = replace(seen, status=stale.status)
            elif stale.status != batch.status:
                overtaken.append(stale)
        return overtaken
