"""A batch in words: "completed" is never all that is said, and what was done is never left out."""

from dataclasses import replace

import pytest

from batchbell.models import Batch, BatchError, ErrorSummary, RequestCounts, Usage
from batchbell.notify import details
from tests.builders import NOW, a_batch

Counts = tuple[int, int, int]


def ended(status: str, counts: Counts | None, **fields: object) -> Batch:
    return a_batch(status=status, request_counts=counts and RequestCounts(*counts), **fields)


@pytest.mark.parametrize(
    ("status", "counts", "in_a_row", "in_a_message"),
    [
        ("completed", (10, 10, 0), "10 requests", "All 10 requests succeeded."),
        ("completed", (1, 1, 0), "1 request", "Its only request succeeded."),
        ("completed", (1234, 1200, 34), "34 of 1,234 failed", "34 of 1,234 requests failed, 1,200 results are ready."),
        (
            "completed",
            (24_000, 11_112, 0),
            "11,112 of 24,000 succeeded, 12,888 unaccounted for",
            "11,112 of 24,000 requests succeeded, 12,888 unaccounted for.",
        ),
        (
            "completed",
            (10, 7, 2),
            "7 of 10 succeeded, 2 failed, 1 unaccounted for",
            "7 of 10 requests succeeded, 2 failed, 1 unaccounted for.",
        ),
        ("completed", (2, 0, 2), "2 of 2 failed", "Both requests failed, there are no results."),
        ("completed", (10, 0, 4), "4 of 10 failed, 6 unaccounted for", "4 of 10 requests failed, 6 unaccounted for."),
        ("completed", (10, 0, 0), "", "The server doesn’t say how many requests succeeded."),
        ("completed", None, "", "The server doesn’t say how many requests succeeded."),
        ("completed", (0, 0, 0), "", "It had no requests, so there are no results."),
        ("failed", (3, 0, 3), "3 of 3 failed", "All 3 requests failed, there are no results."),
        (
            "failed",
            (10, 5, 2),
            "5 of 10 succeeded, 2 failed, 3 not run",
            "5 of 10 requests succeeded, 2 failed, 3 not run.",
        ),
        ("failed", (0, 0, 0), "", "No reason was given; no request ran."),
        (
            "expired",
            (48_000, 25_401, 112),
            "25,401 of 48,000 succeeded, 112 failed",
            "25,401 of 48,000 succeeded. 22,599 have no result: 112 failed, 22,487 not run.",
        ),
        ("expired", (10, 9, 0), "9 of 10 succeeded", "9 of 10 succeeded. 1 has no result."),
        ("expired", (10, 0, 10), "0 of 10 succeeded", "0 of 10 succeeded. 10 have no result."),
        ("expired", (2, 2, 0), "2 of 2 succeeded", "Both requests succeeded."),
        ("expired", None, "", "The server doesn’t say how many requests succeeded."),
        (
            "cancelled",
            (4000, 544, 0),
            "544 of 4,000 succeeded",
            "544 of 4,000 requests succeeded; their results are kept and billed.",
        ),
        ("cancelled", (9, 0, 1), "0 of 9 succeeded, 1 failed", "0 of 9 requests succeeded, 1 failed."),
        ("cancelled", (0, 0, 0), "", "No request had run."),
        ("in_progress", (800, 303, 9), "312 of 800 done, 9 failed", "312 of 800 requests done, 9 failed."),
        ("validating", (0, 0, 0), "", ""),
    ],
)
def test_what_became_of_the_requests_is_said_in_a_row_and_in_a_message(
    status: str, counts: Counts | None, in_a_row: str, in_a_message: str
) -> None:
    batch = ended(status, counts)

    assert (details.counts_text(batch), details.happened(batch)) == (in_a_row, in_a_message)


@pytest.mark.parametrize(
    ("batch", "label", "text", "heading"),
    [
        (ended("completed", (9, 9, 0)), "succeeded", "succeeded", "Succeeded"),
        (ended("completed", (9, 8, 1)), "partly failed", "partly failed", "Partly failed"),
        (ended("completed", (9, 0, 9)), "failed", "failed", "Failed"),
        (ended("completed", None), "completed (counts unknown)", "completed", "Completed"),
        (ended("completed", (0, 0, 0)), "empty", "was empty", "Empty"),
        (ended("failed", None), "rejected", "was rejected", "Rejected"),
        (ended("failed", None, in_progress_at=NOW), "failed", "failed", "Failed"),
        (ended("expired", None, created_at=NOW - 86_400), "expired", "expired after 24 h", "Expired after 24 h"),
        (ended("expired", None, expired_at=None), "expired", "expired", "Expired"),
        (ended("cancelled", None), "cancelled", "was cancelled after 1 h", "Cancelled after 1 h"),
        (a_batch(), "in progress", "is in progress", "In progress"),
        (a_batch(status="queued<!here>"), *["queued&lt;!here&gt;", "is queued&lt;!here&gt;", "Queued&lt;!here&gt;"]),
        (a_batch(status="gone"), "deleted", "is deleted", "Deleted"),
    ],
    ids=str,
)
def test_an_outcome_has_a_label_and_reads_well_after_a_name_and_as_a_heading(
    batch: Batch, label: str, text: str, heading: str
) -> None:
    assert (details.label(batch), details.outcome_text(batch), details.heading(batch)) == (label, text, heading)


