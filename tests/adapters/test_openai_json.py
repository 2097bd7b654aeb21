import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchbell.adapters.openai_json import parse_batch, parse_page
from batchbell.domain.batch import Batch, BatchError, Page, RequestCounts, Usage

FULL_ROW: dict[str, Any] = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/embeddings",
    "model": "text-embedding-3-small",
    "errors": {
        "object": "list",
        "data": [{"code": "empty_file", "message": "It is empty.", "param": "p", "line": 3}],
    },
    "input_file_id": "file-in",
    "completion_window": "24h",
    "status": "completed",
    "output_file_id": "file-out",
    "error_file_id": "file-err",
    "created_at": 1001,
    "in_progress_at": 1002,
    "expires_at": 1003,
    "finalizing_at": 1004,
    "completed_at": 1005,
    "failed_at": 1006,
    "expired_at": 1007,
    "cancelling_at": 1008,
    "cancelled_at": 1009,
    "request_counts": {"total": 9, "completed": 7, "failed": 2},
    "usage": {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 30,
    },
    "metadata": {"team": "search"},
}

FULL_BATCH = Batch(
    id="batch_1",
    status="completed",
    created_at=1001,
    endpoint="/v1/embeddings",
    model="text-embedding-3-small",
    completion_window="24h",
    input_file_id="file-in",
    output_file_id="file-out",
    error_file_id="file-err",
    in_progress_at=1002,
    expires_at=1003,
    finalizing_at=1004,
    completed_at=1005,
    failed_at=1006,
    expired_at=1007,
    cancelling_at=1008,
    cancelled_at=1009,
    request_counts=RequestCounts(total=9, completed=7, failed=2),
    usage=Usage(10, 20, 30, cached_tokens=4, reasoning_tokens=5),
    metadata=(("team", "search"),),
    errors=(BatchError("empty_file", "It is empty.", 3, "p"),),
)

BARE = Batch(id="b", status="failed")

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs"]))
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
ROWS = st.fixed_dictionaries({"id": st.text(), "status": st.text()}) | st.just(FULL_ROW)
SPOILT_ROWS = st.builds(
    lambda row, spoilt: row | spoilt,
    ROWS,
    st.dictionaries(st.sampled_from([*FULL_ROW, "error", "job_deadline"]), JSON),
)
ANSWERS = JSON | st.fixed_dictionaries({"data": st.lists(SPOILT_ROWS | JSON, max_size=4), "has_more": JSON})


def parsed(**fields: Any) -> Batch | None:
    return parse_batch({"id": "b", "status": "failed"} | fields)


def test_all_documented_fields_are_kept() -> None:
    assert len(FULL_ROW) == 22
    assert parse_batch(FULL_ROW) == FULL_BATCH
    assert parse_batch(FULL_ROW, is_retrieved=True) == replace(FULL_BATCH, is_retrieved=True)


@pytest.mark.parametrize("nothing", [None, "", {}, []])
def test_null_absent_and_empty_are_one(nothing: object) -> None:
    assert parsed() == BARE
    assert parsed(**{name: nothing for name in FULL_ROW if name not in ("id", "status")}) == BARE


def test_unknown_fields_are_ignored() -> None:
    assert parsed(progress=3, owner={"name": "x"}) == BARE


@pytest.mark.parametrize(
    ("status", "expected"),
    [("COMPLETED", "completed"), ("CANCELING", "cancelling"), ("Pre_Schedule", "pre_schedule")],
)
def test_statuses_are_normalised_and_unknown_ones_kept(status: str, expected: str) -> None:
    batch = parsed(status=status)

    assert batch is not None
    assert batch.status == expected


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (1714000000, 1714000000),
        (1714000000.9, 1714000000),
        ("1714000000", 1714000000),
        ("1714000000.25", 1714000000),
        (1714000000123, 1714000000),
        ("1714000000123", 1714000000),
        ("2024-04-24T23:06:40Z", 1714000000),
        ("2024-04-24T23:06:40.123456789Z", 1714000000),
        ("2024-04-25T01:06:40+02:00", 1714000000),
        ("2024-04-24 23:06:40", 1714000000),
        (4102444800, 4102444800),
        (0, None),
        (-5, None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        (1e30, None),
        (10**400, None),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-23:59", None),
        ("soon", None),
        ({"seconds": 5}, None),
    ],
)
def test_times_become_unix_seconds_or_nothing(time: object, expected: int | None) -> None:
    assert parsed(created_at=time) == replace(BARE, created_at=expected)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"total": "4", "completed": 3.0, "failed": "1"}, RequestCounts(4, 3, 1)),
        ({"completed": 3, "failed": 1}, RequestCounts(4, 3, 1)),
        ({"total": 4}, RequestCounts(4, 0, 0)),
        ({"total": -1, "completed": -2, "failed": 0}, RequestCounts(0, 0, 0)),
        ({"total": 4, "completed": 0, "failed": 1, "succeeded": 3}, RequestCounts(4, 3, 1)),
        ({"total": None, "completed": "many", "failed": True}, None),
        ("4", None),
    ],
)
def test_counts_are_read_in_every_form(counts: object, expected: RequestCounts | None) -> None:
    assert parsed(request_counts=counts) == replace(BARE, request_counts=expected)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input_tokens": 3, "output_tokens": 4}, Usage(3, 4, 7)),
        ({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}, Usage(0, 0, 0)),
        ({"total_tokens": "9", "input_tokens_details": 5}, Usage(0, 0, 9)),
    ],
)
def test_usage_may_have_gaps(usage: object, expected: Usage) -> None:
    assert parsed(usage=usage) == replace(BARE, usage=expected)


