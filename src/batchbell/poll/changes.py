"""What changed since the last poll, and which changes are announced."""

from dataclasses import dataclass, replace

from batchbell.config import Config
from batchbell.models import DELETED, TERMINAL, Batch, Deleted, Notification, Status
from batchbell.poll.cursor import created_at
from batchbell.records import Change, Recorded

DELETED_AFTER_S = 3600  # a batch counts as deleted after two 404s at least so far apart
UNCONFIRMED_S = 3600  # an end may wait so long for its counts


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides whether a change is announced; the last three matter only for unrecorded batches."""

    config: Config
    scope: str
    baseline_at: int
    announce_from: int
    is_baseline: bool = False

    def change_for(self, batch: Batch, recorded: Recorded | None, now: int) -> Change | None:
        """Return what brings the record up to date with the batch, None if it is.

        A terminal status is final: a list that still shows an earlier one is stale.
        """
        if recorded is not None:
            if recorded.status in TERMINAL:
                return None
            if recorded.status == batch.status:
                # An open batch that is listed by another server or project belongs to that one from now on.
                is_same = recorded.scope == self.scope and recorded.missing_since is None
                return None if is_same and not _has_progressed(recorded, batch) else Change(batch, batch.status)
        notification = None
        if self.should_notify(batch, recorded, now):
            notification = Notification(f"{batch.id}#{batch.status}", now, batch)
        return Change(batch, recorded.status if recorded else None, notification)

    def should_notify(self, batch: Batch, recorded: Recorded | None, now: int) -> bool:
        """Whether the batch's present status is announced.

        It is not if it was announced before, or ended longer ago than records are kept. An unrecorded
        batch must be new, and must not have ended before the baseline.
        """
        # No batch ends before it is created: an impossible time must not hide a fresh end.
        happened_at = max(filter(None, (batch.created_at, batch.ended_at)), default=now)
        # A recorded batch that does not say when it ended has just done so.
        has_just_ended = recorded is not None and batch.ended_at is None
        is_too_old = not has_just_ended and happened_at < now - self.config.retention_s
        if is_too_old or not self.config.selects(batch):
            return False
        if recorded is not None:
            return batch.status not in recorded.announced
        if batch.created_at is None and batch.ended_at is None and self.is_baseline:
            return False  # it may have ended long ago
        return happened_at >= self.baseline_at and created_at(batch, now) >= self.announce_from

    def wants_error_summary(self, change: Change) -> bool:
        """Whether the error file of this batch, which has just ended, is to be read."""
        is_new = change.notification is not None or change.old_status is not None
        has_file = change.batch.is_terminal and change.batch.error_file_id and without_result(change.batch) > 0
        return bool(is_new and has_file and self.config.reads_error_files and self.config.matches_filter(change.batch))

    def deletion(self, batch: Batch, recorded: Recorded, now: int) -> Change:
        """Return the change for a batch that the server has not known since `recorded.missing_since`."""
        since = recorded.missing_since or now
        notification = None
        if self.config.matches_filter(batch) and DELETED not in recorded.announced:
            notification = Notification(f"{batch.id}#{DELETED}", now, Deleted(batch, since))
        deleted = replace(batch, status=DELETED)
        return Change(deleted, recorded.status, notification, missing_since=since)


def without_result(batch: Batch) -> int:
    """Return how many requests of an ended batch failed or did not run; 1 where nothing is counted."""
    counts = batch.request_counts
    return counts.failed + counts.rest if counts and counts.total else 1


def filled(batch: Batch, earlier: Batch) -> Batch:
    """Return the batch with what an answer that was cut may lack, as it was seen earlier."""
    created_at = earlier.created_at if batch.created_at is None else batch.created_at
    return replace(batch, created_at=created_at, metadata=batch.metadata or earlier.metadata)


def unconfirmed(change: Change, recorded: Recorded | None, now: int) -> Change | None:
    """Return the change while the counts of a completed batch cannot be had: it counts as finalizing.

    After an hour its end is taken as it is. None if nothing changes.
    """
    since = recorded.unconfirmed_since if recorded else None
    if since is not None and now - since > UNCONFIRMED_S:
        return change
    if since is not None and recorded is not None and recorded.status == Status.FINALIZING:
        return None
    batch = replace(change.batch, status=Status.FINALIZING)
    return Change(batch, change.old_status, unconfirmed_since=now if since is None else since)


def _has_progressed(recorded: Recorded, batch: Batch) -> bool:
    """Whether the counts moved by a twentieth of the total: some 20 writes in a batch's life."""
    before, counts = recorded.request_counts, batch.request_counts
    if counts is None or counts == before:
        return False
    if before is None or before.total != counts.total:
        return True
    done = counts.completed + counts.failed - before.completed - before.failed
    return 20 * abs(done) >= counts.total
