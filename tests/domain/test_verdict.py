"""The verdict: `completed` is not success."""

import pytest

from batchbell.domain.batch import RequestCounts
from batchbell.domain.verdict import Verdict, verdict_for
from tests.builders import a_batch


@pytest.mark.parametrize(
    ("total", "completed", "failed", "verdict"),
    [
        (10, 10, 0, Verdict.SUCCEEDED),
        (10, 7, 3, Verdict.PARTLY_FAILED),
        (10, 7, 0, Verdict.PARTLY_FAILED),
        (10, 0, 10, Verdict.ALL_FAILED),
        (10, 0, 3, Verdict.ALL_FAILED),
        (10, 0, 0, Verdict.UNKNOWN),
        (0, 0, 0, Verdict.UNKNOWN),
    ],
)
def test_the_counts_tell_how_a_completed_batch_really_ended(
    total: int, completed: int, failed: int, verdict: Verdict
) -> None:
    counts = RequestCounts(total, completed, failed)

    assert verdict_for(a_batch(status="completed", request_counts=counts)) is verdict


def test_a_completed_batch_without_counts_is_unknown() -> None:
    assert verdict_for(a_batch(status="completed", request_counts=None)) is Verdict.UNKNOWN


def test_only_a_batch_asked_for_by_id_is_believed_to_be_empty() -> None:
    batch = a_batch(status="completed", request_counts=RequestCounts(0, 0, 0), is_retrieved=True)

    assert verdict_for(batch) is Verdict.EMPTY


@pytest.mark.parametrize("status", ["failed", "expired", "cancelled"])
def test_other_ends_are_their_own_verdict(status: str) -> None:
    assert verdict_for(a_batch(status=status)) == status


@pytest.mark.parametrize("status", ["validating", "in_progress", "pre_schedule"])
def test_an_open_batch_has_no_verdict(status: str) -> None:
    assert verdict_for(a_batch(status=status)) is None
