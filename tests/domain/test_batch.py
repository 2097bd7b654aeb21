"""Batch: statuses in any spelling, and when a batch ended."""

import pytest

from batchbell.domain.batch import normalised
from tests.builders import NOW, a_batch


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("completed", "completed"),
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

    assert (batch.is_terminal, batch.ended_at) == (True, NOW)


def test_an_open_batch_has_not_ended() -> None:
    batch = a_batch(status="cancelling", completed_at=NOW)

    assert (batch.is_terminal, batch.ended_at) == (False, None)
