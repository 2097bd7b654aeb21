"""Outcome: how a batch ended, in words."""

from batchbell.domain.batch import Batch, RequestCounts
from batchbell.domain.message.failure import reason
from batchbell.domain.message.mrkdwn import escaped
from batchbell.domain.message.wording import duration
from batchbell.domain.verdict import Verdict, verdict_for


def outcome(batch: Batch, room: int = 500) -> str:
    """How a batch ended, or stands, to be read after its name; escaped."""
    match verdict_for(batch):
        case None:
            return f"is now {escaped(batch.status.replace('_', ' '), 60)}{_progress(batch)}"
        case Verdict.FAILED:
            why = reason(batch, room)
            return f"failed: {why}" if why else f"failed{_progress(batch)}; no reason was given"
        case Verdict.EXPIRED:
            return f"expired{_after(batch)}{_progress(batch)}"
        case Verdict.CANCELLED:
            return f"was cancelled{_after(batch)}{_progress(batch)}"
        case Verdict.EMPTY:
            return "completed, but it was empty"
        case verdict:
            return f"completed{_fate(verdict, batch.request_counts)}"


def seconds_taken(batch: Batch) -> int | None:
    """From its creation to its end, where the server told both."""
    if batch.ended_at is None or batch.created_at is None:
        return None
    return max(batch.ended_at - batch.created_at, 0)


def _fate(verdict: Verdict, counts: RequestCounts | None) -> str:
    """What became of the requests of a completed batch; not every server's counts add up."""
    if counts is None or verdict is Verdict.UNKNOWN:
        return "; how its requests fared is not known"
    failed, total = counts.failed, max(counts.total, counts.completed + counts.failed)
    missing = total - counts.completed - failed
    everything = {1: "its only request", 2: "both requests"}.get(total, f"all {total:,} requests")
    if verdict is Verdict.SUCCEEDED:
        return f": {everything} succeeded"
    if failed == total:
        return f", but {everything} failed"
    are = "is" if missing == 1 else "are"
    if not failed:
        return f", but {missing:,} of {total:,} requests {are} unaccounted for"
    rest = f" and {missing:,} {are} unaccounted for" if missing else ""
    return f", but {failed:,} of {total:,} requests failed{rest}"


def _after(batch: Batch) -> str:
    seconds = seconds_taken(batch)
    return "" if seconds is None else f" after {duration(seconds)}"


def _progress(batch: Batch) -> str:
    """How far a batch came that did not complete, or is still open."""
    counts = batch.request_counts
    if counts is None or counts.total <= 0:
        return ""
    failed = f" ({counts.failed:,} failed)" if counts.failed else ""
    return f", with {counts.completed + counts.failed:,} of {counts.total:,} requests done{failed}"
