"""Batch: the API's object, its statuses and a page of its list."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The eight documented statuses; a server may answer others, which count as open."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


TERMINAL: frozenset[str] = frozenset({Status.FAILED, Status.COMPLETED, Status.EXPIRED, Status.CANCELLED})

_SPELLINGS = {
    "canceled": Status.CANCELLED,
    "canceling": Status.CANCELLING,
    "complete": Status.COMPLETED,
    "succeeded": Status.COMPLETED,
    "error": Status.FAILED,
    "errored": Status.FAILED,
    "timed_out": Status.EXPIRED,
}


def normalised(status: str) -> str:
    """The status in the API's own spelling; one nobody has heard of is kept, in lower case."""
    word = "_".join(status.strip().lower().replace("-", " ").split())
    return _SPELLINGS.get(word, word)


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """Requests of a batch; `completed` are the successful ones."""

    total: int
    completed: int
    failed: int


@dataclass(frozen=True, slots=True)
class BatchError:
    """Why a batch failed; `line` is a line of the input file, counted from 1."""

    code: str | None = None
    message: str | None = None
    line: int | None = None
    param: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens; cached ones are part of the input, reasoning ones of the output."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch as the API answered it; times in Unix seconds, `None` where the API said nothing.

    `errors` and `metadata` are bounded when parsed; `errors_left_out` counts what was cut.
    `is_retrieved` tells a batch asked for by id from a row of a list.
    """

    id: str
    status: str
    created_at: int | None = None
    endpoint: str | None = None
    model: str | None = None
    completion_window: str | None = None
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    in_progress_at: int | None = None
    expires_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    request_counts: RequestCounts | None = None
    usage: Usage | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    errors: tuple[BatchError, ...] = ()
    errors_left_out: int = 0
    is_retrieved: bool = False

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def ended_at(self) -> int | None:
        """When the batch reached its terminal status; None while open or where the server is silent."""
        ends: dict[str, int | None] = {
            Status.COMPLETED: self.completed_at,
            Status.FAILED: self.failed_at,
            Status.EXPIRED: self.expired_at,
            Status.CANCELLED: self.cancelled_at,
        }
        return ends.get(self.status)


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of List Batches, newest first.

    `has_more` is None where the server does not say. `unreadable` names the rows that could not
    be parsed (their ids, or their places). `project` is the `openai-project` response header.
    """

    batches: tuple[Batch, ...]
    has_more: bool | None = False
    unreadable: tuple[str, ...] = ()
    project: str | None = None
