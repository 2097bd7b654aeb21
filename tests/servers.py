"""Servers other than OpenAI, from what is published about them; none was recorded. docs/servers.md lists them."""

from dataclasses import dataclass
from datetime import UTC, datetime

from local.openai_rows import TERMINAL, Row
from local.openai_simulator import After, Dialect


@dataclass(frozen=True, slots=True)
class ServerDialect(Dialect):
    """`never` names the ends that the server cannot show."""

    has_counts: bool = True
    never: frozenset[str] = frozenset()


# Rows, each made from OpenAI's row.


def azure(row: Row) -> Row:
    """Seven decimals, capitalised statuses, null counts at first (MicrosoftDocs/azure-ai-docs, batch-rest)."""
    new = _in_iso(_without(row, "model usage"), "%Y-%m-%dT%H:%M:%S.2491382+00:00")
    new |= {"status": row["status"].capitalize(), "endpoint": "/chat/completions"}
    if row["status"] == "validating":
        new["request_counts"] = dict.fromkeys(row["request_counts"])
    return new


def together(row: Row) -> Row:
    """No counts, one end time, capitals (togethercomputer/together-python, types/batch.py)."""
    times = _in_iso(row, "%Y-%m-%dT%H:%M:%SZ")
    names = {"cancelling": "CANCELING", "finalizing": "IN_PROGRESS"}
    return _only(times, "id input_file_id endpoint output_file_id error_file_id created_at completed_at") | {
        "user_id": "user_1",
        "file_size_bytes": 686,
        "status": names.get(row["status"], row["status"].upper()),
        "job_deadline": times["expires_at"],
        "progress": 40.0,
        "model_id": row["model"],
        "error": _first_message(row) or None,
    }


def litellm(row: Row) -> Row:
    """`complete` for `completed` (BerriAI/litellm before 1.95, proxy/hooks/managed_files.py)."""
    return row | ({"status": "complete"} if row["status"] == "completed" else {})


def openrouter(row: Row) -> Row:
    """One time for every end, two open statuses, no files (openrouter.ai/docs, BatchListItem)."""
    usage, message = row["usage"], _first_message(row)
    is_ending = row["status"] in ("finalizing", "cancelling")
    return _only(row, "id object endpoint model completion_window created_at expires_at request_counts") | {
        "status": "in_progress" if is_ending else row["status"],
        "finalized_at": next(filter(None, (row[f"{name}_at"] for name in TERMINAL)), None),
        "error": {"message": message} if message else None,
        "provider": "OpenAI",
        "results": None,
        "usage": usage
        and {
            "prompt_tokens": usage["input_tokens"],
            "completion_tokens": usage["output_tokens"],
            "total_tokens": usage["total_tokens"],
        },
    }


def bifrost(row: Row) -> Row:
    """Counts what succeeded beside a `completed` of 0; 0 for no time (docs.getbifrost.ai, list batch jobs)."""
    counted = row["request_counts"]
    rest = {"succeeded": counted["completed"], "expired": 0, "canceled": 0, "pending": 0, "completed": 0}
    times = {name: at or 0 for name, at in row.items() if name.endswith("_at")}
    return row | times | {"request_counts": counted | rest}


def novita(row: Row) -> Row:
    """Times and errors as text, counts twice, a window of 48 hours (novita.ai/docs, list batch)."""
    files = {name: row[name] or "" for name in ("output_file_id", "error_file_id")}
    rest = {"errors": _first_message(row), "completion_window": "48h", "version": 1, "created_by": "user_1"}
    times = _in_iso(_without(row, "model usage"), "%Y-%m-%dT%H:%M:%SZ")
    return times | files | row["request_counts"] | rest


def parasail(row: Row) -> Row:
    """Not why a batch failed, nor when, nor when it expires (api-evangelist/parasail-ai, schema)."""
    return _only(
        row,
        "id object endpoint input_file_id output_file_id error_file_id status request_counts "
        "created_at completed_at cancelled_at metadata",
    )


def doubleword(row: Row) -> Row:
    """An `expired_at` once the window is over, in any status (doublewordai/control-layer, batches.rs)."""
    return _without(row, "model usage") | {"expired_at": row["expires_at"], "analytics": None}


def kluster(row: Row) -> Row:
    """Another `validating`, `errors` as a list (bespokelabsai/curator, openai_batch_request_processor)."""
    status = "pre_schedule" if row["status"] == "validating" else row["status"]
    return row | {"status": status, "errors": row["errors"]["data"] if row["errors"] else []}


def _only(row: Row, fields: str) -> Row:
    return {name: row.get(name) for name in fields.split()}


def _without(row: Row, fields: str) -> Row:
    return {name: value for name, value in row.items() if name not in fields.split()}


def _in_iso(row: Row, form: str) -> Row:
    times = {name: at for name, at in row.items() if name.endswith("_at") and at is not None}
    return row | {name: datetime.fromtimestamp(at, UTC).strftime(form) for name, at in times.items()}


def _first_message(row: Row) -> str:
    return str(row["errors"]["data"][0]["message"]) if row["errors"] else ""


# learn.microsoft.com, Azure OpenAI REST API, batch list: late batches are not promised to expire.
_NO_EXPIRY = frozenset({"expired"})
AZURE = ServerDialect("Azure", "/openai", key_header="api-key", api_version="2024-10-21", never=_NO_EXPIRY, row=azure)

DIALECTS = (
    ServerDialect("OpenAI"),
    AZURE,
    # learn.microsoft.com, Foundry REST API, list batches: OpenAI's rows, without a project.
    ServerDialect("Azure v1", "/openai/v1", key_header="api-key", never=_NO_EXPIRY),
    # groq/groq-python, src/groq/types/batch_list_response.py: object and data, no parameters.
    ServerDialect("Groq", "/openai/v1", has_pages=False, page=lambda page: {"object": "list", "data": page["data"]}),
    # togethercomputer/together-python, src/together/resources/batch.py: a bare array, no paging.
    ServerDialect("Together", has_pages=False, has_counts=False, row=together, page=lambda page: page["data"]),
    # BerriAI/litellm#37150: `after` is compared with ids of another kind, has_more stays true.
    ServerDialect(
        "LiteLLM before 1.95", after=After.COMPARED, row=litellm, page=lambda page: page | {"has_more": True}
    ),
    # BerriAI/litellm#38738: rows that its database cannot read leave empty pages that promise more.
    ServerDialect("LiteLLM with unreadable rows", after=After.PROMISED, row=litellm),
    ServerDialect(
        "OpenRouter", "/api/v1", row=openrouter, page=lambda page: page | {"first_id": None, "last_id": None}
    ),
    ServerDialect("Bifrost", row=bifrost, page=lambda page: page | {"next_cursor": page["last_id"]}),
    ServerDialect("Novita", "/openai/v1", row=novita),
    ServerDialect("Parasail", row=parasail),
    ServerDialect("Doubleword", after=After.FIRST_PAGE, never=_NO_EXPIRY | {"all failed"}, row=doubleword),
    ServerDialect("kluster.ai", row=kluster),
)
