"""Dialects: servers that speak List Batches, each by how it differs from OpenAI.

Taken from what is published about them: nothing here was recorded from a running server.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

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


def only(row: Row, fields: str) -> Row:
    return {name: row.get(name) for name in fields.split()}


def without(row: Row, fields: str) -> Row:
    return {name: value for name, value in row.items() if name not in fields.split()}


def moment(at: int | None, form: str) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime(form)


def in_iso(row: Row, form: str) -> Row:
    return row | {name: moment(at, form) for name, at in row.items() if name.endswith("_at")}


def of_azure(row: Row) -> Row:
    """Times with seven digits after the point, statuses with a capital, counts of null at first.

    MicrosoftDocs/azure-ai-docs, articles/ai-services/openai/includes/batch/batch-rest.md.
    """
    new = in_iso(without(row, "model usage"), "%Y-%m-%dT%H:%M:%S.2491382+00:00")
    new |= {"status": row["status"].capitalize(), "endpoint": "/chat/completions"}
    is_uncounted = row["status"] == "validating"
    return new | ({"request_counts": dict.fromkeys(row["request_counts"])} if is_uncounted else {})


def of_together(row: Row) -> Row:
    """No counts, no time of an end but `completed_at`, capitals.

    togethercomputer/together-python, src/together/types/batch.py.
    """
    form = "%Y-%m-%dT%H:%M:%SZ"
    names = {"cancelling": "CANCELING", "finalizing": "IN_PROGRESS"}
    return only(row, "id input_file_id endpoint output_file_id error_file_id") | {
        "user_id": "user_1",
        "file_size_bytes": 686,
        "status": names.get(row["status"], row["status"].upper()),
        "job_deadline": moment(row["expires_at"], form),
        "created_at": moment(row["created_at"], form),
        "completed_at": moment(row["completed_at"], form),
        "progress": 40.0,
        "model_id": row["model"],
        "error": row["errors"] and row["errors"]["data"][0]["message"],
    }


def of_litellm(row: Row) -> Row:
    """`complete` is how its database spells it.

    BerriAI/litellm, enterprise/litellm_enterprise/proxy/hooks/managed_files.py before 1.95.
    """
    return row | ({"status": "complete"} if row["status"] == "completed" else {})


def of_openrouter(row: Row) -> Row:
    """One time for every end, no open status but two, usage by other names, nothing of files.

    openrouter.ai/docs, components BatchListItem and BatchListStatus.
    """
    usage = row["usage"]
    ends = [row[f"{name}_at"] for name in ("completed", "failed", "expired", "cancelled")]
    return only(row, "id object endpoint model completion_window created_at expires_at request_counts") | {
        "status": {"finalizing": "in_progress", "cancelling": "in_progress"}.get(
            row["status"], row["status"]
        ),
        "finalized_at": next(filter(None, ends), None),
        "error": row["errors"] and {"message": row["errors"]["data"][0]["message"]},
        "provider": "OpenAI",
        "results": None,
        "usage": usage
        and {
            "prompt_tokens": usage["input_tokens"],
            "completion_tokens": usage["output_tokens"],
            "total_tokens": usage["total_tokens"],
        },
    }


def of_bifrost(row: Row) -> Row:
    """What succeeded is counted beside a `completed` that may stay 0.

    docs.getbifrost.ai, API reference, list batch jobs.
    """
    counted = row["request_counts"]
    rest = {"succeeded": counted["completed"], "expired": 0, "canceled": 0, "pending": 0}
    zeros = {name: at or 0 for name, at in row.items() if name.endswith("_at")}
    return row | zeros | {"request_counts": counted | rest | {"completed": 0}}


def of_novita(row: Row) -> Row:
    """Times and errors are strings, counts are told twice, the window is 48 hours.

    novita.ai/docs, API reference, list batch.
    """
    message = row["errors"]["data"][0]["message"] if row["errors"] else ""
    files = {name: row[name] or "" for name in ("output_file_id", "error_file_id")}
    return (
        in_iso(without(row, "model usage"), "%Y-%m-%dT%H:%M:%SZ")
        | files
        | row["request_counts"]
        | {"errors": message, "completion_window": "48h", "version": 1, "created_by": "user_1"}
    )


def of_parasail(row: Row) -> Row:
    """Twelve fields: it does not say why a batch failed, nor when, nor when one will expire.

    api-evangelist/parasail-ai, json-schema/parasail-batch-schema.json.
    """
    return only(
        row,
        "id object endpoint input_file_id output_file_id error_file_id status request_counts "
        "created_at completed_at cancelled_at metadata",
    )


def of_doubleword(row: Row) -> Row:
    """No `expired`: past its window a batch has an `expired_at`, whatever its status.

    doublewordai/control-layer, dwctl/src/api/handlers/batches.rs.
    """
    return without(row, "model usage") | {"expired_at": row["expires_at"], "analytics": None}


def of_kluster(row: Row) -> Row:
    """Open statuses of its own, and `errors` that are a list.

    bespokelabsai/curator, openai_batch_request_processor.py.
    """
    errors = row["errors"]["data"] if row["errors"] else []
    return row | {
        "status": "pre_schedule" if row["status"] == "validating" else row["status"],
        "errors": errors,
    }


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
