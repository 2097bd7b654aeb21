"""Batches as the API answers them, and the notifications and messages made of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """The eight documented statuses. A server may answer others, which count as open."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


TERMINAL: frozenset[str] = frozenset({Status.FAILED, Status.COMPLETED, Status.EXPIRED, Status.CANCELLED})

DELETED = "gone"  # the status recorded of a batch that the server no longer knows; also in message metadata

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
    """Return the status in the API's own spelling; an unknown one is kept, in lower case."""
    word = "_".join(status.strip().lower().replace("-", " ").split())
    return _SPELLINGS.get(word, word)


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """Requests of a batch; `completed` are the successful ones. `total` is no less than its parts."""

    total: int
    completed: int
    failed: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", max(self.total, self.completed + self.failed))

    @property
    def rest(self) -> int:
        return self.total - self.completed - self.failed


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
class ErrorSummary:
    """Why requests failed, by the error file: each reason and how often it occurs, the most frequent first.

    `not_run` requests never ran. So many `lines` were read; unless `is_whole`, the file has more.
    """

    reasons: tuple[tuple[str, int], ...] = ()
    not_run: int = 0
    lines: int = 0
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch as the API answered it; times in Unix seconds, None where the API said nothing.

    `errors_left_out` counts what was cut. `error_summary` is read from its error file, not by this answer.
    `is_retrieved`: it was retrieved by id, and is not a row of a list.
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
    error_summary: ErrorSummary | None = None
    is_retrieved: bool = False

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def is_open(self) -> bool:
        return self.status not in TERMINAL and self.status != DELETED

    @property
    def ended_at(self) -> int | None:
        """When the batch reached its terminal status; None while open or where the server is silent."""
        return getattr(self, f"{self.status}_at") if self.is_terminal else None


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `raw` is its JSON, `batch` what was read from it, `id` its name in logs if nothing was."""

    id: str
    batch: Batch | None
    raw: Any


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of List Batches, newest first; `has_more` is None where the server does not say."""

    rows: tuple[Row, ...]
    has_more: bool | None = False
    project: str | None = None
    organization: str | None = None

    @property
    def batches(self) -> list[Batch]:
        return [row.batch for row in self.rows if row.batch]

    @property
    def unreadable(self) -> list[str]:
        return [row.id for row in self.rows if row.batch is None]


class Outcome(StrEnum):
    """How a batch really ended. `completed` is not success. REJECTED: it failed before any request ran."""

    SUCCEEDED = "succeeded"
    PARTLY_FAILED = "partly failed"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    EMPTY = "empty"
    UNKNOWN = "unknown"


def outcome_of(batch: Batch) -> Outcome | None:
    """Return the outcome of a terminal batch, None for an open one.

    "0 of 0" beside a file or usage is what a server says that does not count.
    """
    counts = batch.request_counts
    has_output = bool(batch.output_file_id or batch.error_file_id or (batch.usage and batch.usage.total_tokens))
    if batch.status == Status.FAILED:
        has_run = has_output or batch.in_progress_at is not None or (counts and counts.completed + counts.failed)
        return Outcome.FAILED if has_run else Outcome.REJECTED
    if batch.status != Status.COMPLETED:
        return Outcome(batch.status) if batch.is_terminal else None
    match counts:
        case RequestCounts(total=0, completed=0, failed=0) if not has_output:
            return Outcome.EMPTY
        case None | RequestCounts(completed=0, failed=0):
            return Outcome.UNKNOWN
        case RequestCounts(completed=0):
            return Outcome.FAILED
        case RequestCounts(total, completed, failed=0) if completed >= total:
            return Outcome.SUCCEEDED
    return Outcome.PARTLY_FAILED


def lacks_counts(batch: Batch) -> bool:
    """Whether a list shows a completed batch without the counts that tell how it ended: it may lag behind."""
    return not batch.is_retrieved and outcome_of(batch) in (Outcome.UNKNOWN, Outcome.EMPTY)


def has_failures(batch: Batch) -> bool:
    """Whether the batch or any of its requests failed, as far as it is known."""
    outcome = outcome_of(batch)
    is_likely = outcome is Outcome.UNKNOWN and batch.error_file_id is not None
    return is_likely or outcome in (Outcome.PARTLY_FAILED, Outcome.FAILED, Outcome.REJECTED)


def is_problem(batch: Batch) -> bool:
    """Whether somebody should look at it: it failed, wholly or in part, or expired."""
    return has_failures(batch) or batch.status == Status.EXPIRED


@dataclass(frozen=True, slots=True)
class Deleted:
    """An open batch that the server has not known since `missing_since`."""

    batch: Batch
    missing_since: int


@dataclass(frozen=True, slots=True)
class Watching:
    """A baseline was begun at `since`: what ends from now on is announced, as the last two fields select.

    `reason` is `installed`, or what is another than before: `base_url` or `project`.
    """

    since: int
    reason: str
    base_url: str
    open_count: int
    ended_count: int
    statuses: tuple[str, ...] = ()
    metadata_filter: str = ""


@dataclass(frozen=True, slots=True)
class KeyRefused:
    """OpenAI has refused the API key at every poll since `since`, with this HTTP status and its own code."""

    since: int
    status: int
    code: str | None = None


@dataclass(frozen=True, slots=True)
class KeyAccepted:
    """OpenAI accepts the API key again, which it refused from `refused_since` to `since`."""

    refused_since: int
    since: int


Subject = Batch | Deleted | Watching | KeyRefused | KeyAccepted


class State(StrEnum):
    """Where a notification stands until it is sent. LEASED: a run is posting it. PARKED: a person must act.

    UNKNOWN: an attempt's outcome is not known, so the channel is searched before the next one.
    """

    PENDING = "pending"
    LEASED = "leased"
    UNKNOWN = "unknown"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Notification:
    """One announcement, with a snapshot of its subject, and how far it came; `version` counts the writes.

    `id` is `<batch id>#<status>`, or of that form. `message_id` names its message, fixed before the first
    attempt; a leased one is left alone, any other not tried, before `due_at`. `unknown_since` is the first
    attempt whose outcome is not known. `attempts` counts posts and history reads in vain. `posted_unread`:
    a copy was posted although the history could not be read.
    """

    id: str
    recorded_at: int
    subject: Subject
    state: State = State.PENDING
    message_id: str | None = None
    due_at: float = 0
    attempts: int = 0
    unknown_since: float | None = None
    posted_unread: bool = False
    text_only: bool = False
    reason: str | None = None
    channel: str | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """Slack has the message: `ts` names it within the channel id `channel`."""

    ts: str
    channel: str


class Failure(StrEnum):
    """Why a post did not succeed, and so whether it may be repeated; see slack/errors.toml."""

    RATE_LIMITED = "rate_limited"  # Slack did not take it, and wants no other for a while
    UNKNOWN = "unknown"  # Slack may or may not have taken it
    BLOCKED = "blocked"  # Slack takes nothing for this channel or token until a person has changed something
    MALFORMED = "malformed"  # Slack refuses this very message, by a defect of ours
    REFUSED = "refused"  # Slack refuses it with an error name that is not in our list


@dataclass(frozen=True, slots=True)
class PostFailure:
    """Slack did not say that it has the message; `retry_after_s` is for RATE_LIMITED, `needed` a scope."""

    kind: Failure
    reason: str
    retry_after_s: float = 0
    code: str | None = field(default=None, compare=False)
    needed: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Message:
    """What is posted: `text`, which screen readers read, and `content`, further arguments of chat.postMessage."""

    ids: tuple[str, ...]
    team: str
    text: str
    content: Mapping[str, Any] = field(default_factory=dict)
