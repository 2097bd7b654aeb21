"""What the table holds besides batches and notifications: the poll state, records, the outbox."""

from dataclasses import dataclass, field

from batchbell.models import Batch, Notification, RequestCounts, State


@dataclass(frozen=True, slots=True)
class Cursor:
    """Two times that move only after a complete read: every row older than `read_back_to` was read.

    A terminal batch without a record is new only if it was created at or after `announce_from`.
    """

    read_back_to: int = 0
    announce_from: int = 0


@dataclass(frozen=True, slots=True)
class Backlog:
    """What an incomplete read left: rows after `after`, down to a time. The first must be `expected`.

    Rows newer than `top_to` have been read. `cursor` is set when the range is done.
    """

    after: str
    expected: str
    down_to: int
    top_to: int
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class PollState:
    """What one poll leaves for the next; `version` counts the writes.

    State belongs to one server and project: if either changes, a new baseline begins. `project` is None until a page
    was read, and empty if that page named none. `baseline_reason` is None once its message is recorded;
    `baseline_ended` counts the batches it found ended. `polled_at` is the last poll in which nothing failed,
    `failure` what went wrong since. `is_stuck`: the server repeats itself instead of showing the rest of its list;
    `hides_new`: it shows only the oldest batches.
    `checked_to` is the position of the open batch that was retrieved by id last; the next poll goes on behind it.
    OpenAI has refused the key at `refused_polls` polls in a row since `refused_since`.
    """

    base_url: str
    baseline_at: int
    baseline_reason: str | None = "installed"
    project: str | None = None
    baseline_ended: int = 0
    cursor: Cursor = Cursor()
    backlog: Backlog | None = None
    open_count: int = 0
    polled_at: int | None = None
    failure: str | None = None
    is_stuck: bool = False
    hides_new: bool = False
    refused_since: int | None = None
    refused_polls: int = 0
    checked_to: str = ""
    version: int = 0

    @property
    def scope(self) -> str:
        """The server and project, as the index of open batches names them."""
        return f"{self.base_url} {self.project or '-'}"

    @property
    def has_unread(self) -> bool:
        """Whether a part of the list has not been read since the last complete read."""
        return self.is_stuck or self.backlog is not None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the table says of a batch. `announced` are the statuses of which a notification was made.

    `missing_since` is the first 404 in a row; `unconfirmed_since` the first time that it was listed as
    completed without counts. `position` grows with its creation; `scope` is that of an open or deleted batch.
    """

    status: str
    position: str = ""
    expires_at: int | None = None
    request_counts: RequestCounts | None = None
    announced: frozenset[str] = frozenset()
    missing_since: int | None = None
    unconfirmed_since: int | None = None
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What brings a record up to date, with its notification: both are written, or neither.

    `old_status` is None without a record, and the batch's own status if only progress or a time changes.
    """

    batch: Batch
    old_status: str | None
    notification: Notification | None = None
    missing_since: int | None = None
    unconfirmed_since: int | None = None


@dataclass(slots=True)
class RecordResult:
    """What became of some changes. A conflict comes with what the table says; `rejected` never fit."""

    stored: list[Change] = field(default_factory=list)
    conflicts: list[tuple[Change, Recorded | None]] = field(default_factory=list)
    rejected: list[Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Record:
    """A batch as it was recorded last; `scope` is set only while it is open or deleted."""

    batch: Batch
    position: str
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Some records, newest first, and whether there are more on either side."""

    records: tuple[Record, ...] = ()
    has_older: bool = False
    has_newer: bool = False


@dataclass(frozen=True, slots=True)
class Outbox:
    """All that is not sent, oldest first; `unreadable` counts items that a newer version wrote.

    Nothing is posted to the channel before `not_before`; `blocked_reason` is why Slack refuses it.
    """

    notifications: tuple[Notification, ...] = ()
    not_before: float = 0
    blocked_reason: str | None = None
    unreadable: int = 0

    @property
    def parked(self) -> list[Notification]:
        return [each for each in self.notifications if each.state is State.PARKED]
