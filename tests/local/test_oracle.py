"""The oracle finds what is missing, repeated, wrong or invented."""

import pytest

from local.openai_rows import Row, counts, row
from local.openai_simulator import Change
from local.oracle import OUTCOMES, check, outcome_of
from local.slack_simulator import Message

AT = 1_800_000_000


def an_end(status: str = "completed", batch_id: str = "batch_1", **fields: object) -> Change:
    return Change(AT, batch_id, status, row(status, at=AT, id=batch_id, **fields))


def a_message(text: str, *lines: str, ids: str = "batch_1#completed") -> Message:
    attachments = [{"blocks": [{"text": {"text": "\n".join(lines)}}]}] if lines else []
    metadata = {"event_type": "batchbell_notification", "event_payload": {"ids": ids}}
    return Message("1.2", "C1", AT, text, attachments=attachments, metadata=metadata)


COMPLETED = a_message("*batch_1* completed: all 10 requests succeeded.")


def test_an_end_is_missing_clean_or_repeated() -> None:
    missing, clean, repeated = (check([an_end()], [COMPLETED] * times) for times in range(3))

    assert (missing.missing, missing.is_clean) == (["batch_1#completed"], False)
    assert (clean.is_clean, clean.ends) == (True, {"all succeeded": 1})
    assert (repeated.repeated, repeated.is_clean) == (["batch_1#completed"], False)


def test_an_end_that_never_happened_is_wrong() -> None:
    report = check([an_end("in_progress")], [COMPLETED])

    assert report.wrong == ["batch_1#completed: nothing of the kind happened"]


@pytest.mark.parametrize("counted", [counts(10, 7, 3), counts(10, 0, 10), counts(0, 0, 0), None], ids=str)
def test_an_end_that_is_announced_with_another_outcome_or_number_is_wrong(counted: Row | None) -> None:
    end = an_end(request_counts=counted)

    assert len(check([end], [COMPLETED]).wrong) == 1
    assert len(check([end], [a_message("*a* completed, but 4 of 10 requests failed.")]).wrong) == 1


def test_a_digest_is_read_line_by_line() -> None:
    ids = "batch_1#completed batch_2#failed"
    failed, completed = "*b* failed: · `batch_2`", "*a* completed: all 10 requests succeeded · `batch_1`"
    ends = [an_end(), an_end("failed", "batch_2")]

    assert check(ends, [a_message("2 batches ended", failed, completed, ids=ids)]).is_clean
    assert len(check(ends, [a_message("2 batches ended", failed, ids=ids)]).wrong) == 1


@pytest.mark.parametrize(
    ("status", "counted", "outcome"),
    [
        ("completed", counts(10, 10, 0), "all succeeded"),
        ("completed", counts(10, 9, 1), "some failed"),
        ("completed", counts(10, 0, 10), "all failed"),
        ("completed", counts(0, 0, 0), "empty"),
        ("completed", None, "unknown"),
        ("expired", counts(10, 9, 1), "expired"),
    ],
)
def test_the_outcome_is_read_from_openais_own_row(status: str, counted: Row | None, outcome: str) -> None:
    assert outcome_of({"status": status, "request_counts": counted}) == outcome
    assert outcome in OUTCOMES
