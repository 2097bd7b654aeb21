"""The table of `list` and the facts of `show`."""

from batchbell.cli.output import facts_of, table_of
from batchbell.models import BatchError, RequestCounts, Row, Usage
from tests.builders import NOW, a_batch, a_page


def test_columns_are_as_wide_as_they_need_to_be_in_any_script() -> None:
    wide = a_batch("batch_1", "completed", metadata=(("name", "夜間バッチ"),))
    narrow = a_batch("batch_22", request_counts=RequestCounts(1000, 12, 3))

    lines = table_of([*a_page(wide, narrow).rows, Row("2", None, {})], NOW)

    assert lines == [
        "STATUS       NAME        ID          REQUESTS               AGE  TOOK",
        "succeeded    夜間バッチ  batch_1     10                     1 h  1 h",
        "in progress              batch_22    15 of 1,000, 3 failed  1 h",
        "unreadable               see --json",
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
