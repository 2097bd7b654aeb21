"""OpenAI: rows as they came, and one answer taken as it is."""

import json
import re
from typing import Any

from batchbell.adapters.openai_answer import Answer
from batchbell.adapters.openai_batches import OpenAIBatches
from batchbell.adapters.openai_json import parse_batch, parse_page, rows_of
from batchbell.domain.diagnosis.openai import ListAnswer
from batchbell.domain.listed import Listed, ListedPage


def listed_page(openai: OpenAIBatches, after: str | None, limit: int, *, deadline_at: float) -> ListedPage:
    """One page of List Batches. Raises: TransientError, PermanentError, RefusedError."""
    return openai.page_as(_page, after, limit, deadline_at)


def listed_batch(openai: OpenAIBatches, batch_id: str, *, deadline_at: float) -> Listed | None:
    """Retrieve Batch; None where the API knows none.

    Raises: TransientError, PermanentError, RefusedError.
    """
    return openai.retrieve_as(_batch, batch_id, deadline_at)


def list_answer(openai: OpenAIBatches, *, deadline_at: float) -> ListAnswer:
    """What List Batches answers to the shortest question. Raises: PermanentError for a bad address."""
    answer = openai.answer("/batches", {"limit": "1"}, deadline_at=deadline_at)
    page = parse_page(answer.content, answer.headers.get("openai-project"))
    return ListAnswer(
        status=answer.status,
        trouble=answer.trouble,
        code=answer.error_code,
        missing_permission=_missing_permission(answer.content),
        is_list=page is not None,
        project=page.project if page else None,
        organization=answer.headers.get("openai-organization"),
    )


def _page(answer: Answer) -> ListedPage | None:
    page = parse_page(answer.content)
    rows = rows_of(answer.content)
    if page is None or rows is None:
        return None
    return ListedPage(tuple(Listed(parse_batch(row), json.dumps(row)) for row in rows), page.has_more)


def _batch(answer: Answer) -> Listed | None:
    batch = parse_batch(answer.content, is_retrieved=True)
    return Listed(batch, json.dumps(answer.content)) if batch else None


def _missing_permission(content: Any) -> str | None:
    """The permission that a restricted key lacks; nothing else of a message, which may show the key."""
    error = content.get("error") if isinstance(content, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    found = re.search(r"Missing scopes: ([a-z][a-z_.]{2,60})", message) if isinstance(message, str) else None
    return found[1].rstrip(".") if found else None
