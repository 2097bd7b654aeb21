"""The oracle finds what is missing, repeated, wrong or invented."""

import pytest

from local.openai_rows import Row, counts, row
from local.openai_simulator import Change
from local.oracle import OUTCOMES, check, outcome_of
from local.slack_simulator import Message

AT = 1_800_000_000


def an_end(status: str = "completed", batch_id: str = "batch_1", **fields: object) -> Change:
    return Change(AT, batch_id, status, row(status, at=AT, id=batch_id, **fields))


def a_message(text: str, *blocks: Row, ids: str = "batch_1#completed") -> Message:
    metadata = {"event_type": "batchbell_notification", "event_payload": {"ids": ids}}
    return Message("1.2", "C1", AT, text, blocks=blocks, metadata=metadata)


def a_row(text: str, batch_id: str) -> Row:
    menu = {"type": "overflow", "options": [{"value": f"batch {batch_id}"}]}
    return {"type": "section", "text": {"text": text}, "accessory": menu}


def a_line(text: str) -> Row:
    return {"type": "context", "elements": [{"text": text}]}


COMPLETED = a_message(
    "batch_1 succeeded: all 10 requests, in 1 h.", a_row("*batch_1* succeeded\n10 requests", "batch_1")
)


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

    assert len(check([end], [COMPLETED]).wrong) == 2
    assert len(check([end], [a_message("a partly failed: 4 of 10 requests failed.")]).wrong) == 1


FAILED = a_row("❌ *Rejected:* *b*\n1 error in the input file", "batch_2")
ALL_GOOD = a_line("✅ 2 succeeded: batch_1, batch_3")


@pytest.mark.parametrize(
    ("blocks", "wrong"),
    [
        ([FAILED, ALL_GOOD], 0),
        ([ALL_GOOD], 1),
        ([FAILED], 2),
        ([FAILED, a_line("✅ 3 succeeded: batch_1, batch_3")], 2),
        ([FAILED, a_line("✅ 2 succeeded: batch_1")], 1),
        ([FAILED, a_row("*Partly failed:*", "batch_1"), ALL_GOOD], 1),
    ],
)
def test_a_digest_is_read_row_by_row_and_counted(blocks: list[Row], wrong: int) -> None:
    ids = "batch_1#completed batch_2#failed batch_3#completed"
    ends = [an_end(), an_end("failed", "batch_2"), an_end(batch_id="batch_3")]

    assert len(check(ends, [a_message("3 batches ended", *blocks, ids=ids)]).wrong) == wrong


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
