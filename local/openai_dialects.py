"""Dialects: servers that speak List Batches, each by how it differs from OpenAI.

Taken from what is published about them: nothing here was recorded from a running server.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.openai_foreign_rows import (
    of_azure,
    of_bifrost,
    of_doubleword,
    of_kluster,
    of_litellm,
    of_novita,
    of_openrouter,
    of_parasail,
    of_together,
    only,
)
from local.openai_paging import After
from local.openai_rows import Row


def as_is(content: Row) -> Row:
    return content


@dataclass(frozen=True, slots=True)
class Dialect:
    """One server. `row` rewrites a batch, `page` the answer that lists them.

    It has no list without `api_version`, if that is given. `after` says what becomes of an unknown
    one, and `has_pages` is false where all batches are listed at once. `never` names the ends that
    it does not show, as the judge names verdicts; without `has_counts` it tells none of them apart.
    """

    name: str
    root: str = "/v1"
    key_header: str = "authorization"
    api_version: str = ""
    after: After = After.REFUSED
    has_pages: bool = True
    has_counts: bool = True
    never: frozenset[str] = frozenset()
    row: Callable[[Row], Row] = as_is
    page: Callable[[Row], Any] = as_is


OPENAI = Dialect("OpenAI")

# learn.microsoft.com, Azure OpenAI REST API, batch list: it promises to expire no late job.
AZURE = Dialect(
    "Azure",
    root="/openai",
    key_header="api-key",
    api_version="2024-10-21",
    never=frozenset({"expired"}),
    row=of_azure,
)

DIALECTS = (
    OPENAI,
    AZURE,
    # learn.microsoft.com, Foundry REST API, list batches: OpenAI's rows, without a project.
    Dialect("Azure v1", root="/openai/v1", key_header="api-key", never=frozenset({"expired"})),
    # groq/groq-python, src/groq/types/batch_list_response.py: object and data, no parameters.
    Dialect("Groq", root="/openai/v1", has_pages=False, page=lambda body: only(body, "object data")),
    # togethercomputer/together-python, src/together/resources/batch.py: a bare array, no paging.
    Dialect("Together", has_pages=False, has_counts=False, row=of_together, page=lambda body: body["data"]),
    # BerriAI/litellm#37150: `after` is compared with ids of another kind, has_more stays true.
    Dialect(
        "LiteLLM before 1.95",
        after=After.COMPARED,
        row=of_litellm,
        page=lambda body: body | {"has_more": True},
    ),
    # BerriAI/litellm#38738: rows that its database cannot read leave empty pages that promise more.
    Dialect("LiteLLM with unreadable rows", after=After.PROMISED, row=of_litellm),
    Dialect(
        "OpenRouter",
        root="/api/v1",
        row=of_openrouter,
        page=lambda body: body | {"first_id": None, "last_id": None},
    ),
    Dialect("Bifrost", row=of_bifrost, page=lambda body: body | {"next_cursor": body["last_id"]}),
    Dialect("Novita", root="/openai/v1", row=of_novita),
    Dialect("Parasail", row=of_parasail),
    Dialect(
        "Doubleword", after=After.FIRST_PAGE, never=frozenset({"expired", "all failed"}), row=of_doubleword
    ),
    Dialect("kluster.ai", row=of_kluster),
)
