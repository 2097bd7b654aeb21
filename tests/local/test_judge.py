"""The judge: it finds what is missing, repeated, wrong or invented."""

import pytest

from local.judge import VERDICTS, judge, verdict_of
from local.openai_rows import Row, counts, row
from local.openai_simulator import Change
from local.slack_simulator import Landed

AT = 1_800_000_000


def an_end(status: str = "completed", batch_id: str = "batch_1", **fields: object) -> Change:
    ended = row(status, at=AT, id=batch_id, **fields)
    return Change(AT, batch_id, status, ended)


def a_message(*lines: str, ids: str = "batch_1#completed") -> Landed:
    blocks = [{"text": {"text": "\n".join(lines[1:])}}]
    metadata = {"event_type": "batchbell_notification", "event_payload": {"ids": ids}}
    attachments = [{"blocks": blocks}] if lines[1:] else []
    return Landed(ts="1.2", channel="C1", at=AT, text=lines[0], attachments=attachments, metadata=metadata)


SAID = a_message("*batch_1* completed: all 10 requests succeeded.")


def test_an_end_told_once_and_rightly_is_clean() -> None:
    report = judge([an_end()], [SAID])

    assert (report.is_clean, report.ends) == (True, {"all succeeded": 1})


def test_an_end_that_is_not_told_is_missing() -> None:
    assert judge([an_end()], []).missing == ["batch_1#completed"]


def test_an_end_told_twice_is_repeated() -> None:
    assert judge([an_end()], [SAID, SAID]).repeated == ["batch_1#completed"]


@pytest.mark.parametrize("counted", [counts(10, 7, 3), counts(10, 0, 10), counts(0, 0, 0), None], ids=str)
def test_an_end_told_with_another_verdict_is_wrong(counted: Row | None) -> None:
    report = judge([an_end(request_counts=counted)], [SAID])

    assert len(report.wrong) == 1


def test_the_number_of_failed_requests_must_be_right() -> None:
    end = an_end(request_counts=counts(1000, 997, 3))

    right = judge([end], [a_message("*a* completed, but 3 of 1,000 requests failed.")])
    wrong = judge([end], [a_message("*a* completed, but 4 of 1,000 requests failed.")])

    assert (right.is_clean, wrong.is_clean) == (True, False)


def test_a_digest_is_read_line_by_line() -> None:
    ids = "batch_1#completed batch_2#failed"
    lines = (
        "2 batches ended",
        "*b* failed: · `batch_2`",
        "*a* completed: all 10 requests succeeded · `batch_1`",
    )
    ends = [an_end(), an_end("failed", "batch_2")]

    assert judge(ends, [a_message(*lines, ids=ids)]).is_clean
    assert len(judge(ends, [a_message(*lines[:2], ids=ids)]).wrong) == 1


def test_an_end_that_never_happened_is_wrong() -> None:
    still_open = an_end("in_progress")

    assert judge([still_open], [SAID]).wrong == ["batch_1#completed: nothing of the kind happened"]


@pytest.mark.parametrize(
    ("status", "counted", "verdict"),
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
def test_the_verdict_is_read_from_openais_own_row(status: str, counted: Row | None, verdict: str) -> None:
    assert verdict_of({"status": status, "request_counts": counted}) == verdict
    assert verdict in VERDICTS
