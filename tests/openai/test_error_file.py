"""Of an error file the reasons are counted, whatever is in it, and no text of a request gets any further."""

import json
import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from batchbell.config import Server
from batchbell.models import ErrorSummary
from batchbell.openai import error_file
from batchbell.openai.client import OpenAIClient
from bench.error_files import LINE, PROMPT, QUICK, SLOW, line, peak_of, reading, seen, shown
from local import openai_faults as faults
from local.openai_faults import Cut, Kind
from local.openai_simulator import Dialect, OpenAISimulator
from tests.builders import NOW
from tests.clock import Clock


@pytest.fixture
def openai() -> Iterator[OpenAISimulator]:
    with OpenAISimulator() as openai:
        yield openai


def summary_of(*lines: bytes, is_whole: bool = True) -> ErrorSummary | None:
    return error_file.summary_of(lines, 4 * 2**20 if is_whole else sum(map(len, lines)) - 1, (EOFError,))


def read(openai: OpenAISimulator, file_id: str = "file-1", deadline_at: float = NOW + 60, **given: Any) -> Any:
    client = OpenAIClient(Server(openai.base_url), lambda _: openai.key, **{"clock": Clock()} | given)
    return client.error_summary(file_id, deadline_at=deadline_at)


def test_reasons_are_counted_the_most_frequent_first_and_what_never_ran_apart() -> None:
    lines = [line("server_error", type="x"), line("batch_expired"), line(), line("batch_cancelled"), line()]

    summary = summary_of(*lines)

    assert summary == seen(("rate_limit_exceeded", 2), ("server_error", 1), lines=5, not_run=2)


@pytest.mark.parametrize(
    ("error", "answered", "status", "reason"),
    [
        ({"code": "rate_limit_exceeded"}, {"code": "a"}, 400, "rate_limit_exceeded"),
        (None, {"code": "a", "type": "b"}, 400, "a"),
        (None, {"code": None, "type": "b"}, 400, "b"),
        (None, {"code": 429, "type": "BadRequestError"}, 429, "BadRequestError"),
        (None, {"code": "429"}, "429", "429"),
        (None, {}, 503, "503"),
        (None, "text", 503, "503"),
        ({"code": ["a"]}, {"code": {"a": 1}}, 99, "other"),
        ({"code": "x" * 49}, {}, True, "other"),
        ("text", {}, None, "other"),
    ],
)
def test_a_reason_is_the_code_else_the_type_else_the_status(
    error: object, answered: object, status: object, reason: str
) -> None:
    response = {"status_code": status, "body": {"error": answered}}

    summary = summary_of(json.dumps({"custom_id": "request-1", "response": response, "error": error}).encode())

    assert summary == seen((reason, 1))


TEXTS = (
    PROMPT,
    "two words",
    "ann@example.com",
    "<b>",
    "sk-proj-1234",
    "x" * 49,
    "Überfall",
    "a-b",
    "",
    "a\nb",
    "\uff17\uff17\uff17",
)


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_of_a_request_gets_into_a_summary(text: str) -> None:
    fields = {"code": text, "type": text, "message": text, "param": text, text: text}
    shapes: list[tuple[object, object]] = [
        (fields, None),
        (text, text),
        (fields, {"status_code": text, "request_id": text, "body": {"error": fields, text: text}}),
        (None, {"status_code": text, "body": text}),
    ]

    rows = [{"id": text, "custom_id": text, "error": error, "response": response} for error, response in shapes]
    summary = summary_of(*(json.dumps(row).encode() + b"\n" for row in rows))

    assert summary == seen(("other", 3), lines=3)


def test_a_custom_id_is_no_reason_even_if_it_looks_like_one() -> None:
    assert summary_of(line("alice", custom_id="alice", type="alice")) == seen(("400", 1))


WORDS = st.sampled_from(["custom_id", "error", "response", "body", "code", "type", "status_code", "secret prompt"])
VALUES = st.recursive(
    WORDS | st.text() | st.integers() | st.floats() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner),
    max_leaves=15,
)


@given(st.lists(st.dictionaries(WORDS, VALUES) | VALUES), st.integers(1, 40), st.booleans())
def test_any_json_in_any_chunks_gives_reasons_that_are_words_or_statuses(
    rows: list[Any], size: int, is_whole: bool
) -> None:
    content = b"\n".join(json.dumps(row).encode() for row in rows)

    summary = summary_of(*(content[at : at + size] for at in range(0, len(content), size)), is_whole=is_whole)

    if summary:
        assert sum(times for _, times in summary.reasons) + summary.not_run == summary.lines <= len(rows)
        assert all(re.fullmatch("[A-Za-z0-9_]{1,48}", reason) for reason, _ in summary.reasons)


