"""Batches as List Batches shows them: new rows, and recorded ones."""

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]

TERMINAL = ("completed", "failed", "expired", "cancelled")
WINDOW_S = 86_400

# The statuses with a time of their own that a batch passes through, itself included.
_PASSED = {
    "validating": (),
    "failed": ("failed",),
    "in_progress": ("in_progress",),
    "finalizing": ("in_progress", "finalizing"),
    "completed": ("in_progress", "finalizing", "completed"),
    "expired": ("in_progress", "expired"),
    "cancelling": ("in_progress", "cancelling"),
    "cancelled": ("in_progress", "cancelling", "cancelled"),
}
_DONE = {"in_progress": 0.3, "finalizing": 1, "completed": 1, "expired": 0.7, "cancelling": 0.4, "cancelled": 0.4}
_LIFETIME_S = {"failed": 2, "finalizing": 4, "completed": 5, "expired": WINDOW_S, "cancelled": 5}

_TOKEN_LIMIT = {
    "code": "token_limit_exceeded",
    "message": "Enqueued token limit reached for gpt-4o-mini in organization org-test. Limit: 2,000,000 "
    "enqueued tokens. Please try again once some in_progress batches have been completed.",
    "param": None,
    "line": None,
}


def row(status: str = "in_progress", *, at: float, **fields: Any) -> Row:
    """Return a new batch that reached `status` at `at`; unless `fields` say otherwise, created shortly before."""
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
        "in_progress_at": created_at if "in_progress" in _PASSED.get(status, ()) else None,
        "expires_at": created_at + WINDOW_S,
        **dict.fromkeys(("finalizing_at", "completed_at", "failed_at", "expired_at")),
        **dict.fromkeys(("cancelling_at", "cancelled_at")),
        "request_counts": counts(0, 0, 0),
        "usage": None,
        "metadata": None,
    }
    return moved(new, status, at=at, **fields)


def counts(total: int, completed: int, failed: int) -> dict[str, int]:
    return {"total": total, "completed": completed, "failed": failed}


def errors(*rows: Row) -> Row:
    """Return the `errors` of a failed batch; without `rows`, of one over its token limit."""
    return {"object": "list", "data": list(rows) or [_TOKEN_LIMIT]}


def bad_lines(*lines: int) -> Row:
    """Return the `errors` of a batch whose input file is not valid JSON in these lines."""
    error = {"code": "invalid_json_line", "param": None, "message": "This line is not valid JSON."}
    return errors(*({**error, "line": line} for line in lines))


def moved(row: Row, status: str, *, at: float, **fields: Any) -> Row:
    """Return the row with `status` reached at `at`, and all that this changes unless `fields` say otherwise."""
    times = {f"{name}_at": int(at) for name in _PASSED.get(status, ()) if not row.get(f"{name}_at")}
    total = (row["request_counts"] or {}).get("total") or 10
    counted = counts(total, int(total * _DONE[status]), 0) if status in _DONE else row["request_counts"]
    new = row | {"status": status, "request_counts": counted} | times | fields
    done = new["request_counts"] or counts(0, 0, 0)
    if status == "failed":
        new["errors"] = errors()
    elif status in TERMINAL:
        new["output_file_id"] = _file_id() if done["completed"] else None
        new["error_file_id"] = _file_id() if done["completed"] < done["total"] else None
        new["usage"] = _usage(done["completed"])
    return new | fields


_FAILURES = (
    (429, "rate_limit_exceeded", "requests", "Rate limit reached for gpt-4o-mini. Please try again in 6s."),
    (429, "rate_limit_exceeded", "requests", "Rate limit reached for gpt-4o-mini. Please try again in 8s."),
    (400, "context_length_exceeded", "invalid_request_error", "Your messages resulted in 131072 tokens."),
)
_NOT_RUN = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed, because the batch was cancelled."),
}
_MAX_REQUESTS = 50_000


