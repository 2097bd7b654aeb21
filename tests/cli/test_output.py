"""The table of `list` and the facts of `show`."""

import re

import pytest

from batchbell.cli.output import facts_of, table_of
from batchbell.models import Batch, BatchError, ErrorSummary, RequestCounts, Row, Usage
from tests.builders import NOW, a_batch, a_page


def test_columns_are_as_wide_as_they_need_to_be_in_any_script() -> None:
    wide = a_batch("batch_1", "completed", metadata=(("name", "夜間バッチ"),))
    narrow = a_batch("batch_22", request_counts=RequestCounts(1000, 12, 3))

    lines = table_of([*a_page(wide, narrow).rows, Row("2", None, {})], NOW + 60)

    assert lines == [
        "STATUS       NAME        ID          REQUESTS                    WHEN              TOOK",
        "succeeded    夜間バッチ  batch_1     10 requests                 ended 1 min ago   1 h",
        "in progress              batch_22    15 of 1,000 done, 3 failed  22 h 59 min left",
        "unreadable               see --json",
    ]


ENDED = ["ended 1 min ago", "1 h"]


@pytest.mark.parametrize(
    ("batch", "cells"),
    [
        (
            a_batch(status="expired", request_counts=RequestCounts(48_000, 25_401, 0)),
            ["expired", "25,401 of 48,000 succeeded", *ENDED],
        ),
        (
            a_batch(status="cancelled", request_counts=RequestCounts(4_000, 544, 0)),
            ["cancelled", "544 of 4,000 succeeded", *ENDED],
        ),
        (
            a_batch(status="completed", request_counts=RequestCounts(24_000, 11_112, 0)),
            ["partly failed", "11,112 of 24,000 succeeded, 12,888 unaccounted for", *ENDED],
        ),
        (a_batch(status="failed", request_counts=RequestCounts(3, 0, 3)), ["failed", "3 of 3 failed", *ENDED]),
        (
            a_batch(status="failed", request_counts=None, errors=(BatchError("invalid_json_line", line=1),)),
            ["rejected", "1 error in the input file", *ENDED],
        ),
        (
            a_batch(status="failed", request_counts=None, errors=(BatchError("A&b <c>"),)),
            ["rejected", "A&b <c>", *ENDED],
        ),
        (a_batch(status="failed", request_counts=None, failed_at=None), ["rejected", "created 1 h 1 min ago"]),
        (a_batch(status="cancelling"), ["cancelling", "created 1 h 1 min ago"]),
        (a_batch(expires_at=NOW), ["in progress", "created 1 h 1 min ago"]),
    ],
)
def test_a_row_says_what_was_done_and_how_long_ago_it_ended(batch: Batch, cells: list[str]) -> None:
    line = table_of(a_page(batch).rows, NOW + 60)[1]

    assert re.split(" {2,}", line) == [cells[0], "batch_1", *cells[1:]]


def test_a_failure_is_explained_first_with_what_to_do_and_where_its_page_is() -> None:
    summary = ErrorSummary((("rate_limit_exceeded", 2), ("a&b", 1)), lines=3, is_whole=False)
    counts = RequestCounts(1000, 997, 3)
    batch = a_batch(status="completed", request_counts=counts, error_file_id="f", error_summary=summary)

    assert facts_of(batch, NOW, "https://page")[1:8] == [
        "status      partly failed (status completed)",
        "happened    3 of 1,000 requests failed, 997 results are ready.",
        "why         2 × rate limit exceeded",
        "why         1 × a&b",
        "why         in the first 3 lines of the error file; there are more",
        "next        Submit fewer requests at a time, then resubmit the 3 named in the error file.",
        "page        https://page",
    ]


def test_all_that_the_api_said_about_a_batch_is_a_line() -> None:
    batch = a_batch(
        status="failed",
        failed_at=NOW - 60,
        model="gpt",
        output_file_id="file-1",
        request_counts=RequestCounts(1200, 1000, 200),
        usage=Usage(10, 20, 30, cached_tokens=5),
        metadata=(("name", "Nightly"), ("odd\nkey", "x")),
        errors=(BatchError("invalid_json_line", "bad", 1234), BatchError(message="worse")),
        errors_left_out=7,
    )

    lines = facts_of(batch, NOW)

    assert lines == [
        "batch        batch_1",
        "status       failed",
        "happened     200 of 1,200 requests failed, 1,000 results are ready.",
        "next         Keep the 1,000 (already billed), resubmit the rest.",
        "requests     1,200: 1,000 completed, 200 failed",
        "tokens       10 in (5 cached), 20 out, 30 in all",
        "created      2027-01-15 07:00:00 UTC, 1 h ago",
        "failed       2027-01-15 07:59:00 UTC, 1 min ago",
        "took         59 min",
        "model        gpt",
        "output file  file-1",
        "metadata     name: Nightly",
        "metadata     odd key: x",
        "error        line 1,234: invalid_json_line: bad",
        "error        worse",
        "error        and 7 more; --json shows all",
    ]
