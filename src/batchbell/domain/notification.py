"""Notification: one thing owed to Slack; Message: what is posted as one; Answer: what Slack made of it."""

from dataclasses import dataclass
from enum import StrEnum

from batchbell.domain.batch import Batch


@dataclass(frozen=True, slots=True)
class Gone:
    """A watched batch that the server has not known since `missing_since`."""

    batch: Batch
    missing_since: int


class BaselineReason(StrEnum):
    """Why batchbell began to watch a list anew."""

    INSTALLED = "installed"
    BASE_URL = "base_url"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Watching:
    """A list is being watched from `since` on: `open_count` batches will be told of when they end.

    `statuses` and `metadata_filter` say of which batches the channel will hear.
    """

    since: int
    reason: BaselineReason
    base_url: str
    open_count: int
    ended_count: int
    statuses: tuple[str, ...] = ()
    metadata_filter: str = ""


@dataclass(frozen=True, slots=True)
class KeyRefused:
    """OpenAI has refused the API key (`status` 401 or 403) at every poll since `since`."""

    since: int
    status: int


@dataclass(frozen=True, slots=True)
class KeyAccepted:
    """OpenAI takes the key again, which it refused from `refused_since` to `since`."""

    refused_since: int
    since: int


Subject = Batch | Gone | Watching | KeyRefused | KeyAccepted


@dataclass(frozen=True, slots=True)
class Notification:
    """One message owed to Slack, with a snapshot of what it will say.

    `id` is `<batch id>#<status>` for a transition and `<batch id>#gone` for a lost batch; the
    bot's own troubles have ids of the same form. `look_first`: it may have been announced before
    the table was restored to an earlier time, so the channel is searched before it is posted.
    """

    id: str
    recorded_at: int
    subject: Subject
    look_first: bool = False


class Form(StrEnum):
    """How a message is drawn: `PLAIN` has no blocks, for when Slack refused them."""

    BLOCKS = "blocks"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Message:
    """One or more notifications posted as one: always the same, less those that were announced otherwise.

    It is `parked` while a person must act. `unresolved_since` is the time of the first attempt
    whose outcome is unknown; `channel` is where that attempt was made. It `may_be_repeat` if there
    was such an attempt before the last one; `is_blind` if it was not looked for before the last.
    `version` counts the writes, so that two deliveries never work on one message.
    """

    id: str
    notifications: tuple[Notification, ...]
    version: int = 0
    next_attempt_at: float = 0
    attempts: int = 0
    channel: str = ""
    unresolved_since: float | None = None
    parked: str | None = None
    form: Form = Form.BLOCKS
    may_be_repeat: bool = False
    is_blind: bool = False

    @property
    def says_repeat(self) -> bool:
        """Whether it says of itself that it may be a repeat."""
        return self.may_be_repeat or self.is_blind


@dataclass(frozen=True, slots=True)
class Accepted:
    """Slack has the message: `ts` is its name within channel id `channel`."""

    ts: str
    channel: str


@dataclass(frozen=True, slots=True)
class RefusedForNow:
    """Slack did not take the message and wants no other before `retry_after_s` seconds."""

    reason: str
    retry_after_s: float


@dataclass(frozen=True, slots=True)
class Unclear:
    """Slack may or may not have taken the message."""

    reason: str


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """Slack will take nothing for this channel or token until a person has changed something."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unacceptable:
    """Slack refuses this very message, by a defect of ours."""

    reason: str


Answer = Accepted | RefusedForNow | Unclear | Misconfigured | Unacceptable
