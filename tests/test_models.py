"""Batches: statuses in any spelling, when a batch ended, and how."""

from dataclasses import replace
from typing import Any

import pytest

from batchbell.models import Outcome, RequestCounts, Usage, lacks_counts, normalised, outcome_of
from tests.builders import NOW, a_batch


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("COMPLETED", "completed"),
        ("complete", "completed"),
        ("canceled", "cancelled"),
        ("CANCELING", "cancelling"),
        (" In Progress ", "in_progress"),
        ("in-progress", "in_progress"),
        ("pre_schedule", "pre_schedule"),
    ],
)
def test_a_status_is_known_in_every_spelling(written: str, status: str) -> None:
    assert normalised(written) == status


@pytest.mark.parametrize("status", ["completed", "failed", "expired", "cancelled"])
def test_a_terminal_batch_ended_at_the_time_of_its_status(status: str) -> None:
    batch = a_batch(status=status, cancelling_at=NOW - 9)

    assert (batch.is_terminal, batch.is_open, batch.ended_at) == (True, False, NOW)
    assert outcome_of(batch) == ("succeeded" if status == "completed" else status)


@pytest.mark.parametrize("fields", [{"in_progress_at": NOW}, {"request_counts": RequestCounts(3, 0, 3)}], ids=str)
def test_a_failed_batch_of_which_requests_ran_was_not_rejected(fields: dict[str, Any]) -> None:
    assert outcome_of(a_batch(status="failed", **fields)) is Outcome.FAILED


@pytest.mark.parametrize("status", ["validating", "in_progress", "cancelling", "pre_schedule"])
def test_an_open_batch_has_no_end_and_no_outcome(status: str) -> None:
    batch = a_batch(status=status, completed_at=NOW)

    assert (batch.is_terminal, batch.is_open, batch.ended_at) == (False, True, None)
    assert outcome_of(batch) is None


@pytest.mark.parametrize(
    ("counts", "outcome"),
    [
        (RequestCounts(10, 10, 0), Outcome.SUCCEEDED),
        (RequestCounts(10, 7, 3), Outcome.PARTLY_FAILED),
        (RequestCounts(10, 7, 0), Outcome.PARTLY_FAILED),
        (RequestCounts(10, 0, 10), Outcome.FAILED),
        (RequestCounts(10, 0, 3), Outcome.FAILED),
        (RequestCounts(10, 0, 0), Outcome.UNKNOWN),
        (RequestCounts(0, 0, 0), Outcome.EMPTY),
        (None, Outcome.UNKNOWN),
    ],
)
def test_the_counts_give_the_outcome_of_a_completed_batch(counts: RequestCounts | None, outcome: Outcome) -> None:
    assert outcome_of(a_batch(status="completed", request_counts=counts)) is outcome


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, Outcome.EMPTY),
        ({"output_file_id": "file-1"}, Outcome.UNKNOWN),
        ({"error_file_id": "file-1"}, Outcome.UNKNOWN),
        ({"usage": Usage(1, 2, 3)}, Outcome.UNKNOWN),
    ],
)
def test_only_a_batch_without_files_and_usage_is_empty_listed_or_retrieved(
    fields: dict[str, object], outcome: Outcome
) -> None:
    listed = a_batch(status="completed", request_counts=RequestCounts(0, 0, 0), **fields)

    assert outcome_of(listed) is outcome_of(replace(listed, is_retrieved=True)) is outcome
    assert (lacks_counts(listed), lacks_counts(replace(listed, is_retrieved=True))) == (True, False)
