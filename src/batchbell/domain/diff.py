"""Diff: listed batches against recorded statuses, giving transitions, and which of them are owed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from batchbell.domain.batch import TERMINAL, Batch
from batchbell.domain.cursor import created_at
from batchbell.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class Transition:
    """A batch whose status differs from the one recorded.

    `old_status` is None when the batch was never recorded. `was_watched` tells a batch that this
    bot had seen open from one whose earlier life it does not know.
    """

    batch: Batch
    old_status: str | None
    was_watched: bool


@dataclass(frozen=True, slots=True)
class Since:
    """From when on things count: `baseline_at` for ends, `seen_through` for new batches.

    Once the baseline is taken, `baseline_at` lies earlier by as much as clocks may differ: what has
    ended shortly before, and was not met, is told rather than lost. What ended long before is
    history, whenever a server shows it.
    """

    baseline_at: int
    seen_through: int


def diff(recorded: Mapping[str, str], listed: Iterable[Batch], since: Since, now: int) -> list[Transition]:
    """Return the transitions that bring `recorded` up to date with `listed`.

    A terminal status is final: a listing that still shows an earlier one is stale. An unrecorded
    batch that is old and has ended is none of ours: its record has outlived its retention.
    """
    transitions = []
    for batch in listed:
        old_status = recorded.get(batch.id)
        if old_status == batch.status or old_status in TERMINAL:
            continue
        if old_status is None and batch.is_terminal and not _is_new(batch, since, now):
            continue
        transitions.append(Transition(batch, old_status, was_watched=old_status is not None))
    return transitions


def is_owed(transition: Transition, policy: Policy, since: Since, now: int) -> bool:
    """Whether the team is to be told of the transition.

    What ended before the baseline, or longer ago than records are kept, is history; so is what is
    found in an open status without being new.
    """
    batch = transition.batch
    # No batch ends before it is created: a senseless time must not hide a fresh end.
    happened_at = max(filter(None, (batch.created_at, batch.ended_at)), default=now)
    is_too_old = batch.ended_at is not None and happened_at < now - policy.retention_s
    if is_too_old or not policy.selects(batch):
        return False
    if transition.was_watched:
        return True
    return happened_at >= since.baseline_at and (batch.is_terminal or _is_new(batch, since, now))


def _is_new(batch: Batch, since: Since, now: int) -> bool:
    return created_at(batch, now) >= since.seen_through
