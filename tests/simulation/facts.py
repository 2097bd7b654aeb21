"""What the table holds, in terms that do not depend on its format."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Record:
    """What is recorded of a batch; a deleted one is `gone`. `ttl` is None if the record does not expire."""

    status: str
    ttl: float | None


@dataclass(frozen=True, slots=True)
class PollState:
    """`is_settled`: the baseline was announced and no incident is open. `has_backlog`: pages are unread."""

    baseline_at: float
    read_back_to: float
    announce_from: float
    is_settled: bool
    has_backlog: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """`followed` are the batches that count as open; `undelivered` holds the ids of notifications."""

    state: PollState | None = None
    records: Mapping[str, Record] = field(default_factory=dict)
    followed: frozenset[str] = frozenset()
    undelivered: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
