"""Foreign rows: batches as other servers write them, each made from OpenAI's row."""

from datetime import UTC, datetime

from local.openai_rows import Row


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