@pytest.mark.parametrize(
    "errors",
    [
        {"object": "list", "data": [{"message": "Too long."}]},
        {"data": "Too long."},
        {"message": "Too long."},
        [{"message": "Too long."}],
        ["Too long.", None, "", 7],
        "Too long.",
    ],
)
@pytest.mark.parametrize("name", ["errors", "error"])
def test_errors_are_read_in_every_form(errors: object, name: str) -> None:
    assert parsed(**{name: errors}) == replace(BARE, errors=(BatchError(message="Too long."),))


def test_many_errors_are_cut_and_those_left_out_counted() -> None:
    batch = parsed(errors=[{"code": 7, "message": "m" * 301, "line": "12"}] * 60)

    assert batch == replace(BARE, errors=(BatchError("7", "m" * 300, 12),) * 50, errors_left_out=10)


def test_metadata_becomes_pairs_of_strings() -> None:
    metadata = {"run": 7, "dry": False, "tags": ["a", "ü"], "note": None, "empty": "", "": "x"}

    batch = parsed(metadata=metadata)

    assert batch == replace(BARE, metadata=(("run", "7"), ("dry", "false"), ("tags", '["a", "ü"]')))


def test_metadata_is_bounded() -> None:
    batch = parsed(metadata={f"{place:02}{'k' * 99}": "v" * 999 for place in range(99)})

    assert batch is not None
    assert len(batch.metadata) == 32
    assert batch.metadata[31] == ("31" + "k" * 62, "v" * 512)


def test_strings_are_cut_and_lone_surrogates_replaced() -> None:
    assert parsed(model="m" * 999, endpoint="a\ud800b") == replace(BARE, model="m" * 512, endpoint="a?b")


def test_a_row_of_together_is_understood() -> None:
    row = {
        "id": "b",
        "status": "FAILED",
        "job_deadline": "2024-04-24T23:06:40Z",
        "model_id": "llama",
        "error": "Out of credit.",
        "progress": 40.0,
    }

    assert parse_batch(row) == Batch(
        id="b",
        status="failed",
        expires_at=1714000000,
        model="llama",
        errors=(BatchError(message="Out of credit."),),
    )


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (None, "row 2"),
        ("batch_2", "row 2"),
        ([], "row 2"),
        ({"status": "failed"}, "row 2"),
        ({"id": 5, "status": "failed"}, "row 2"),
        ({"id": " ", "status": "failed"}, "row 2"),
        ({"id": "é" * 257, "status": "failed"}, "row 2"),
        ({"id": "batch_2"}, "batch_2"),
        ({"id": "batch_2", "status": ""}, "batch_2"),
        ({"id": "batch_2", "status": 5}, "batch_2"),
        ({"id": "batch_2", "status": ["failed"]}, "batch_2"),
    ],
)
def test_an_unreadable_row_is_named_and_does_not_stop_the_others(row: object, name: str) -> None:
    row_1, row_3 = {"id": "b", "status": "failed"}, {"id": "c", "status": "failed"}

    page = parse_page({"data": [row_1, row, row_3], "has_more": True})

    assert page == Page((BARE, replace(BARE, id="c")), has_more=True, unreadable=(name,))


@pytest.mark.parametrize(
    ("content", "page"),
    [
        ([], Page((), has_more=False)),
        ([{"id": "b", "status": "failed"}], Page((BARE,), has_more=False)),
        ({"data": [], "has_more": True}, Page((), has_more=True)),
        ({"data": []}, Page((), has_more=None)),
        ({"data": [], "has_more": None}, Page((), has_more=None)),
        ({"data": None, "has_more": False}, Page((), has_more=False)),
        ({"object": "list"}, None),
        ({"data": {}}, None),
        ({"error": {"message": "no"}}, None),
        ("[]", None),
        (None, None),
        (7, None),
    ],
)
def test_a_page_is_a_list_in_data_or_a_bare_array(content: object, page: Page | None) -> None:
    assert parse_page(content) == page


def test_metadata_nested_to_the_limit_of_recursion_does_no_harm() -> None:
    for depth in range(1, 1000, 3):
        body = '[{"id": "b", "status": "failed", "metadata": {"a": ' + "[" * depth + "]" * depth + "}}]"
        try:
            content = json.loads(body)
        except RecursionError:
            return

        page = parse_page(content)

        assert page is not None
        assert page.batches[0].id == "b"


@settings(deadline=None)
@given(ANSWERS)
def test_whatever_json_can_hold_is_a_page_of_bounded_rows_or_none(answer: object) -> None:
    content = json.loads(json.dumps(answer))

    page = parse_page(content, project="proj")

    rows = content.get("data") if isinstance(content, dict) else content
    if page is None:
        assert not isinstance(rows, list)
    else:
        assert len(page.batches) + len(page.unreadable) == len(rows or ())
        assert len(repr(page.batches).encode()) <= 100_000 * len(page.batches) + 10
