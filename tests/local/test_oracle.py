"""The oracle finds what is missing, repeated, wrong or invented."""

import pytest

from local.openai_rows import Row, counts, row
from local.openai_simulator import Change
from local.oracle import OUTCOMES, check, outcome_of
from local.slack_simulator import Landed

AT = 1_800_000_000


def an_end(status: str = "completed", batch_id: str = "batch_1", **fields: object) -> Change:
    return Change(AT, batch_id, status, row(status, at=AT, id=batch_id, **fields))


def a_message(text: str, *lines: str, ids: str = "batch_1#completed") -> Landed:
    attachments = [{"blocks": [{"text": {"text": "\n".join(lines)}}]}] if lines else []
    metadata = {"event_type": "batchbell_notification", "event_payload": {"ids": ids}}
    return Landed("1.2", "C1", AT, text, attachments=attachments, metadata=metadata)


COMPLETED = a_message("*batch_1* completed: all 10 requests succeeded.")


def test_an_end_that_is_announced_once_and_correctly_is_clean() -> None:
    report = check([an_end()], [COMPLETED])

    assert (report.is_clean, report.ends) == (True, {"all succeeded": 1})


def test_an_end_that_is_not_announced_is_missing() -> None:
    assert check([an_end()], []).missing == ["batch_1#completed"]


def test_an_end_that_is_announced_twice_is_repeated() -> None:
    assert check([an_end()], [COMPLETED, COMPLETED]).repeated == ["batch_1#completed"]


@pytest.mark.parametrize("counted", [counts(10, 7, 3), counts(10, 0, 10), counts(0, 0, 0), None], ids=str)
def test_an_end_that_is_announced_with_another_outcome_is_wrong(counted: Row | None) -> None:
    assert len(check([an_end(request_counts=counted)], [COMPLETED]).wrong) == 1


def test_the_number_of_failed_requests_must_be_right() -> None:
    end = an_end(request_counts=counts(1000, 997, 3))

    right = check([end], [a_message("*a* completed, but 3 of 1,000 requests failed.")])
    wrong = check([end], [a_message("*a* completed, but 4 of 1,000 requests failed.")])

    assert (right.is_clean, wrong.is_clean) == (True, False)


def test_a_digest_is_read_line_by_line() -> None:
    ids = "batch_1#completed batch_2#failed"
    failed, completed = "*b* failed: · `batch_2`", "*a* completed: all 10 requests succeeded · `batch_1`"
    ends = [an_end(), an_end("failed", "batch_2")]

    assert check(ends, [a_message("2 batches ended", failed, completed, ids=ids)]).is_clean
    assert len(check(ends, [a_message("2 batches ended", failed, ids=ids)]).wrong) == 1


def test_an_end_that_never_happened_is_wrong() -> None:
    still_open = an_end("in_progress")

    assert check([still_open], [COMPLETED]).wrong == ["batch_1#completed: nothing of the kind happened"]


@pytest.mark.parametrize(
    ("status", "counted", "outcome"),
    [
        ("completed", counts(10, 10, 0), "all succeeded"),
        ("completed", counts(10, 9, 1), "some failed"),
        ("completed", counts(10, 0, 10), "all failed"),
        ("completed", counts(0, 0, 0), "empty"),
        ("completed", None, "unknown"),
        ("failed", None, "failed"),
        ("expired", counts(10, 9, 1), "expired"),
        ("cancelled", None, "cancelled"),
    ],
)
def test_the_outcome_is_read_from_openais_own_row(status: str, counted: Row | None, outcome: str) -> None:
    assert outcome_of({"status": status, "request_counts": counted}) == outcome
    assert outcome in OUTCOMES
