"""Rows of any server become batches, and one bad row stops no other."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchbell.models import Batch, BatchError, Page, RequestCounts, Row, Usage
from batchbell.openai.parse import head_of, parse_batch, parse_page, parse_retrieved

STEPS = "created in_progress expires finalizing completed failed expired cancelling cancelled"
TIMES = {f"{step}_at": at for at, step in enumerate(STEPS.split(), start=1001)}
TEXTS = {
    "id": "batch_1",
    "status": "completed",
    "endpoint": "/v1/embeddings",
    "model": "text-embedding-3-small",
    "completion_window": "24h",
    "input_file_id": "file-in",
    "output_file_id": "file-out",
    "error_file_id": "file-err",
}
FULL_ROW: dict[str, Any] = {
    **TEXTS,
    **TIMES,
    "object": "batch",
    "request_counts": {"total": 9, "completed": 7, "failed": 2},
    "usage": {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 30,
    },
    "metadata": {"team": "search"},
    "errors": {"data": [{"code": "empty_file", "message": "It is empty.", "param": "p", "line": 3}]},
}
FULL_BATCH = Batch(
    **TEXTS,  # type: ignore[arg-type]
    **TIMES,  # type: ignore[arg-type]
    request_counts=RequestCounts(total=9, completed=7, failed=2),
    usage=Usage(10, 20, 30, cached_tokens=4, reasoning_tokens=5),
    metadata=(("team", "search"),),
    errors=(BatchError("empty_file", "It is empty.", 3, "p"),),
)

BARE_ROW = {"id": "b", "status": "failed"}
BARE = Batch(id="b", status="failed")


def parsed(**fields: Any) -> Batch | None:
    return parse_batch(BARE_ROW | fields)


def test_all_22_documented_fields_are_kept() -> None:
    assert len(FULL_ROW) == 22
    assert parse_batch(FULL_ROW) == FULL_BATCH


def test_a_retrieved_batch_says_so_and_keeps_the_id_that_was_asked_for() -> None:
    retrieved = replace(FULL_BATCH, is_retrieved=True)

    assert parse_retrieved(FULL_ROW, "batch_1") == Row("batch_1", retrieved, FULL_ROW)
    assert parse_retrieved(FULL_ROW, "alias") == Row("alias", replace(retrieved, id="alias"), FULL_ROW)
    assert parse_retrieved({"status": "failed"}, "batch_1") is None


@pytest.mark.parametrize("nothing", [None, "", {}, []])
def test_null_absent_and_empty_are_one(nothing: object) -> None:
    assert parsed() == BARE
    assert parsed(**{name: nothing for name in FULL_ROW if name not in BARE_ROW}) == BARE


@pytest.mark.parametrize(
    ("status", "times", "expected"),
    [
        ("COMPLETED", {}, "completed"),
        ("CANCELING", {}, "cancelling"),
        ("complete", {}, "completed"),
        ("in_progress", {"expired_at": 5}, "in_progress"),
        ("Pre_Schedule", {}, "pre_schedule"),
        ("Wrapping up", {"completed_at": 0, "expired_at": None, "cancelling_at": 5}, "wrapping_up"),
        ("Wrapping up", {"completed_at": 5}, "completed"),
        ("Wrapping up", {"expired_at": "2024-04-24T23:06:40Z"}, "expired"),
        ("Wrapping up", {"cancelled_at": 5}, "cancelled"),
        ("Wrapping up", {"completed_at": 5, "failed_at": 5}, "failed"),
        ("Wrapping up", {"completed_at": 5, "expired_at": 9}, "completed"),
    ],
)
def test_a_status_is_normalised_and_an_unknown_one_of_a_row_that_has_ended_is_that_end(
    status: str, times: dict[str, Any], expected: str
) -> None:
    batch = parsed(status=status, **times)

    assert batch is not None
    assert batch.status == expected


COUNTS, USAGE = "request_counts", "usage"
NUMBERS = (1714000000, 1714000000.9, "1714000000", "1714000000.25", 1714000000123, "1714000000123")
FINER = (1714000000123456, 1714000000123456789, "1714000000123456")
ISO_HOURS = ("2024-04-24T23:06:40Z", "2024-04-24T23:06:40.123456789Z", "2024-04-25T01:06:40+02:00")
ODD_NUMBERS = (0, -5, True, float("nan"), float("inf"), 1e30, 10**400)
ODD_TIMES = (*ODD_NUMBERS, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "soon", "0", {"seconds": 5}, ["2024"])
METADATA = {"run": 7, "dry": False, "tags": ["a", "ü"], "note": None, "empty": "", "": "x"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (COUNTS, {"total": "4", "completed": 3.0, "failed": "1"}, RequestCounts(4, 3, 1)),
        (COUNTS, {"completed": 3, "failed": 1}, RequestCounts(4, 3, 1)),
        (COUNTS, {"total": 4}, RequestCounts(4, 0, 0)),
        (COUNTS, {"total": -1, "completed": -2, "failed": 0}, RequestCounts(0, 0, 0)),
        (COUNTS, {"total": 4, "completed": 0, "failed": 1, "succeeded": 3}, RequestCounts(4, 3, 1)),
        (COUNTS, {"total": None, "completed": "many", "failed": True}, None),
        (COUNTS, "4", None),
        (USAGE, {"input_tokens": 3, "output_tokens": 4}, Usage(3, 4, 7)),
        (USAGE, {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}, Usage(0, 0, 0)),
        (USAGE, {"total_tokens": "9", "input_tokens_details": 5}, Usage(0, 0, 9)),
        (USAGE, {"prompt_tokens": 3, "completion_tokens": 4}, Usage(3, 4, 7)),
        (USAGE, {"input_tokens": 0, "prompt_tokens": 3, "output_tokens": 4, "completion_tokens": 0}, Usage(3, 4, 7)),
        (USAGE, {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}, Usage(3, 0, 3, 2)),
        ("metadata", METADATA, (("run", "7"), ("dry", "false"), ("tags", '["a", "ü"]'))),
        *[("created_at", time, 1714000000) for time in (*NUMBERS, *FINER, *ISO_HOURS, "2024-04-24 23:06:40")],
        *[("created_at", no_time, None) for no_time in ODD_TIMES],
    ],
)
def test_a_field_is_read_in_every_form(name: str, value: object, expected: Any) -> None:
    assert parsed(**{name: value}) == replace(BARE, **{name: expected})


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"total_requests": 4, "completed_requests": 4, "succeeded_requests": 3, "failed_requests": 1}, (4, 3, 1)),
        ({"total_requests": 4, "completed_requests": 4, "succeeded_requests": 0, "failed_requests": 4}, (4, 0, 4)),
        ({"total": 4, "completed": 3, "failed": 1, "request_counts": {}}, (4, 3, 1)),
        ({"total_requests": 4, "completed_requests": 3, "failed_requests": 1, "request_counts": None}, (4, 3, 1)),
    ],
)
def test_counts_beside_the_other_fields_are_found(fields: dict[str, Any], counts: tuple[int, int, int]) -> None:
    assert parsed(**fields) == replace(BARE, request_counts=RequestCounts(*counts))


def test_files_may_be_addresses_of_which_no_signature_is_kept() -> None:
    blobs = {"output_blob": "https://a.blob.example/out.jsonl?sig=secret", "error_blob": "https://a.blob.example/e"}

    files = {"output_file_id": "https://a.blob.example/out.jsonl", "error_file_id": "https://a.blob.example/e"}
    assert parsed(**blobs) == replace(BARE, **files)
    assert parsed(output_blob={"url": "https://x"}, input_blob="https://x/in") == replace(
        BARE, input_file_id="https://x/in"
    )
    assert parsed(**blobs, output_file_id="", error_file_id="f") == replace(BARE, **files | {"error_file_id": "f"})


@given(st.integers(0, 200))
def test_the_beginning_of_an_answer_has_its_whole_fields(length: int) -> None:
    whole = {"id": "b", "status": "failed", "counts": {"total": 12}, "at": 1714000000, "results": ["x" * 99]}

    head = head_of(json.dumps(whole)[:length])

    assert head.items() <= whole.items()
    assert list(head) == list(whole)[: len(head)]


WRAPPED = ({"object": "list", "data": [{"message": "Too long."}]}, {"data": "Too long."}, {"message": "Too long."})


@pytest.mark.parametrize("errors", [*WRAPPED, ["Too long.", None, "", {}, 7], "Too long."])
@pytest.mark.parametrize("name", ["errors", "error"])
def test_errors_are_read_in_every_form(errors: object, name: str) -> None:
    assert parsed(**{name: errors}) == replace(BARE, errors=(BatchError(message="Too long."),))


def test_what_is_long_is_cut_and_errors_left_out_are_counted() -> None:
    errors = [{"code": 7, "message": "m" * 301, "line": "12"}] * 60
    metadata = {f"{n:02}{'k' * 99}": "v" * 999 for n in range(99)}

    batch = parsed(errors=errors, metadata=metadata, model="m" * 999, endpoint="a\ud800b")

    assert batch == replace(
        BARE,
        model="m" * 512,
        endpoint="a?b",
        errors=(BatchError("7", "m" * 300, 12),) * 50,
        errors_left_out=10,
        metadata=tuple((f"{n:02}{'k' * 62}", "v" * 512) for n in range(32)),
    )


def test_a_row_of_together_is_understood() -> None:
    batch = parsed(job_deadline="2024-04-24T23:06:40Z", model_id="llama", error="Out of credit.")

    errors = (BatchError(message="Out of credit."),)
    assert batch == replace(BARE, expires_at=1714000000, model="llama", errors=errors)


@pytest.mark.parametrize(
    ("raw", "row_id"),
    [
        *[(raw, "row 2") for raw in (None, "batch_2", [], {"status": "failed"})],
        *[({"id": odd, "status": "failed"}, "row 2") for odd in (5, " ", "é" * 257)],
        ({"id": "batch_2"}, "batch_2"),
        *[({"id": "batch_2", "status": odd, "completed_at": 5}, "batch_2") for odd in (" ", 5, ["failed"])],
    ],
)
def test_an_unreadable_row_is_named_and_does_not_stop_the_others(raw: object, row_id: str) -> None:
    other = BARE_ROW | {"id": "c"}

    page = parse_page({"data": [BARE_ROW, raw, other], "has_more": True}, {})

    rows = (Row("b", BARE, BARE_ROW), Row(row_id, None, raw), Row("c", replace(BARE, id="c"), other))
    assert page == Page(rows, has_more=True)


@pytest.mark.parametrize(
    ("content", "page"),
    [
        ([], Page((), has_more=False)),
        ([BARE_ROW], Page((Row("b", BARE, BARE_ROW),), has_more=False)),
        ({"data": [], "has_more": True}, Page((), has_more=True)),
        ({"data": []}, Page((), has_more=None)),
        ({"data": [], "has_more": "yes"}, Page((), has_more=None)),
        ({"data": None, "has_more": False}, Page((), has_more=False)),
        *[(odd, None) for odd in ({"object": "list"}, {"data": {}}, "[]", None, 7)],
    ],
)
def test_a_page_is_a_list_in_data_or_a_bare_array(content: object, page: Page | None) -> None:
    assert parse_page(content, {"openai-project": ""}) == page


def test_metadata_nested_to_the_limit_of_recursion_does_no_harm() -> None:
    for depth in range(1, 1000, 3):
        body = '[{"id": "b", "status": "failed", "metadata": {"a": ' + "[" * depth + "]" * depth + "}}]"
        try:
            content = json.loads(body)
        except RecursionError:
            return

        page = parse_page(content, {})

        assert page is not None
        assert page.batches[0].id == "b"


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
SURROGATES = st.text(st.characters(categories=["Cs"]))
JSON = st.recursive(
    SCALARS | SURROGATES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
SPOILT_ROWS = st.builds(
    lambda row, spoilt: row | spoilt,
    st.fixed_dictionaries({"id": st.text(), "status": st.text()}) | st.just(FULL_ROW),
    st.dictionaries(st.sampled_from([*FULL_ROW, "error", "job_deadline"]), JSON),
)
ANSWERS = JSON | st.fixed_dictionaries({"data": st.lists(SPOILT_ROWS | JSON, max_size=4), "has_more": JSON})


@given(ANSWERS)
def test_whatever_json_can_hold_is_a_page_of_bounded_rows_or_none(answer: object) -> None:
    content = json.loads(json.dumps(answer))

    page = parse_page(content, {"openai-project": "proj"})

    rows = content.get("data") if isinstance(content, dict) else content
    if page is None:
        assert not isinstance(rows, list)
    else:
        assert [row.raw for row in page.rows] == (rows or [])
        assert len(repr(page.batches).encode()) <= 100_000 * len(page.batches) + 10