def error_file(row: Row) -> bytes:
    """Return the error file of an ended batch: a line for each request that failed, or was not run."""
    counted = row["request_counts"] or counts(0, 0, 0)
    lines = []
    for number in range(min(counted["failed"], _MAX_REQUESTS)):
        status, code, kind, message = _FAILURES[number % len(_FAILURES)]
        body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
        lines.append(
            {"response": {"status_code": status, "request_id": f"req_{number:05}", "body": body}, "error": None}
        )
    if row["status"] in _NOT_RUN:
        code, message = _NOT_RUN[row["status"]]
        left = counted["total"] - counted["completed"] - counted["failed"]
        lines += [{"response": None, "error": {"code": code, "message": message}}] * min(left, _MAX_REQUESTS)
    ids = ({"id": f"batch_req_{number:05}", "custom_id": f"request-{number}"} for number in range(len(lines)))
    return b"".join(json.dumps(id | line).encode() + b"\n" for id, line in zip(ids, lines, strict=True))


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


# Recordings.

_REOPENED = 10
_NEWEST_AGE_S = 5
_MOST_APART_S = 60


class RecordingError(Exception):
    """The file is not a recorded answer of List Batches."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded list, newest first, with its times shifted as if recorded just now.

    `rows` are as they are shown at first: of the newest ten, those that had ended are open again.
    `ending` are those ten as recorded, in the same order; `staying_open` were recorded open.
    """

    rows: tuple[Row, ...]
    ending: tuple[Row, ...]
    staying_open: tuple[Row, ...]


def load(path: Path, now: float) -> Recording:
    """Return the recording in this file.

    The older rows are shifted together, so that their order and durations stay. The newest ten are
    brought within a minute of each other, so that each looks newly created.

    Raises: RecordingError, in one line.
    """
    rows = sorted(_recorded(path), key=lambda row: -row["created_at"])
    shown, ending, created_at = [], [], int(now) - _NEWEST_AGE_S
    for newer, row in zip([rows[0], *rows], rows[:_REOPENED], strict=False):
        created_at -= min(newer["created_at"] - row["created_at"], _MOST_APART_S)
        shifted = _shifted(row, created_at - row["created_at"])
        started_at = min(shifted.get("in_progress_at") or created_at, int(now))
        if row["status"] in TERMINAL:
            ending.append(shifted | ({"in_progress_at": started_at} if row.get("in_progress_at") else {}))
            shown.append(_reopened(shifted, started_at))
        else:
            shown.append(shifted | {name: min(at, int(now)) for name, at in _times(shifted).items()})
    older = rows[_REOPENED:]
    last_at = max((at for row in older for at in _times(row).values()), default=0)
    shown += [_shifted(row, created_at - 1 - last_at) for row in older]
    reopened = {row["id"] for row in ending}
    staying = (row for row in shown if row["status"] not in TERMINAL and row["id"] not in reopened)
    return Recording(tuple(shown), tuple(ending), tuple(staying))


def ended(recorded: Row, now: float) -> Row:
    """Return the recorded row as if it ended now: only the times after its start differ."""
    start_at = recorded.get("in_progress_at") or recorded["created_at"]
    times = {name: at for name, at in _times(recorded).items() if at > start_at}
    by = int(now) - max(times.values(), default=start_at)
    moved_times = {name: max(at + by, start_at) for name, at in times.items()}
    return recorded | moved_times | {f"{recorded['status']}_at": int(now)}


def _reopened(row: Row, started_at: int) -> Row:
    """Return the row as it was in progress, with nothing done."""
    results = {"errors", "output_file_id", "error_file_id", "usage"} & row.keys()
    unset = dict.fromkeys(results | (_times(row).keys() - {"created_at"}))
    total = (row.get("request_counts") or {}).get("total") or 0
    start = {"status": "in_progress", "in_progress_at": started_at, "request_counts": counts(total, 0, 0)}
    return row | unset | start


def _times(row: Row) -> dict[str, int]:
    """Return the times at which something happened: all but `expires_at`."""
    return {name: at for name, at in _all_times(row).items() if name != "expires_at"}


def _all_times(row: Row) -> dict[str, int]:
    return {name: at for name, at in row.items() if name.endswith("_at") and isinstance(at, int)}


def _shifted(row: Row, by: int) -> Row:
    return row | {name: at + by for name, at in _all_times(row).items()}


def _recorded(path: Path) -> list[Row]:
    try:
        content: Any = json.loads(path.read_bytes())
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise RecordingError(f"{path}: not JSON") from error
    rows = content.get("data") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not rows:
        raise RecordingError(f"{path}: no list of batches")
    for number, row in enumerate(rows, start=1):
        match row:
            case {"id": str(), "status": str(), "created_at": int()}:
                continue
        raise RecordingError(f"{path}: row {number} is not a batch")
    return rows