def line_errors(code: str, *lines: int) -> tuple[BatchError, ...]:
    return tuple(BatchError(code, "Not shown.", line) for line in lines)


@pytest.mark.parametrize(
    ("errors", "left_out", "happened", "reasons"),
    [
        (
            line_errors("invalid_json_line", 3),
            0,
            "1 error in the input file; no request ran.",
            ["1 line is not valid JSON (line 3)"],
        ),
        (
            line_errors("invalid_json_line", 1, 2, 3, 4) + line_errors("duplicate_custom_id", 9, 8),
            0,
            "6 errors in the input file; no request ran.",
            ["• 4 lines are not valid JSON (1, 2, 3 …)", "• 2 repeat a `custom_id` (8, 9)"],
        ),
        (
            line_errors("invalid_json_line", 1, 2) + line_errors("url_mismatch", 3) + line_errors("a", 4) + line_errors("b", 5),
            350,
            "355 errors in the input file; no request ran.",
            ["• 2 lines are not valid JSON (1, 2)", "• 1 has another `url` than the batch (line 3)", "• 352 more"],
        ),
        (
            (BatchError("token_limit_exceeded", "Limit reached in organization org-snq6."),),
            0,
            "Token limit exceeded; no request ran.",
            ["Limit reached in organization org-…."],
        ),
        (
            line_errors("odd_one", 5, 6, 7),
            0,
            "3 errors in the input file; no request ran.",
            ["3 × odd one (5, 6, 7): Not shown."],
        ),
        ((BatchError(None, "It broke."),), 0, "It broke; no request ran.", []),
    ],
)  # fmt: skip
def test_a_rejected_batch_says_why(
    errors: tuple[BatchError, ...], left_out: int, happened: str, reasons: list[str]
) -> None:
    batch = a_batch(status="failed", request_counts=None, errors=errors, errors_left_out=left_out)

    assert details.happened(batch) == happened
    assert details.reasons(batch) == reasons


def test_an_error_that_came_while_requests_ran_is_named() -> None:
    batch = ended("failed", (10, 4, 0), errors=(BatchError("internal_error"),))

    assert details.happened(batch) == "4 of 10 requests succeeded, 6 not run."
    assert details.counts_text(batch) == "internal error, 4 of 10 succeeded, 6 not run"
    assert details.reasons(batch) == ["Internal error"]


def failed_by(*reasons: tuple[str, int], counts: Counts = (1000, 267, 733), **fields: object) -> Batch:
    summary = ErrorSummary(reasons, lines=sum(n for _, n in reasons), is_whole=True)
    return ended("completed", counts, error_file_id="file-e", error_summary=replace(summary, **fields))  # type: ignore[arg-type]


def test_the_error_file_says_why_requests_failed_the_most_frequent_first() -> None:
    some = failed_by(("rate_limit_exceeded", 700), ("invalid_request", 3), not_run=30)
    many = failed_by(*((f"code_{n}", n) for n in range(9, 0, -1)), is_whole=False, lines=5000)

    assert details.reasons(some) == ["700 × rate limit exceeded, 30 not run, 3 × invalid request"]
    assert details.reasons(many) == ["9 × code 9, 8 × code 8, 7 × code 7, 21 others in the first 5,000 lines"]
    assert details.next_step(some) == "submit fewer requests at a time, then resubmit the 733 named in the error file."


def test_requests_that_did_not_run_are_counted_once() -> None:
    batch = replace(
        ended("expired", (10, 3, 2)), error_file_id="f", error_summary=ErrorSummary((("500", 2),), not_run=5)
    )

    assert details.happened(batch).endswith("2 failed, 5 not run.")
    assert details.reasons(batch) == ["2 × 500"]


FILE = "file-e"


