"""Rows: batches as OpenAI's API writes them, and how they move from status to status."""

import uuid
from typing import Any

Row = dict[str, Any]

WINDOW_S = 86400

# The statuses with a time of their own that a batch passes through, itself included.
_COURSE = {
    "validating": (),
    "failed": ("failed",),
    "in_progress": ("in_progress",),
    "finalizing": ("in_progress", "finalizing"),
    "completed": ("in_progress", "finalizing", "completed"),
    "expired": ("in_progress", "expired"),
    "cancelling": ("in_progress", "cancelling"),
    "cancelled": ("in_progress", "cancelling", "cancelled"),
}

_DONE = {
    "in_progress": 0.3,
    "finalizing": 1,
    "completed": 1,
    "expired": 0.7,
    "cancelling": 0.4,
    "cancelled": 0.4,
}

_LIFETIME_S = {"failed": 2, "finalizing": 4, "completed": 5, "expired": WINDOW_S, "cancelled": 5}


def row(status: str = "in_progress", *, at: float, **fields: Any) -> Row:
    """A batch that came to `status` at `at`, Unix seconds; it was created shortly before.

    `fields` say otherwise. As at OpenAI, what is not set is null.
    """
    created_at = int(fields.get("created_at", at - _LIFETIME_S.get(status, 0)))
    new = {
        "id": f"batch_{created_at:08x}{uuid.uuid4().hex[:24]}",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "model": "gpt-4o-mini-2024-07-18",
        "errors": None,
        "input_file_id": _file_id(),
        "completion_window": "24h",
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": created_at,
        "in_progress_at": None,
        "expires_at": created_at + WINDOW_S,
        "finalizing_at": None,
        "completed_at": None,
        "failed_at": None,
        "expired_at": None,
        "cancelling_at": None,
        "cancelled_at": None,
        "request_counts": counts(0, 0, 0),
        "usage": None,
        "metadata": None,
    }
    born = new | {"in_progress_at": created_at} if "in_progress" in _COURSE.get(status, ()) else new
    return moved(born, status, at=at, **fields)


def counts(total: int, completed: int, failed: int) -> dict[str, int]:
    return {"total": total, "completed": completed, "failed": failed}


def errors(*rows: Row) -> Row:
    """The `errors` of a failed batch; without `rows`, of one over its token limit."""
    limit = {
        "code": "token_limit_exceeded",
        "message": "Enqueued token limit reached for gpt-4o-mini in organization org-test. Limit: 2,000,000 "
        "enqueued tokens. Please try again once some in_progress batches have been completed.",
        "param": None,
        "line": None,
    }
    return {"object": "list", "data": list(rows) or [limit]}


def moved(row: Row, status: str, *, at: float, **fields: Any) -> Row:
    """The row once it has come to `status` at `at`, with all that goes with it unless `fields` say otherwise."""
    times = {f"{name}_at": int(at) for name in _COURSE.get(status, ()) if not row.get(f"{name}_at")}
    total = (row["request_counts"] or {}).get("total") or 10
    counted = counts(total, int(total * _DONE[status]), 0) if status in _DONE else row["request_counts"]
    new = row | {"status": status, "request_counts": counted} | times | fields
    done = new["request_counts"] or counts(0, 0, 0)
    outcome: Row = {}
    if status == "failed":
        outcome = {"errors": errors()}
    elif status in ("completed", "expired", "cancelled"):
        outcome = {
            "output_file_id": _file_id() if done["completed"] else None,
            "error_file_id": _file_id() if done["completed"] < done["total"] else None,
            "usage": _usage(done["completed"]),
        }
    return new | outcome | fields


def _usage(requests: int) -> Row:
    return {
        "input_tokens": 1200 * requests,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 300 * requests,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 1500 * requests,
    }


def _file_id() -> str:
    return f"file-{uuid.uuid4().hex[:22]}"
