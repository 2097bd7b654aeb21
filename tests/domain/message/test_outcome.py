"""Outcome: "completed" is never all that is said."""

import pytest

from batchbell.domain.batch import BatchError, RequestCounts
from batchbell.domain.message.outcome import outcome
from tests.builders import NOW, a_batch


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((10, 10, 0), "completed: all 10 requests succeeded"),
        ((1, 1, 0), "completed: its only request succeeded"),
        ((0, 5, 0), "completed: all 5 requests succeeded"),
        ((1234, 1200, 34), "completed, but 34 of 1,234 requests failed"),
        ((10, 7, 0), "completed, but 3 of 10 requests are unaccounted for"),
        ((10, 7, 2), "completed, but 2 of 10 requests failed and 1 is unaccounted for"),
        ((2, 0, 2), "completed, but both requests failed"),
        ((10, 0, 10), "completed, but all 10 requests failed"),
        ((10, 0, 4), "completed, but 4 of 10 requests failed and 6 are unaccounted for"),
        ((10, 0, 0), "completed; how its requests fared is not known"),
        ((0, 0, 0), "completed; how its requests fared is not known"),
        (None, "completed; how its requests fared is not known"),
    ],
)
def test_a_completed_batch_says_how_its_requests_fared(
    counts: tuple[int, int, int] | None, said: str
) -> None:
    batch = a_batch(status="completed", request_counts=counts and RequestCounts(*counts))

    assert outcome(batch) == said


def test_a_batch_without_requests_is_called_empty_once_it_was_asked_for_by_id() -> None:
    batch = a_batch(status="completed", request_counts=RequestCounts(0, 0, 0), is_retrieved=True)

    assert outcome(batch) == "completed, but it was empty"


@pytest.mark.parametrize(
    ("status", "counts", "said"),
    [
        ("expired", (10, 7, 0), "expired after 24 h, with 7 of 10 requests done"),
        ("expired", (10, 0, 0), "expired after 24 h, with 0 of 10 requests done"),
        ("cancelled", (10, 7, 1), "was cancelled after 24 h, with 8 of 10 requests done (1 failed)"),
        ("cancelled", (0, 0, 0), "was cancelled after 24 h"),
    ],
)
def test_a_stopped_batch_says_when_and_how_far_it_came(
    status: str, counts: tuple[int, int, int], said: str
) -> None:
    batch = a_batch(status=status, created_at=NOW - 86_400, request_counts=RequestCounts(*counts))

    assert outcome(batch) == said


@pytest.mark.parametrize(
    ("errors", "left_out", "said"),
    [
        (("empty_file",), 0, "failed: empty file"),
        (("bad_line",) * 9 + ("twice",), 0, "failed: bad line (9 times) and twice"),
        (("a", "b", "c", "d"), 450, "failed: a, b and 452 other errors"),
        ((), 0, "failed, with 0 of 10 requests done; no reason was given"),
    ],
)
def test_a_failed_batch_says_why(errors: tuple[str, ...], left_out: int, said: str) -> None:
    batch = a_batch(
        status="failed",
        request_counts=RequestCounts(10, 0, 0),
        errors=tuple(map(BatchError, errors)),
        errors_left_out=left_out,
    )

    assert outcome(batch) == said


def test_an_open_batch_says_how_far_it_is() -> None:
    batch = a_batch(status="in_progress", request_counts=RequestCounts(10, 3, 0))

    assert outcome(batch) == "is now in progress, with 3 of 10 requests done"


def test_a_status_nobody_has_heard_of_is_shown_as_it_is() -> None:
    assert outcome(a_batch(status="pre_schedule<!here>")) == "is now pre schedule&lt;!here&gt;"