@pytest.mark.parametrize(
    ("batch", "step"),
    [
        (ended("completed", (9, 9, 0)), ""),
        (ended("completed", (1000, 997, 3), error_file_id=FILE), "resubmit the 3 named in the error file."),
        (ended("completed", (9, 7, 0)), "compare the results with the input file, and resubmit what is missing."),
        (ended("completed", (9, 0, 9), error_file_id=FILE), "the error file says why."),
        (ended("completed", (9, 0, 9)), "try one of its requests by itself."),
        (
            failed_by(("model_not_found", 9), counts=(9, 0, 9)),
            "check the name of the model, and that this project may use it, then submit the batch again.",
        ),
        (ended("completed", (0, 0, 0)), "check the input file."),
        (ended("completed", None), "count the lines of the output file."),
        (ended("completed", None, error_file_id=FILE), "look into the error file."),
        (
            ended("expired", (10, 7, 0), error_file_id=FILE),
            "keep the 7 (already billed), resubmit the rest from the error file.",
        ),
        (ended("expired", (10, 7, 0)), "keep the 7 (already billed), resubmit the rest."),
        (ended("expired", (10, 0, 0), error_file_id=FILE), "resubmit what the error file names."),
        (ended("expired", None), "submit it again, in smaller batches."),
        (ended("expired", (2, 2, 0)), "keep the 2 (already billed)."),
        (ended("cancelled", (10, 7, 0)), ""),
        (ended("failed", None, errors=line_errors("url_mismatch", 1)), "fix the file and submit it again."),
        (ended("failed", None, errors=(BatchError("too_many_tasks"),)), "split the input file into smaller batches."),
        (ended("failed", None, errors=(BatchError("odd"),)), "fix what it names and submit it again."),
        (a_batch(), ""),
    ],
    ids=str,
)
def test_the_next_step_fits_what_happened(batch: Batch, step: str) -> None:
    assert details.next_step(batch) == step


def test_names_that_differ_in_one_number_are_one_range_and_ids_stay_whole() -> None:
    def named(*names: str) -> list[Batch]:
        return [a_batch(metadata=(("name", name),)) for name in names]

    parts = [f"2026-11-28, part {n} of 12" for n in (1, 2, 3, 5, 9, 10)]
    ids = [a_batch(f"batch_{n}") for n in (1, 2, 3)]

    assert details.names_text(named(*parts, "Evals"), 99) == "2026-11-28, part 1–3, 5, 9–10 of 12, Evals"
    assert details.names_text(named("a 1 b 1", "a 2 b 2", "a 3 b 3"), 99) == "a 1 b 1, a 2 b 2, a 3 b 3"
    assert details.names_text(named("a 1", "a 1", "a 2"), 99) == "a 1, a 1, a 2"
    assert details.names_text(ids, 99) == "batch_1, batch_2, batch_3"


@pytest.mark.parametrize("key", ["ds_name", "ds_description", "name", "Description", "Job_Name", " TITLE "])
def test_a_batch_is_named_by_its_metadata(key: str) -> None:
    assert details.batch_name(a_batch(metadata=(("owner", "anna"), (key, "nightly <3")))) == "nightly &lt;3"


def test_tokens_that_a_server_only_sums_up_are_never_none_in_and_none_out() -> None:
    assert details.tokens(Usage(0, 0, 1_500)) == "1,500 in all"
    assert details.tokens(Usage(0, 0, 0)) == ""
    assert details.tokens(Usage(12, 3, 15, 4, 1)) == "12 in (4 cached), 3 out (1 reasoning)"


@pytest.mark.parametrize(
    ("batch", "happened", "step"),
    [
        (
            ended("failed", None, error_file_id=FILE),
            "The server doesn’t say how many requests succeeded. There is an error file, so some have no result.",
            "the error file says why.",
        ),
        (
            ended("failed", (10, 7, 3), errors=(BatchError("internal_error"),), error_file_id=FILE),
            "3 of 10 requests failed, 7 results are ready.",
            "keep the 7 (already billed), resubmit the rest from the error file.",
        ),
        (
            ended("cancelled", (0, 0, 0), output_file_id="file-o"),
            "The server doesn’t say how many requests succeeded.",
            "",
        ),
        (
            ended("completed", (10, 5, 3), error_file_id=FILE),
            "5 of 10 requests succeeded, 3 failed, 2 unaccounted for.",
            "compare the results with the input file, and resubmit what is missing.",
        ),
        (
            failed_by(("odd", 99), ("rate_limit_exceeded", 1), counts=(200, 100, 100)),
            "100 of 200 requests failed, 100 results are ready.",
            "resubmit the 100 named in the error file.",
        ),
    ],
    ids=str,
)
def test_what_was_done_is_never_forgotten_or_denied(batch: Batch, happened: str, step: str) -> None:
    assert (details.happened(batch), details.next_step(batch)) == (happened, step)


def test_errors_without_a_code_are_told_apart_by_their_messages() -> None:
    errors = (BatchError(None, "JSON is broken"), BatchError("odd", "One."), BatchError("odd", "Two."))
    batch = ended("failed", None, errors=errors)

    assert details.reasons(batch) == ["• 2 × odd; the first: One.", "• JSON is broken"]
    assert details.counts_text(replace(batch, errors=errors[:1])) == "JSON is broken"
    assert details.happened(replace(batch, errors=errors[1:], errors_left_out=30)) == "32 errors; no request ran."


@pytest.mark.parametrize(
    "names", [["a 08", "a 09", "a 10"], ["v1.2", "v1.3", "v1.4"], ["at 1795871970120", "at 1795871970121", "at 1795871970122"]]
)  # fmt: skip
def test_no_range_is_made_of_what_is_no_plain_number(names: list[str]) -> None:
    assert details.names_text([a_batch(metadata=(("name", name),)) for name in names], 99) == ", ".join(names)