def test_the_last_line_counts_without_a_line_end_unless_the_file_was_cut() -> None:
    assert summary_of(LINE + LINE[:-1]) == seen(("rate_limit_exceeded", 2), lines=2)
    assert summary_of(LINE + LINE[:-1], is_whole=False) == seen(("rate_limit_exceeded", 1), is_whole=False)


def test_what_is_no_line_of_an_error_file_is_skipped() -> None:
    odd = [b"{", b"7", b"[]", b"null", b'{"error": {"code": "a"}}', b'{"custom_id": 1}', b'"' + b"x" * 2**18 + b'"']
    for each in odd:
        assert summary_of(each, b"\n", LINE) == seen(("rate_limit_exceeded", 1))
    assert summary_of(b"\r\n\n", LINE, b"\r\n") == seen(("rate_limit_exceeded", 1))
    assert summary_of(b"\n".join(odd)) is None


# On the wire


@pytest.mark.parametrize("name", QUICK)
def test_a_hostile_file_takes_little_memory_and_costs_only_the_reasons(openai: OpenAISimulator, name: str) -> None:
    fault, expected = QUICK[name]

    summary, peak_mib = peak_of(reading(openai, fault, Clock()))

    assert (summary, shown(summary)) == (expected, shown(expected))
    assert peak_mib < 8


@pytest.mark.parametrize("name", SLOW)
def test_a_slow_file_is_read_for_three_seconds(openai: OpenAISimulator, name: str) -> None:
    openai.files["file-1"] = SLOW[name]
    ticks = count(NOW, 0.5)
    deadline_at = NOW + 0.6 if name == "no answer" else NOW + 60

    summary = read(openai, clock=lambda: next(ticks), deadline_at=deadline_at)

    assert summary is None or not summary.is_whole
    assert next(ticks) <= NOW + 5


@pytest.mark.parametrize(
    "fault", [faults.error(429), faults.error(500), faults.error(401), faults.cut(Cut.BEFORE_HEAD)]
)
def test_a_file_is_asked_for_once(openai: OpenAISimulator, fault: faults.Fault) -> None:
    openai.files["file-1"] = fault

    assert read(openai) is None
    assert [request.kind for request in openai.requests] == [Kind.FILE]


def test_a_redirect_is_not_followed(openai: OpenAISimulator) -> None:
    with OpenAISimulator() as elsewhere:
        for to in (f"{elsewhere.base_url}/files/file-1/content", f"{openai.base_url}/files/file-1/content/"):
            openai.files["file-1"] = faults.redirect(to)

            assert read(openai) is None
        assert elsewhere.requests == []
    assert len(openai.requests) == 2


@pytest.mark.parametrize(
    "file_id", ["", ".", "..", "a/b", "a b", "a?b", "ü", "a\n", "x" * 201, "https://contoso.blob.core.windows.net/x"]
)
def test_an_odd_file_id_is_never_asked_for(openai: OpenAISimulator, file_id: str) -> None:
    assert read(openai, file_id) is None
    assert openai.requests == []


@pytest.mark.parametrize(("version", "header"), [("", "authorization"), ("2024-10-21", "api-key")])
def test_a_request_has_the_key_and_the_version_and_wants_the_file_as_it_is(
    openai: OpenAISimulator, version: str, header: str
) -> None:
    openai.dialect = Dialect("", key_header=header, api_version=version)
    openai.files["file-1"] = faults.raw(LINE)
    sent: list[Any] = []

    class Session(requests.Session):
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            sent.append((request.headers["Accept-Encoding"], options["timeout"], options["allow_redirects"]))
            return super().send(request, **options)

    server = Server(openai.base_url, version)
    client = OpenAIClient(server, lambda _: openai.key, clock=Clock(), new_session=Session)

    assert client.error_summary("file-1", deadline_at=NOW + 60) == seen(("rate_limit_exceeded", 1))
    assert sent == [("identity", (3, 3), False)]


def test_no_file_is_asked_for_after_the_deadline(openai: OpenAISimulator) -> None:
    assert read(openai, deadline_at=NOW) is None
    assert openai.requests == []


def test_the_simulators_file_says_why_each_request_has_no_result(openai: OpenAISimulator) -> None:
    row = openai.add("expired", request_counts={"total": 10, "completed": 3, "failed": 3})

    summary = read(openai, row["error_file_id"])

    assert summary == seen(("rate_limit_exceeded", 2), ("context_length_exceeded", 1), lines=7, not_run=4)
