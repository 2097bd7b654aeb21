"""OpenAI verbatim: rows as they came, and one answer taken as it is."""

import json
from collections.abc import Iterator

import pytest

from batchbell.adapters.openai_batches import OpenAIBatches
from batchbell.adapters.openai_verbatim import list_answer, listed_batch, listed_page
from batchbell.domain.diagnosis.openai import ListAnswer
from batchbell.domain.errors import PermanentError
from local.openai_faults import error, error_body, raw
from local.openai_simulator import OpenAISimulator
from tests.builders import NOW


@pytest.fixture
def openai() -> Iterator[OpenAISimulator]:
    with OpenAISimulator() as openai:
        yield openai


def asking(openai: OpenAISimulator, key: str | None = None) -> OpenAIBatches:
    return OpenAIBatches(openai.base_url, lambda _: openai.key if key is None else key, clock=lambda: NOW)


def test_rows_are_what_the_server_sent_readable_or_not(openai: OpenAISimulator) -> None:
    sent = [{"id": "batch_1", "status": "queued", "extra": [1.0, None, "é"]}, {"strange": True}, 7]
    openai.faults.append(raw({"data": sent, "has_more": True}))

    page = listed_page(asking(openai), None, 3, deadline_at=NOW + 60)

    assert [json.loads(row.verbatim) for row in page.rows] == sent
    assert [row.batch.id if row.batch else None for row in page.rows] == ["batch_1", None, None]
    assert page.has_more is True


def test_an_id_that_would_ask_for_another_path_is_asked_for_as_it_is(openai: OpenAISimulator) -> None:
    assert listed_batch(asking(openai), "../files", deadline_at=NOW + 60) is None
    assert listed_batch(asking(openai), "..", deadline_at=NOW + 60) is None
    assert [each.path for each in openai.requests] == ["/v1/batches/..%2Ffiles"]


def test_a_good_answer_names_the_project(openai: OpenAISimulator) -> None:
    assert list_answer(asking(openai), deadline_at=NOW + 60) == ListAnswer(
        200, is_list=True, project="proj_test", organization="org-test"
    )


def test_a_refusal_is_an_answer_that_is_asked_for_once_and_shows_no_key(openai: OpenAISimulator) -> None:
    answer = list_answer(asking(openai, "sk-wrong"), deadline_at=NOW + 60)

    assert answer == ListAnswer(401, code="invalid_api_key", organization="org-test")
    assert len(openai.requests) == 1


def test_the_permission_that_a_restricted_key_lacks_is_named(openai: OpenAISimulator) -> None:
    told = "You have insufficient permissions for this operation. Missing scopes: api.batch.read. Check."
    openai.faults.append(raw(error_body(told), 403))
    openai.faults.append(error(503))

    answers = [list_answer(asking(openai), deadline_at=NOW + 60) for _ in range(2)]

    assert [each.missing_permission for each in answers] == ["api.batch.read", None]
    assert answers[1].status == 503


def test_a_key_that_cannot_be_sent_is_said_without_it(openai: OpenAISimulator) -> None:
    with pytest.raises(PermanentError, match="has a blank or line end") as refused:
        list_answer(asking(openai, "sk-a b"), deadline_at=NOW + 60)

    assert "sk-a" not in str(refused.value)
