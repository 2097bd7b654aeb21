"""Verdict: how a terminal batch really ended, from its counts."""

from enum import StrEnum

from batchbell.domain.batch import Batch, RequestCounts, Status


class Verdict(StrEnum):
    """`completed` is not success: only SUCCEEDED looks green."""

    SUCCEEDED = "succeeded"
    PARTLY_FAILED = "partly failed"
    ALL_FAILED = "all failed"
    EMPTY = "empty"
    UNKNOWN = "unknown"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


def verdict_for(batch: Batch) -> Verdict | None:
    """The verdict of a terminal batch, None of an open one.

    A list may show a batch completed before it shows its counts, so "0 of 0" is only believed of
    a batch that was retrieved by id.
    """
    if batch.status != Status.COMPLETED:
        return Verdict(batch.status) if batch.is_terminal else None
    match batch.request_counts:
        case RequestCounts(total=0, completed=0, failed=0) if batch.is_retrieved:
            return Verdict.EMPTY
        case None | RequestCounts(completed=0, failed=0):
            return Verdict.UNKNOWN
        case RequestCounts(completed=0):
            return Verdict.ALL_FAILED
        case RequestCounts(total, completed, failed=0) if completed >= total:
            return Verdict.SUCCEEDED
    return Verdict.PARTLY_FAILED
